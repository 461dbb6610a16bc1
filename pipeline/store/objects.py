"""Where the cold tier's files lie: an S3 bucket or a folder, through fsspec."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.errors import ColdUnavailable, SetupError


class Objects:
    """`url`: a folder, or `s3://bucket/prefix`, `?endpoint_override=…&scheme=…&region=…` for servers other than Amazon's; the keys
    come from the environment (AWS_ACCESS_KEY_ID, …). Connects at the first use.

    S3 is spoken by Arrow behind fsspec's interface: its reads are plain blocking calls. s3fs runs an asyncio loop on a thread, which
    under gevent is no thread, and refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[Any, str] | None = None

    def put(self, source: Path, path: str) -> None:
        """Store the file under `path`, whole or not at all. Raises ColdUnavailable; SetupError for a URL that cannot be."""
        fs, root = self._at()
        with _asking(self.url), source.open("rb") as data, fs.open(f"{root}/{path}", "wb") as out:
            shutil.copyfileobj(data, out, 1 << 20)

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """To read. Raises FileNotFoundError, and as `put`."""
        fs, root = self._at()
        with _asking(self.url):
            file = fs.open(f"{root}/{path}", "rb")
        with file:
            yield file

    def size(self, path: str) -> int:
        fs, root = self._at()
        with _asking(self.url):
            return int(fs.info(f"{root}/{path}")["size"])

    def remove(self, path: str) -> None:
        """Nothing when it is not there."""
        fs, root = self._at()
        with _asking(self.url):
            try:
                fs.rm_file(f"{root}/{path}")
            except FileNotFoundError:
                return

    def _at(self) -> tuple[Any, str]:
        if self._opened is None:
            self._opened = _open(self.url)
        return self._opened


def _open(url: str) -> tuple[Any, str]:
    if not url.startswith("s3://"):
        from fsspec.implementations.local import LocalFileSystem

        return LocalFileSystem(auto_mkdir=True), str(Path(url.removeprefix("file://")).absolute())
    import pyarrow as pa
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    try:
        fs, root = FileSystem.from_uri(url)
    except (pa.ArrowException, OSError) as error:
        raise SetupError(f"cold_url: '{url}' cannot be used ({error}); write it like s3://bucket/prefix.") from error
    return ArrowFSWrapper(fs), root.rstrip("/")


@contextmanager
def _asking(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ColdUnavailable(f"The object store {url.partition('?')[0]} does not answer: {error}") from error
