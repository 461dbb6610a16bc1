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
    addresses = {}
    for suffix, kind in _KINDS.items():
        files = [file for file in sorted(folder.glob(f"*{suffix}")) if file.name not in without]
        body = "\n".join(f"/* {file.name} */\n{file.read_text('utf-8')}" for file in files).encode()
        addresses[suffix] = f"/assets/terminal-{sha256(body).hexdigest()[:16]}{suffix}"
        _serve(server, addresses[suffix], body, kind)
    return addresses


def _serve(server: Flask, address: str, body: bytes, kind: str) -> None:
    def answer() -> Response:
        return Response(body, mimetype=kind, headers={"Cache-Control": "public, max-age=31536000, immutable"})

    server.add_url_rule(address, f"bundle{address}", answer)
