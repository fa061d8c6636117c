"""Synthetic: a seed's world is the same everywhere and however it is asked; its figures are those that are documented."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from isocross.codes import CommandKind
from isocross.errors import InputError
from isocross.market.choose import open_source
from isocross.market.draws import Stream, exp, ln, noise
from isocross.market.parameters import STEPS_PER_DAY, STEPS_PER_HOUR, parameters_for
from isocross.market.paths import FLOW_TURNOVER, Market, SymbolPath
from isocross.market.scene import CRASH
from isocross.market.synthetic import Synthetic
from isocross.rulebook import load
from isocross.units import ONE_E8

RULEBOOK = load("binance-usdm")
NAMES = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "BTCUSDC")
RULES = [RULEBOOK.symbols[name] for name in NAMES]
START_MS = 1_767_571_200_000  # 2026-01-05 00:00 UTC
HOUR_MS = 3_600_000


def world(seed: int = 1, start_ms: int = START_MS, flow: int | None = 2, names=NAMES, **more) -> Synthetic:
    rules = [RULEBOOK.symbols[name] for name in names]
    return Synthetic(rules, seed=seed, start_ms=start_ms, flow_account=flow, **more)


def fingerprint(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def prices_of(one) -> list[dict[str, int]]:
    (found,) = [c.fields["records"] for c in one.commands if c.kind == CommandKind.PRICES]
    return found


def columns_of(past) -> list[object]:
    return [
        [column.tolist() for column in (*one.last, *one.mark[:5], *one.index[:5], *one.funding)] for one in past.symbols
    ]


# ---- the same everywhere


def test_a_seed_gives_the_same_world_on_every_machine() -> None:
    source = world()
    told = source.between(START_MS, START_MS + 1_200_000)
    assert len(told) == 1_000  # no more at once
    assert fingerprint(source.opening(), told) == "200c130a7d013630"
    assert fingerprint(columns_of(world().past(2))) == "b7621ad5aa3d9cd3"
    assert fingerprint(world(seed=2).between(START_MS, START_MS + 60_000)) != fingerprint(told[:60])


def test_another_date_is_the_same_world_but_for_the_hours_of_funding() -> None:
    later_ms = START_MS + 12_345_670_000
    ours = world().between(START_MS, START_MS + 90_000)
    theirs = world(start_ms=later_ms).between(later_ms, later_ms + 90_000)
    assert [one.commands for one in ours] == [one.commands for one in theirs]


def test_a_symbol_beside_changes_none() -> None:
    alone = world(names=("ETHUSDT",), flow=None).between(START_MS, START_MS + 30_000)
    among = world(flow=None).between(START_MS, START_MS + 30_000)
    for one, other in zip(alone, among, strict=True):
        ours, theirs = prices_of(one)[0], prices_of(other)[1]
        assert (ours["index_e8"], ours["mark_e8"]) == (theirs["index_e8"], theirs["mark_e8"])


@pytest.mark.parametrize(
    "asked_ms", [[1], [999], [1_000, 59_999, 60_000], [3_599_000, 3_600_500, 7_300_000], [9 * HOUR_MS]]
)
def test_resumption_equals_the_undisturbed_run(asked_ms: list[int]) -> None:
    until_ms = START_MS + max(asked_ms) + 120_000
    coarse_ms = 1_000 if until_ms - START_MS < HOUR_MS else 60_000
    whole = world().between(START_MS, until_ms, instants_max=10**6, coarse_ms=coarse_ms)
    parts, after_ms = [], START_MS
    for end_ms in [START_MS + ms for ms in asked_ms] + [until_ms]:
        restarted = world()  # nothing is known but the time, which others have moved on since
        while found := restarted.between(after_ms, end_ms, instants_max=37, coarse_ms=coarse_ms):
            parts += found
            after_ms = found[-1].time_ms
        after_ms = max(after_ms, end_ms)
    assert parts == whole


def test_a_coarse_telling_is_the_same_world() -> None:
    fine = {one.time_ms: one for one in world(flow=None).between(START_MS, START_MS + 600_000)}
    for coarse_ms in (5_000, 60_000, 300_000):
        told = world(flow=None).between(START_MS, START_MS + 600_000, coarse_ms=coarse_ms)
        assert [one.time_ms - START_MS for one in told] == list(range(coarse_ms, 600_001, coarse_ms))
        assert all(one == fine[one.time_ms] for one in told)
    with pytest.raises(InputError, match="coarse_ms: 7000"):
        world().between(START_MS, START_MS + 60_000, coarse_ms=7_000)


def test_a_settlement_is_told_however_coarse() -> None:
    told = world().between(START_MS, START_MS + 17 * HOUR_MS, coarse_ms=7 * HOUR_MS)
    hours = [one.time_ms // HOUR_MS for one in told]
    first = START_MS // HOUR_MS
    assert hours == [hour for hour in range(first + 1, first + 18) if hour % 7 == 0 or hour % 8 == 0]
    kinds = [[command.kind for command in one.commands] for one in told]
    assert [CommandKind.SETTLE_FUNDING in one for one in kinds].count(True) == 2


# ---- what is documented of it


def test_prices_are_on_the_grid_and_within_the_limits() -> None:
    source = world(seed=9)
    past = source.past(3)
    for one, rules in zip(past.symbols, RULES, strict=True):
        for candles in (one.last, one.mark, one.index):
            prices = np.concatenate(candles[1:5])
            assert (prices % rules.tick_e8 == 0).all()
            assert prices.min() > 0
            assert prices.max() <= rules.price_max_e8
            assert (candles.low_e8 <= np.minimum(candles.open_e8, candles.close_e8)).all()
            assert (candles.high_e8 >= np.maximum(candles.open_e8, candles.close_e8)).all()
        assert (one.last.volume_e8 % rules.step_e8 == 0).all()
        assert (one.last.taker_buy_e8 <= one.last.volume_e8).all()
    for instant in source.between(START_MS, START_MS + 20_000):
        for command in instant.commands:
            for record in command.fields.get("records", [command.fields]):
                for name in ("index_e8", "mark_e8", "mid_e8"):
                    assert record.get(name, 0) % RULES[record["symbol"]].tick_e8 == 0


@pytest.mark.parametrize(("price", "seed"), [("0.0000201", 3), ("499999", 4)])
def test_a_price_near_the_end_of_its_grid_turns_back(price: str, seed: int) -> None:
    rules = RULEBOOK.symbols["BTCUSDT"]
    path = SymbolPath(rules, seed, price_e8=max(200 * rules.tick_e8, round(float(price) * ONE_E8)))
    logs = np.linspace(-9, 9, 20_001)
    index = path.on_tick(path.index((logs * 1e12).astype(np.int64), np.zeros(logs.size)))
    assert index.min() >= 99 * rules.tick_e8
    assert index.max() <= rules.price_max_e8 * 9 // 10 + rules.tick_e8
    assert abs(np.diff(index)).max() < index.max() / 500  # it turns, it does not jump


def test_first_prices_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"first price of BTCUSDT: 19\.9: expected 20 … 500000"):
        world(prices_e8={"BTCUSDT": 1_990_000_000})
    with pytest.raises(InputError, match="prices: XRPUSDT: expected of BTCUSDT"):
        world(prices_e8={"XRPUSDT": ONE_E8})
    with pytest.raises(InputError, match="seed: -1"):
        world(seed=-1)
    given = world(prices_e8={"ETHUSDT": 2_000 * ONE_E8}).opening().commands[0].fields["records"][1]["index_e8"]
    assert abs(given / 1e8 - 2_000) < 5


def hourly_returns(days: int, seed: int) -> dict[str, np.ndarray]:
    market = Market(seed)
    shared = market.shared(0, days * STEPS_PER_DAY)
    paths = {rules.symbol: SymbolPath(rules, seed) for rules in RULES[:3]}
    return {name: np.diff(path.returns(shared).levels(0)[::STEPS_PER_HOUR]) / 1e12 for name, path in paths.items()}


def figures_within(returns: dict[str, np.ndarray], volatility: float, correlation: float) -> None:
    for rules in RULES[:3]:
        own = parameters_for(rules).volatility
        measured = returns[rules.symbol].std() * np.sqrt(24 * 365)
        assert abs(measured / own - 1) < volatility, (rules.symbol, measured)
    for one, other in (("BTCUSDT", "ETHUSDT"), ("BTCUSDT", "DOGEUSDT"), ("ETHUSDT", "DOGEUSDT")):
        shares = [parameters_for(RULEBOOK.symbols[name]).factor_share for name in (one, other)]
        measured = np.corrcoef(returns[one], returns[other])[0, 1]
        assert abs(measured - np.sqrt(shares[0] * shares[1])) < correlation, (one, other, measured)


def test_volatility_and_correlation_are_what_is_documented() -> None:
    returns = hourly_returns(days=120, seed=5)
    figures_within(returns, volatility=0.2, correlation=0.06)
    btc = returns["BTCUSDT"]
    assert (btc**4).mean() / (btc**2).mean() ** 2 > 5  # tails: a bell has 3
    size = np.abs(btc)
    assert np.corrcoef(size[:-1], size[1:])[0, 1] > 0.08  # calm hours come together, wild ones too
    assert abs(np.corrcoef(btc[:-1], btc[1:])[0, 1]) < 0.06  # and nothing says where it goes


@pytest.mark.full
def test_volatility_and_correlation_over_five_years() -> None:
    pooled = [hourly_returns(days=365, seed=seed) for seed in range(5)]
    figures_within({name: np.concatenate([one[name] for one in pooled]) for name in pooled[0]}, 0.05, 0.03)


def test_the_same_asset_is_the_same_index_whatever_it_is_quoted_in() -> None:
    marks = prices_of(world(flow=None).between(START_MS, START_MS + 60_000)[-1])
    assert marks[0]["index_e8"] == marks[3]["index_e8"]
    assert marks[0]["mark_e8"] != marks[3]["mark_e8"]


def test_the_book_thins_when_prices_move() -> None:
    source = world(scene=CRASH)

    def told(minute: int) -> dict:
        (one,) = source.between(START_MS + minute * 60_000 - 1_000, START_MS + minute * 60_000)
        return next(c.fields for c in one.commands if c.kind == CommandKind.QUOTE)

    assert told(30)["scale_e8"] < ONE_E8 // 5 < told(2)["scale_e8"]


def test_funding_follows_the_basis_within_the_contracts_bounds() -> None:
    source = world(seed=4)
    past = source.past(30)
    for one, rules in zip(past.symbols, RULES, strict=True):
        assert one.funding.time_ms.size == 90
        assert (one.funding.time_ms % (8 * HOUR_MS) == 0).all()
        assert rules.funding_floor_rate_e8 <= one.funding.rate_e8.min()
        assert one.funding.rate_e8.max() <= rules.funding_cap_rate_e8
        assert (one.funding.rate_e8 == rules.interest_rate_e8).any()  # a small premium leaves the interest
        assert (one.funding.rate_e8 != rules.interest_rate_e8).any()
    due_ms = START_MS + 8 * HOUR_MS
    (settled,) = source.between(due_ms - 1, due_ms)
    rate = settled.commands[-1].fields["records"][0]["rate_e8"]
    assert source.funding_ahead(0, due_ms - 1_000) == (rate, due_ms)
    assert source.funding_ahead(0, due_ms).time_ms == due_ms + 8 * HOUR_MS


# ---- the past


def test_the_past_meets_the_first_live_price() -> None:
    for start_ms in (START_MS, START_MS + 12_345, START_MS + 59_999):
        source = world(start_ms=start_ms)
        past = source.past(1)
        records = source.opening().commands[0].fields["records"]
        assert past.end_ms == start_ms // 60_000 * 60_000
        for one, record in zip(past.symbols, records, strict=True):
            assert one.last.time_ms[-1] + 60_000 == past.end_ms
            assert (np.diff(one.last.time_ms) == 60_000).all()
            assert abs(one.index.close_e8[-1] / record["index_e8"] - 1) < 0.01
            assert (one.index.open_e8[1:] == one.index.close_e8[:-1]).all()
    exact = world().past(1).symbols[0].index.close_e8[-1]
    assert exact == world().opening().commands[0].fields["records"][0]["index_e8"] == 60_000 * ONE_E8


def test_a_longer_past_is_the_same_past() -> None:
    long, short = world().past(3), world().past(1)
    for one, other in zip(long.symbols, short.symbols, strict=True):
        rows = slice(-1440, None)
        assert all((a == b).all() for a, b in zip(one.last.rows(rows), other.last, strict=True))
        assert (one.funding.rate_e8[-3:] == other.funding.rate_e8).all()


def test_the_past_trades_about_as_much_as_the_flow_does() -> None:
    source = world(names=("BTCUSDT",))
    lived = source.between(START_MS, START_MS + 2 * HOUR_MS, instants_max=10**6)
    orders = [c.fields["lots"] for one in lived for c in one.commands if c.kind == CommandKind.PLACE_ORDER]
    per_hour = sum(orders) * RULES[0].step_e8 / 2
    past = source.past(30).symbols[0].last
    assert 0.3 < per_hour / (past.volume_e8.sum() / 720) < 3
    assert len(orders) > 6_000
    drawn = Stream(1, "any").bells(0, 200_000)
    held = drawn * (0.3 + drawn * drawn)
    assert abs(np.abs(np.diff(held)).mean() - FLOW_TURNOVER) < 0.05


# ---- draws


def test_draws_are_the_same_from_every_place() -> None:
    stream = Stream(7, "somewhere")
    whole = stream.raw(-50, 200)
    assert (stream.raw(10, 5) == whole[60:65]).all()
    assert (Stream(7, "elsewhere").raw(-50, 200) != whole).any()
    line = noise(stream, -1_000, 3_000, 77)
    assert (noise(stream, 3, 500, 77) == line[1_003:1_503]).all()
    assert abs(np.diff(line)).max() < 7 / 77


def test_exponential_and_logarithm() -> None:
    values = np.linspace(-30, 30, 100_001)
    assert np.abs(exp(values) / np.exp(values) - 1).max() < 1e-13
    for value in (0.1, 0.5, 1.0, 1.7, 10.0):
        assert abs(ln(value) - float(np.log(value))) < 1e-13


# ---- by name


def test_markets_by_name() -> None:
    assert open_source("manual", RULES, start_ms=START_MS) is None
    crash = open_source("crash", RULES, start_ms=START_MS)
    assert crash is not None
    assert (crash.name, crash.end_ms) == ("crash", None)
    assert "falls 16 %" in crash.notes[0]
    with pytest.raises(InputError, match="market: 'live': expected synthetic, crash, replay:PATH or manual"):
        open_source("live", RULES, start_ms=START_MS)
