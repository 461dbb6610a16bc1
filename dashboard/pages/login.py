"""The login page: a document of its own, for people who may not see the others yet."""

from typing import Final

from flask import Flask, Response

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="dark light">
<title>Log in · CryptoViz</title>
<link rel="icon" type="image/svg+xml" href="/assets/icons/logo.svg">
<script src="/assets/theme.js"></script>
<script src="/assets/texts.js"></script>
<link rel="stylesheet" href="/assets/tokens.css">
<link rel="stylesheet" href="/assets/base.css">
<link rel="stylesheet" href="/assets/login.css">
</head>
<body>
<main class="login">
<form method="post">
<p class="brand-line"><span class="icon icon-logo" aria-hidden="true"></span><span class="brand">CryptoViz</span></p>
<h1>Log in</h1>
<label>Name<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="200" required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" maxlength="200" required></label>
<p class="wrong" role="alert" hidden></p>
<button type="submit">Log in</button>
</form>
</main>
<script src="/assets/login.js"></script>
</body>
</html>
"""


def mount(server: Flask) -> None:
    @server.get("/login")
    def login() -> Response:
        return Response(_PAGE, mimetype="text/html", headers={"Cache-Control": "no-store"})
