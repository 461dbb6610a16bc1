"""Folders for unix sockets: private, and short enough."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from pipeline.embedded.processes import User
from pipeline.errors import SetupError

#: sockaddr_un holds 108 bytes with the closing zero on Linux, 104 elsewhere.
_LONGEST = 103


def private_folder(wanted: Path, name: str, user: User | None = None) -> Path:
    """`wanted`, or a short one under the temporary folder when the path of the socket `name` in it would be too long.

    Mode 0700 and owned by `user` (us, when None): whoever can open the folder is let in by the servers.
    """
    folder = wanted.resolve()
    owner = user.uid if user else os.geteuid()
    if len(os.fsencode(folder / name)) > _LONGEST:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]
        folder = Path(tempfile.gettempdir()) / f"cryptoviz-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), owner):
        raise SetupError(f"{folder} belongs to someone else; remove it, or choose another --data folder")
    folder.chmod(0o700)
    if user:
        os.chown(folder, user.uid, user.gid)
    return folder
