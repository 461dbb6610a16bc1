"""nginx as compose.yaml has it, with its own configuration, in front of web servers on this machine."""

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.stack import eventually, free_port
from tests.tools import REPOSITORY, need


class Front:
    def __init__(self, port: int, certificate: Path) -> None:
        self.url = f"https://localhost:{port}"
        self.socket = f"wss://localhost:{port}/ws/crypto"
        self.trust = ssl.create_default_context(cafile=str(certificate))

    def get(self, path: str, key: str = "") -> httpx.Response:
        head = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.get(self.url + path, headers=head, verify=self.trust, timeout=10)


def secrets(folder: Path) -> Path:
    """What deploy/secrets.sh makes, in `folder`."""
    shutil.copy(REPOSITORY / "deploy" / "secrets.sh", folder)
    subprocess.run(["sh", "secrets.sh"], cwd=folder, capture_output=True, check=True)
    again = subprocess.run(["sh", "secrets.sh"], cwd=folder, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == ("", ""), "what is there stays"
    return folder / "secrets"


@contextmanager
def nginx(folder: Path, made: Path, ports: Sequence[int]) -> Iterator[Front]:
    """While it runs: the web servers at `ports` behind TLS, with the `made` secrets."""
    program, port = need("nginx", "nginx-light"), free_port()
    text = (REPOSITORY / "deploy" / "nginx" / "nginx.conf").read_text()
    for ours, here in (
        ("/tmp/", f"{folder}/"),
        # Debian's nginx is older than the image's: http2 is written otherwise, and names are looked up once.
        ("listen 8443 ssl;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("http2 on;", ""),
        ("server web:8050 resolve;", "".join(f"server 127.0.0.1:{one};" for one in ports)),
        ("resolver 127.0.0.11 valid=5s;", ""),
        ("/run/secrets/", f"{made}/"),
        ("/dev/stdout", f"{folder}/access.log"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    (folder / "nginx.conf").write_text(text)
    # Its workers must read what only we may.
    user = " user root;" if os.getuid() == 0 else ""
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", f"daemon off;{user}"]
    with (folder / "error.log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    front = Front(port, made / "tls_certificate")

    def answers() -> bool:
        try:
            return front.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    try:
        assert eventually(answers, 15), (folder / "error.log").read_text()
        yield front
    finally:
        process.terminate()
        process.wait(10)
