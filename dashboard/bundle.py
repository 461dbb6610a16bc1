"""The scripts of the terminal as one file, and its styles as another: a first visit would ask for a hundred of them, six at a time, and
wait longer for its turns than for what they bring."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Flask, Response

_KINDS: Final = {".css": "text/css", ".js": "text/javascript"}


def mount(server: Flask, folder: Path, without: frozenset[str]) -> dict[str, str]:
    """Serve the files of `folder`, `without` those of that name, in the order of their names: suffix → address.

    An address names what it gives, so browsers keep it for good; what is changed on disk is there after a restart.
    """
    return {suffix: _serve(server, folder, suffix, without) for suffix in _KINDS}


def _serve(server: Flask, folder: Path, suffix: str, without: frozenset[str]) -> str:
    files = [file for file in sorted(folder.glob(f"*{suffix}")) if file.name not in without]
    body = "\n".join(f"/* {file.name} */\n{file.read_text('utf-8')}" for file in files).encode()
    ours = sha256(body).hexdigest()[:16]

    def answer(version: str) -> Response:
        # During an update a page of the other version may ask here: ours will do, for this once.
        keep = "public, max-age=31536000, immutable" if version == ours else "no-store"
        return Response(body, mimetype=_KINDS[suffix], headers={"Cache-Control": keep})

    server.add_url_rule(f"/assets/terminal-<version>{suffix}", f"bundle{suffix}", answer)
    return f"/assets/terminal-{ours}{suffix}"
