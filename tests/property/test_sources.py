"""Sources through an Exchange: nothing they say is refused for what it is, money is conserved, a restart changes no byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocross.codes import CommandKind, MarginMode, OrderType, Refusal, Side
from isocross.exchange import Exchange
from isocross.market.choose import open_source
from isocross.market.demo import demo_history
from isocross.market.history import History
from isocross.market.recorded import Recorded
from isocross.market.source import FLOW_DEPOSIT_E8, Instant, Source
from isocross.rulebook import load
from tests import invariants

RULEBOOK = load("binance-usdm")
NAMES = ("BTCUSDT", "SOLUSDT", "XRPUSDT", "ETHUSDC")
FLOW, TRADER = 2, 3
BOOK_HAS_LEFT = {("PLACE_ORDER", "NO_LIQUIDITY")}
START_MS = 1_767_571_200_000


def opened(names=NAMES) -> Exchange:
    exchange = Exchange(RULEBOOK, names)
    exchange.submit(CommandKind.FUND_DEPOSIT, asset=0, amount_e8=10**14, time_ms=START_MS - 1)
    for account in (FLOW, TRADER):
        exchange.submit(CommandKind.CREATE_ACCOUNT, account=account)
        for asset in range(len(exchange.assets)):
            amount_e8 = FLOW_DEPOSIT_E8 if account == FLOW else 10_000 * 10**8
            exchange.submit(CommandKind.DEPOSIT, account=account, asset=asset, amount_e8=amount_e8)
    return exchange


def tell(exchange: Exchange, instant: Instant) -> list[tuple[str, str]]:
    """Apply an instant; (kind, refusal) of what was refused."""
    refused = []
    for kind, fields in instant.commands:
        done = exchange.submit(kind, time_ms=instant.time_ms, **fields)
        if not done.is_accepted:
            refused.append((kind.name, done.refusal.name))
    return refused


def run(source: Source, exchange: Exchange, until_ms: int, coarse_ms: int, checked_every: int) -> int:
    """The source to `until_ms`, from wherever the exchange is; how many instants."""
    count, after_ms = 0, exchange.time_ms
    while told := source.between(after_ms, until_ms, coarse_ms=coarse_ms):
        for instant in told:
            assert set(tell(exchange, instant)) <= BOOK_HAS_LEFT
            count += 1
            if count % checked_every == 0:
                invariants.check(exchange)
        after_ms = told[-1].time_ms
    invariants.check(exchange)
    return count


def test_a_crash_is_lived_by_everybody_and_conserves_money() -> None:
    exchange = opened()
    source = open_source("crash", [exchange.rules(row) for row in range(4)], start_ms=START_MS, flow_account=FLOW)
    assert source is not None
    assert tell(exchange, source.opening()) == []
    exchange.submit(CommandKind.SET_MARGIN_MODE, account=TRADER, symbol=0, margin_mode=MarginMode.ISOLATED)
    exchange.submit(CommandKind.SET_LEVERAGE, account=TRADER, symbol=0, leverage=10)
    bought = exchange.submit(
        CommandKind.PLACE_ORDER, account=TRADER, symbol=0, side=Side.BUY, order_type=OrderType.MARKET, lots=83
    )
    assert bought.refusal == Refusal.NONE
    assert run(source, exchange, START_MS + 25 * 60_000, 10_000, 50) == 150
    assert exchange.position(TRADER, "BTCUSDT").lots == 83  # calm first, and the fall takes its time
    assert run(source, exchange, START_MS + 60 * 60_000, 10_000, 100) == 210
    assert exchange.position(TRADER, "BTCUSDT").lots == 0  # 500 at 10x did not live through it
    assert not any(exchange.conservation_gap_e8().values())


def test_every_demo_trade_seed_of_the_crash_ends_isolated() -> None:
    """The scene's title holds for its seed: see docs/guides/markets.md."""
    rules = [RULEBOOK.symbols["BTCUSDT"]]
    source = open_source("crash", rules, start_ms=START_MS)
    assert source is not None
    marks = [
        one.commands[1].fields["records"][0]["mark_e8"] / 1e8
        for one in source.between(START_MS, START_MS + 60 * 60_000, coarse_ms=10_000)
    ]
    assert min(marks[:24]) > 59_500  # four calm minutes
    assert 49_500 < min(marks) < 51_000
    assert marks.index(min(marks)) // 6 in range(30, 36)
    assert 54_000 < marks[-1] < 58_500


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    start_ms=st.integers(START_MS, START_MS + 10**10),
    cuts=st.lists(st.integers(1, 400_000), min_size=1, max_size=4),
)
def test_a_restart_changes_no_byte(seed: int, start_ms: int, cuts: list[int]) -> None:
    rules = [RULEBOOK.symbols[name] for name in NAMES]

    def lived(is_restarted: bool) -> str:
        exchange = opened()
        source = open_source("synthetic", rules, seed=seed, start_ms=start_ms, flow_account=FLOW)
        assert source is not None
        for number, stop in enumerate([*sorted(cuts), 400_000]):
            if is_restarted:
                source = open_source("synthetic", rules, seed=seed, start_ms=start_ms, flow_account=FLOW)
                assert source is not None
            if number == 0:
                assert tell(exchange, source.opening()) == []
            run(source, exchange, start_ms + stop, 5_000, 10**9)
            exchange.submit(CommandKind.DEPOSIT, account=TRADER, asset=0, amount_e8=1, time_ms=start_ms + stop)
        return exchange.state_hash()

    assert lived(True) == lived(False)


def test_a_replay_of_two_symbols_at_any_speed() -> None:
    def lived(at_once: int) -> str:
        exchange = opened(("SOLUSDT", "BTCUSDT"))
        history = History.join((demo_history("A"), demo_history("B")))
        source = Recorded(
            history,
            [exchange.rules(row) for row in range(2)],
            start_ms=START_MS,
            begin="2026-01-05T13:00",
            flow_account=FLOW,
        )
        assert tell(exchange, source.opening()) == []
        end_ms, refused = source.start_ms + 45 * 60_000, set()
        for until_ms in range(source.start_ms + at_once, end_ms + 1, at_once):
            for instant in source.between(exchange.time_ms, until_ms):
                refused.update(tell(exchange, instant))
        assert refused <= BOOK_HAS_LEFT  # nobody bids at the worst
        invariants.check(exchange)
        return exchange.state_hash()

    assert lived(60_000) == lived(900_000) == lived(45 * 60_000)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2))
def test_thousands_of_steps_conserve_money(seed: int) -> None:
    exchange = opened()
    rules = [exchange.rules(row) for row in range(4)]
    source = open_source("synthetic", rules, seed=seed, start_ms=START_MS, flow_account=FLOW)
    assert source is not None
    assert tell(exchange, source.opening()) == []
    assert run(source, exchange, START_MS + 4 * 86_400_000, 60_000, 500) == 5_760
    for row in range(4):
        assert abs(exchange.position(FLOW, row).lots) > 0  # it trades on, and holds little
        held_e8 = abs(exchange.position(FLOW, row).lots) * rules[row].step_e8 * exchange.mark_e8(row) // 10**8
        assert held_e8 < 200 * source._paths[row].profile.level_notional_e8  # type: ignore[attr-defined]
