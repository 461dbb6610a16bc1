"""The doctor finds what is wrong, and says how to mend it."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.doctor import examine, findings
from pipeline.settings import Settings
from pipeline.store.migrate import migrate

Make = Callable[..., Settings]
#: Nothing listens there, and the answer comes at once.
NOBODY = "http://127.0.0.1:9"


def test_a_sound_set_up_has_no_failure(settings: Make) -> None:
    made = settings(binance_rest_url=NOBODY)
    migrate(made.database_url)
    said: list[str] = []
    assert examine(made, said.append) == 0, said
    levels = {finding.subject: finding.level for finding in findings(made)}
    assert levels["database"] == levels["redis"] == levels["packages"] == "ok"


@pytest.mark.parametrize(
    ("subject", "wrong", "mend"),
    [
        ("database", {"database_url": "postgresql://nobody@127.0.0.1:9/x"}, "CRYPTOVIZ_DATABASE_URL"),
        ("redis", {"redis_url": "redis://127.0.0.1:9/0"}, "CRYPTOVIZ_REDIS_URL"),
        ("data folder", {"data": Path("/proc/cryptoviz")}, "--data"),
        ("binance", {"exchange": "binance"}, "--exchange simulator"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(
    settings: Make, subject: str, wrong: dict[str, object], mend: str
) -> None:
    made = settings(**{"binance_rest_url": NOBODY, **wrong})
    found = {finding.subject: finding for finding in findings(made)}
    assert found[subject].level == "fail"
    assert mend in found[subject].mend
    assert examine(made, lambda _: None) == 1


def test_a_taken_port_is_a_failure(settings: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        made = settings(binance_rest_url=NOBODY, port=taken.getsockname()[1])
        assert {finding.subject: finding.level for finding in findings(made)}["port"] == "fail"
