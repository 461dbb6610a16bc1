"""What is recorded can be played: our own files and other recorders'."""

import asyncio
import gzip
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline.errors import SetupError
from pipeline.exchanges.base import Event
from pipeline.exchanges.binance_frames import Depth, FrameReader
from pipeline.exchanges.recording import Recorder, read_frames
from pipeline.exchanges.replay import Replay
from pipeline.exchanges.sockets import RawFrame
from pipeline.model import Ticker, Trade

NS = 1_723_161_255_000_000_000


def trade(number: int) -> bytes:
    return (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":%d,"p":"61837.63","q":"0.02",'
        b'"T":1723161255342,"m":true,"M":true}}' % number
    )


def frames(count: int, step: int = 1_000_000) -> list[RawFrame]:
    return [RawFrame(NS + i * step, trade(i)) for i in range(count)]


def play(replay: Replay) -> list[Event]:
    async def all_events() -> list[Event]:
        return [event async for events in replay.stream([]) for event in events]

    return asyncio.run(all_events())


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "session.zst"
    recorder = Recorder(path)
    recorder.write(frames(3000))
    recorder.write(frames(10))
    recorder.close()
    assert list(read_frames(path)) == [*frames(3000), *frames(10)]


def test_a_killed_recorder_leaves_everything_it_flushed(tmp_path: Path) -> None:
    path, killed = tmp_path / "session.zst", tmp_path / "killed.zst"
    recorder = Recorder(path)
    recorder.write(frames(3000))
    recorder.flush()
    killed.write_bytes(path.read_bytes())
    recorder.write(frames(10))
    recorder.close()
    assert list(read_frames(killed)) == frames(3000)
    # Cut off anywhere at all, the front still reads.
    killed.write_bytes(path.read_bytes()[:-40])
    assert list(read_frames(killed))[:100] == frames(100)


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "session.zst"
    Recorder(path).close()
    with pytest.raises(OSError, match="exists"):
        Recorder(path)


def test_receive_times_in_every_unit_are_nanoseconds_afterwards(tmp_path: Path) -> None:
    for digits in (13, 16, 19):
        path = tmp_path / f"{digits}.gz"
        with gzip.open(path, "wb") as file:
            file.write(str(NS)[:digits].encode() + b" " + trade(1) + b"\n")
        assert list(read_frames(path)) == [RawFrame(NS, trade(1))]


#: File → frames, trades (aggregates too), quotes, changes of books: what the README of the recordings counts.
COUNTS = {
    "hft_binance_spot_btcusdt_20240808.gz": (41249, 9757, 28040, 3451),
    "hft_binance_spot_btcusdt_20240809.gz": (58325, 10147, 45134, 3044),
    "hft_binance_spot_btcusdt_20230405.gz": (15088, 3144, 8015, 3929),
    "hft_binance_usdm_btcusdt_20230404.gz": (13384, 2197, 6765, 4322),
    "hft_binance_usdm_btcusdt_20230405.gz": (60381, 10738, 37440, 11788),
    "cryptofeed_binance_spot_20210404_btc_eth_dot.txt.gz": (4716, 1910, 0, 2688),
    "cryptofeed_binance_spot_20211012.jsonl.gz": (265, 2, 84, 177),
    "cryptofeed_binance_usdm_20210722.jsonl.gz": (1535, 91, 613, 764),
}


@pytest.mark.parametrize("name", COUNTS)
def test_every_session_reads_without_an_error(recordings: Path, name: str) -> None:
    if not (recordings / name).exists():
        pytest.skip(f"the recording {name} is not here")
    reader, found, frames = FrameReader("BINANCE"), Counter[type](), 0
    for frame in read_frames(recordings / name):
        frames += 1
        found[type(reader.read(frame.data))] += 1
    # Futures keep their ids running with trades that are none.
    trades = found[Trade] + reader.ignored["trade"]
    assert (frames, trades, found[Ticker], found[Depth]) == COUNTS[name]


def test_every_recording_there_is_plays(recordings: Path) -> None:
    """Also those that nobody has named here."""
    for path in sorted(recordings.glob("*.gz")):
        replay = Replay([path], "max")
        play(replay)
        assert replay.health().frames > 0, path.name
        assert "bad" not in replay.health().ignored, path.name


def test_several_files_play_in_the_order_given(tmp_path: Path) -> None:
    paths = []
    for number in (2, 1):
        paths.append(tmp_path / f"{number}.zst")
        recorder = Recorder(paths[-1])
        recorder.write([RawFrame(NS, trade(number))])
        recorder.close()
    assert [getattr(event, "trade_id", "") for event in play(Replay(paths, "max"))] == ["2", "1"]


@pytest.mark.parametrize(("speed", "least"), [("1", 0.3), ("10", 0.03)])
def test_a_replay_keeps_the_pace_of_its_recording(tmp_path: Path, speed: str, least: float) -> None:
    path = tmp_path / "session.zst"
    recorder = Recorder(path)
    recorder.write(frames(4, step=100_000_000))
    recorder.close()
    began = time.monotonic()
    assert len(play(Replay([path], speed))) == 4
    assert least <= time.monotonic() - began < least + 0.25


def test_a_bad_frame_is_counted_and_the_rest_plays(tmp_path: Path) -> None:
    path = tmp_path / "session.zst"
    recorder = Recorder(path)
    recorder.write([RawFrame(NS, trade(1)), RawFrame(NS, b"{broken"), RawFrame(NS, trade(2))])
    recorder.close()
    replay = Replay([path], "max")
    assert len(play(replay)) == 2
    assert replay.health().ignored == {"bad": 1}


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no recording"):
        Replay([tmp_path / "absent.zst"])
    other = tmp_path / "other.txt"
    other.write_text("Dear diary,\n")
    with pytest.raises(SetupError, match="not a recording"):
        list(read_frames(other))
