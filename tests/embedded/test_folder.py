"""The data folder is held by one, and emptied of what is ours alone."""

import os
from pathlib import Path

import pytest

from pipeline.embedded import folder
from pipeline.errors import SetupError


def test_one_holder_at_a_time_and_the_other_is_told_who(tmp_path: Path) -> None:
    with (
        folder.held(tmp_path),
        pytest.raises(SetupError, match=rf"pid {os.getpid()}\).*--data"),
        folder.held(tmp_path),
    ):
        pass
    with folder.held(tmp_path):
        assert folder.holder(tmp_path) == os.getpid()
    assert folder.holder(tmp_path) is None


def test_emptying_takes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    with folder.held(tmp_path):
        (tmp_path / "postgres").mkdir()
        (tmp_path / "postgres" / "PG_VERSION").write_text("18")
        (tmp_path / "valkey.log").write_text("")
        (tmp_path / "recording.zst").write_text("mine")
        folder.check_ours(tmp_path)
        folder.empty(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {folder.LOCK, "recording.zst"}


def test_a_folder_without_our_mark_is_not_ours(tmp_path: Path) -> None:
    folder.check_ours(tmp_path / "new")
    folder.check_ours(tmp_path)
    (tmp_path / "postgres").mkdir()
    with pytest.raises(SetupError, match="not made by cryptoviz"):
        folder.check_ours(tmp_path)
