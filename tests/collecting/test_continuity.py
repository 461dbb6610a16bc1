"""Order and completeness by trade id."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.collecting.continuity import Continuity, Gap
from pipeline.model import Trade


def trade(number: int) -> Trade:
    return Trade("BINANCE", "BTC/USDT", 1_700_000_000_000 + number, Decimal(1), Decimal(1), "buy", str(number))


def trades(*numbers: int) -> list[Trade]:
    return [trade(number) for number in numbers]


def ids(out: list[Trade]) -> list[int]:
    return [int(t.trade_id) for t in out]


def test_in_order_they_pass() -> None:
    continuity = Continuity()
    assert ids(continuity.take(trades(7, 8, 9))) == [7, 8, 9]
    assert continuity.gap is None


def test_a_jump_holds_what_follows_until_it_is_filled() -> None:
    continuity = Continuity(newest=9)
    assert continuity.take(trades(12, 13)) == []
    assert continuity.gap == Gap(10, 11)
    repaired, released = continuity.fill(Gap(10, 11), trades(10, 11, 12))
    assert (ids(repaired), ids(released)) == ([10, 11], [12, 13])
    assert continuity.gap is None and continuity.newest == 13


def test_a_gap_that_closes_by_itself_needs_no_fetching() -> None:
    continuity = Continuity(newest=9)
    continuity.take(trades(11))
    assert ids(continuity.take(trades(10))) == [10, 11] or continuity.gap is None


def test_repeats_are_dropped_and_counted() -> None:
    continuity = Continuity()
    continuity.take(trades(7, 8))
    assert continuity.take(trades(8, 7, 8)) == []
    assert continuity.duplicates == 3


def test_what_came_before_the_beginning_passes_once() -> None:
    continuity = Continuity()
    continuity.take(trades(7))
    assert ids(continuity.take(trades(5, 6, 5))) == [5, 6]


def test_a_gap_given_up_lets_its_trades_through_should_they_come() -> None:
    continuity = Continuity(newest=9)
    continuity.take(trades(12))
    gap = continuity.gap
    assert gap is not None
    assert ids(continuity.give_up(gap)) == [12]
    assert ids(continuity.take(trades(10, 12, 10, 13))) == [10, 13]


def test_an_expected_trade_is_missing_though_nothing_came_after_it() -> None:
    continuity = Continuity(newest=9)
    continuity.expect(11)
    assert continuity.gap == Gap(10, 11)
    repaired, _ = continuity.fill(Gap(10, 11), trades(10, 11))
    assert ids(repaired) == [10, 11] and continuity.gap is None


def test_ids_the_exchange_never_gave_do_not_hold_up_the_rest() -> None:
    continuity = Continuity(newest=9)
    continuity.take(trades(14))
    repaired, released = continuity.fill(Gap(10, 13), trades(11, 13))
    assert (ids(repaired), ids(released)) == ([11, 13], [14])


# Hundreds of draws an example: on a busy machine hypothesis takes that for a mistake.
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_lost_repeated_or_reordered_every_trade_goes_on_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    sent = [n for n in range(1, count + 1) if n == count or data.draw(st.integers(0, 3)) > 0]
    window = data.draw(st.integers(1, 8))
    arriving = sorted(sent, key=lambda n: n + data.draw(st.integers(0, window)))
    arriving += data.draw(st.lists(st.sampled_from(sent), max_size=10))
    continuity = Continuity(newest=0)
    out: list[int] = []
    while arriving or continuity.gap is not None:
        size = data.draw(st.integers(1, 10))
        batch, arriving = arriving[:size], arriving[size:]
        out += ids(continuity.take(trades(*batch)))
        gap = continuity.gap
        if gap is not None and (not arriving or data.draw(st.booleans())):
            page = trades(*range(gap.first, min(gap.last, gap.first + 4) + 1))
            repaired, released = continuity.fill(gap, page)
            out += ids(repaired) + ids(released)
    assert out == list(range(1, count + 1)), "in order, each once"
