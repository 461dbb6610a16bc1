"""Where the cold tier's files lie: an S3 bucket or a folder, through fsspec."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import parse_qsl, urlsplit

from pipeline.errors import ColdUnavailable, SetupError

_OPTIONS: Final = {"endpoint_override", "scheme", "region"}
#: Seconds. A request of ours is a file of some MB or less.
_PATIENCE: Final = {"connect_timeout": 5, "request_timeout": 30}


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
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if not parts.netloc or options.keys() - _OPTIONS:
        raise SetupError(
            f"cold_url: '{url}' cannot be used; write it like s3://bucket/prefix, with no other options than "
            f"{', '.join(sorted(_OPTIONS))}."
        )
    return ArrowFSWrapper(S3FileSystem(**_PATIENCE, **options)), f"{parts.netloc}{parts.path}".rstrip("/")


@contextmanager
def _asking(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ColdUnavailable(f"The object store {url.partition('?')[0]} does not answer: {error}") from error
