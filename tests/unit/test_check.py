"""The checklist: each rule with an order that passes and one that does not; sessions; what an account's screen says."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest

import isocross as ix
from isocross.codes import CommandKind, MarginMode, OrderType, Side, WorkingType
from isocross.errors import ChecklistError, InputError, UnknownSymbolError
from isocross.journal.journaled import JournaledExchange
from isocross.policy.check_result import CheckResult, ContractsResult
from isocross.policy.checklist import Checklist
from isocross.policy.checklist_file import DEFAULT, Bounds, Verdict, load_policy, read_policy
from isocross.policy.planned import PlannedOrder
from isocross.policy.session import SessionFile
from isocross.units import format_e8, to_e8
from tests.journals import told

PASS, WARN, BLOCK = Verdict


@pytest.fixture
def box():
    return ix.Sandbox("binance-usdm", BTCUSDT=60_000, ETHUSDT=3_000, SOLUSDT=150)


@pytest.fixture
def me(box):
    return box.account("me", USDT=10_000)


def asked(account, order, rule, policy=DEFAULT, **more):
    """The result of one rule."""
    checklist = Checklist(account, policy)
    result = checklist.check(order, account.number, **more)
    return next(one for one in result.rules if one.rule == rule)


# ── The order itself ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_that_is_accepted_and_filled_passes(me):
    found = asked(me, "BTCUSDT long 0.01 stop 59000", "order")
    assert (found.verdict, found.reason) == (PASS, "0.01 BTC is accepted and filled")


def test_an_order_that_is_refused_blocks_and_nothing_else_is_asked(me):
    result = Checklist(me).check("BTCUSDT long 100 stop 59000")
    assert [(one.rule, one.verdict) for one in result.rules] == [("order", BLOCK)]
    assert "10000 USDT available" in result.rules[0].reason
    assert "MARGIN_INSUFFICIENT" in result.rules[0].reason
    assert result.is_negative


def test_an_order_that_the_book_cannot_fill_warns(me):
    me.deposit(USDT=10_000_000)
    found = asked(me, "SOLUSDT long 10_000 stop 100", "order")
    assert found.verdict is WARN
    assert "would not (IMMEDIATE_REST)" in found.reason


def test_a_limit_order_is_tried_as_filled_at_its_price(me):
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    result = Checklist(me).check("BTCUSDT long 0.083 @ 58_000 stop 57_000")
    assert result.rules[0].reason == "0.083 BTC rests, tried as filled at its price"
    assert result.aftermath.after.lots == 83
    assert result.aftermath.after.mark_e8 == to_e8(58_000)
    assert result.aftermath.after.isolated_wallet_e8 == to_e8("481.4")  # 4,814 ÷ 10
    assert me.exchange.mark_e8("BTCUSDT") == to_e8(60_000), "and nothing of it has happened"


def test_an_order_on_whose_way_the_account_dies_blocks(me):
    me.configure("BTCUSDT", mode="isolated", leverage=50)
    me.buy("BTCUSDT", qty="0.01")
    found = asked(me, "BTCUSDT long 0.01 @ 55_000 stop 50_000", "order")
    assert (found.verdict, found.reason) == (BLOCK, "something of this account is liquidated on the way to its price")


def test_an_order_that_only_reduces_passes_every_rule(me):
    me.buy("BTCUSDT", qty="0.5")
    for order in ("BTCUSDT sell 0.2 reduce-only", "BTCUSDT short 0.2", "BTCUSDT sell 0.5"):
        result = Checklist(me).check(order)
        assert result.verdict is PASS, result
        assert {one.reason for one in result.rules[1:]} == {"it opens nothing"}
    assert Checklist(me).check("BTCUSDT sell 0.6").verdict is BLOCK, "through zero is a new position"


# ── Mode ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mode_that_nobody_confirmed_blocks(me):
    found = asked(me, "BTCUSDT long 0.01 stop 59000", "mode")
    assert found.verdict is BLOCK
    assert found.reason == "BTCUSDT is cross, the venue's default: set it or acknowledge it in this session"


def test_a_mode_set_in_this_session_passes_and_in_the_next_one_blocks(me):
    checklist = Checklist(me)
    me.set_mode("BTCUSDT", "isolated")
    order = "BTCUSDT long 0.01 stop 59000"
    found = checklist.check(order).rules[1]
    assert (found.verdict, found.reason) == (PASS, "BTCUSDT is isolated, set in this session")
    later = Checklist(me).check(order).rules[1]
    assert later.verdict is BLOCK
    assert "set by you before this session" in later.reason


def test_an_acknowledgement_holds_for_this_contract_account_mode_and_session(box, me):
    checklist = Checklist(me)
    checklist.acknowledge("BTC/USDT:USDT")
    assert checklist.check("BTCUSDT long 0.01 stop 59000").rules[1].reason.endswith("acknowledged in this session")
    assert checklist.check("ETHUSDT long 0.1 stop 2900").rules[1].verdict is BLOCK, "another contract asks anew"
    other = box.account("other", USDT=1_000)
    assert checklist.check("BTCUSDT long 0.01 stop 59000", other.number).rules[1].verdict is BLOCK
    assert Checklist(me).check("BTCUSDT long 0.01 stop 59000", me.number).rules[1].verdict is BLOCK, "a new session"
    checklist = Checklist(me)
    checklist.acknowledge("BTCUSDT", me.number)
    checklist.session.acknowledged[me.number, "BTCUSDT"] = MarginMode.ISOLATED
    assert checklist.check("BTCUSDT long 0.01 stop 59000", me.number).rules[1].verdict is BLOCK, "another mode"


def test_an_order_or_a_leverage_confirms_no_mode(me):
    checklist = Checklist(me)
    me.set_leverage("BTCUSDT", 5)
    me.buy("BTCUSDT", qty="0.01")
    assert checklist.check("BTCUSDT long 0.01 stop 59000").rules[1].verdict is BLOCK


def test_a_policy_may_only_warn_of_an_unconfirmed_mode(me):
    policy = replace(load_policy(), unconfirmed=WARN)
    assert asked(me, "BTCUSDT long 0.01 stop 59000", "mode", policy).verdict is WARN


# ── Size ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("qty", "verdict"), [("0.04", PASS), ("0.05", WARN), ("0.1", BLOCK)])
def test_size_against_the_equity(me, qty, verdict):
    # 2,000 and some 60 of fees a BTC; 10,000 of equity
    found = asked(me, f"BTCUSDT long {qty} stop 58000", "size")
    assert found.verdict is verdict
    assert "at the stop" in found.reason


def test_size_without_a_stop_is_all_that_is_at_stake(me):
    assert asked(me, "BTCUSDT long 0.002", "size").verdict is BLOCK, "cross: the pool"
    me.configure("BTCUSDT", mode="isolated", leverage=50)
    assert asked(me, "BTCUSDT long 0.01", "size").verdict is PASS, "isolated: 12 of margin"


def test_size_with_a_stop_beyond_liquidation_is_all_that_is_at_stake(me):
    me.configure("BTCUSDT", mode="isolated", leverage=100)
    found = asked(me, "BTCUSDT long 0.01 stop 55000", "size")
    assert "all that is at stake" in found.reason
    assert found.verdict is PASS  # 6 of margin, not 50 of a stop that is never reached


def test_size_against_a_budget_of_the_orders_own_to_the_unit(me):
    loss_e8 = Checklist(me).check("BTCUSDT long 0.1 stop 58000").aftermath.loss_e8
    at = asked(me, "BTCUSDT long 0.1 stop 58000", "size", risk=format_e8(loss_e8))
    less = asked(me, "BTCUSDT long 0.1 stop 58000", "size", risk=format_e8(loss_e8 - 1))
    assert (at.verdict, less.verdict) == (PASS, BLOCK)
    assert asked(me, "BTCUSDT long 0.1 stop 58000", "size", risk="3%").verdict is PASS


def test_an_account_without_equity_may_risk_nothing(box):
    poor = box.account("poor", USDT=100)
    poor.configure("BTCUSDT", leverage=100)
    poor.buy("BTCUSDT", qty="0.05")
    poor.configure("ETHUSDT", mode="isolated", leverage=100)
    box.mark(BTCUSDT=58_500)
    assert asked(poor, "BTCUSDT long 0.01 stop 58_000", "order").verdict is BLOCK
    assert asked(poor, "BTCUSDT sell 0.05 reduce-only", "size").verdict is PASS


# ── Stop ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_stop_blocks_and_an_open_one_counts(me):
    assert asked(me, "BTCUSDT long 0.01", "stop").verdict is BLOCK
    me.buy("BTCUSDT", qty="0.01", stop=59_000)
    found = asked(me, "BTCUSDT long 0.01", "stop")
    assert (found.verdict, found.reason) == (PASS, "59,000.00 comes first: there is no liquidation price")


def test_a_stop_of_the_other_side_or_for_a_part_does_not_count(me):
    me.buy("BTCUSDT", qty="0.02")
    exchange = me.exchange
    told = {"account": me.number, "symbol": 0, "order_type": OrderType.STOP_MARKET}
    exchange.submit(CommandKind.PLACE_CONDITIONAL, side=Side.BUY, trigger_ticks=610_000, lots=20, **told)
    exchange.submit(CommandKind.PLACE_CONDITIONAL, side=Side.SELL, trigger_ticks=590_000, lots=20, **told)
    assert asked(me, "BTCUSDT long 0.01", "stop").verdict is BLOCK, "0.02 of 0.03"
    exchange.submit(CommandKind.PLACE_CONDITIONAL, side=Side.SELL, trigger_ticks=580_000, lots=30, **told)
    assert asked(me, "BTCUSDT long 0.01", "stop").reason.startswith("58,000.00 comes first")


def test_a_stop_beyond_liquidation_blocks(me):
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    found = asked(me, "BTCUSDT long 0.01 stop 57_000", "stop")
    assert found.verdict is BLOCK
    assert found.reason == "57,000.00 is beyond liquidation, which comes at 57,228.92"
    assert asked(me, "BTCUSDT long 0.01 stop 57_600", "stop").verdict is PASS


def test_a_stop_close_to_liquidation_warns(me):
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    found = asked(me, "BTCUSDT long 0.01 stop 57_300", "stop")
    assert found.verdict is WARN
    assert "0.12 % of the mark further on: closer than 0.50 %" in found.reason


def test_the_stop_of_a_short_lies_above(me):
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    assert asked(me, "BTCUSDT short 0.01 stop 62_000", "stop").verdict is PASS
    assert asked(me, "BTCUSDT short 0.01 stop 63_000", "stop").verdict is BLOCK


def test_a_stop_on_the_last_price_warns_and_one_with_a_limit_does_not_count(me):
    me.buy("BTCUSDT", qty="0.02")
    told = {"account": me.number, "symbol": 0, "side": Side.SELL, "trigger_ticks": 590_000}
    limited = me.exchange.submit(
        CommandKind.PLACE_CONDITIONAL, order_type=OrderType.STOP, price_ticks=589_000, lots=30, **told
    )
    assert limited.is_accepted
    assert asked(me, "BTCUSDT long 0.01", "stop").verdict is BLOCK
    on_last = me.exchange.submit(
        CommandKind.PLACE_CONDITIONAL, order_type=OrderType.STOP_MARKET, is_close_position=1,
        working_type=WorkingType.LAST_PRICE, **told,
    )  # fmt: skip
    assert on_last.is_accepted
    found = asked(me, "BTCUSDT long 0.01", "stop")
    assert (found.verdict, found.reason) == (
        WARN, "59,000.00 watches the last price; liquidation goes by mark, at none",
    )  # fmt: skip


# ── Funding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_funding_over_the_holding_time(me):
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    # 600 · 0.01 % a settlement, on 30 of margin: 0.2 % each
    assert asked(me, "BTCUSDT long 0.01 stop 58_000", "funding").reason.startswith(
        "3 settlements at 0.0100 % cost 0.18"
    )
    verdicts = {hold: asked(me, "BTCUSDT long 0.01 stop 58_000", "funding", hold=hold).verdict
                for hold in ("3d", "4d", "16d", "18d")}  # fmt: skip
    assert verdicts == {"3d": PASS, "4d": WARN, "16d": WARN, "18d": BLOCK}


def test_funding_by_the_rate_that_is_said(me):
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    order = "BTCUSDT long 0.01 stop 58_000"
    assert asked(me, order, "funding", funding_rate="0.3%").verdict is BLOCK
    paid = asked(me, order, "funding", funding_rate="-0.3%")
    assert (paid.verdict, paid.reason) == (PASS, "3 settlements at -0.3000 %: this side pays nothing")
    assert asked(me, "BTCUSDT short 0.01 stop 62_000", "funding", funding_rate="-0.3%").verdict is BLOCK
    capped = replace(load_policy(), funding=replace(load_policy().funding, rate="cap"))
    for side, stop in (("long", 58_000), ("short", 62_000)):
        found = asked(me, f"BTCUSDT {side} 0.01 stop {stop}", "funding", capped)
        assert found.verdict is WARN or found.verdict is BLOCK, "the cap is taken against the position"


def test_every_begun_interval_is_a_settlement(me):
    assert asked(me, "BTCUSDT long 0.01", "funding", hold="1m").reason.startswith("1 settlement at")
    assert asked(me, "BTCUSDT long 0.01", "funding", hold="481m").reason.startswith("2 settlements at")


# ── Exposure and leverage ────────────────────────────────────────────────────────────────────────────────────────────


def test_exposure_already_in_the_pool(me):
    order = "SOLUSDT long 1 stop 100"
    assert asked(me, order, "exposure").reason == "nothing else is in the pool"
    me.buy("ETHUSDT", qty=3)
    found = asked(me, order, "exposure")
    assert found.verdict is PASS
    assert "the pool carries ETHUSDT long, 9,000.00: 90.0" in found.reason
    me.buy("ETHUSDT", qty=1)
    assert asked(me, order, "exposure").verdict is WARN
    me.configure("ETHUSDT", leverage=50)
    me.buy("ETHUSDT", qty=14)
    assert asked(me, order, "exposure").verdict is BLOCK
    me.configure("SOLUSDT", mode="isolated")
    assert asked(me, order, "exposure").reason == "isolated: what is in the pool is not touched"


@pytest.mark.parametrize(("leverage", "verdict"), [(9, PASS), (15, WARN), (25, BLOCK)])
def test_effective_leverage_of_an_isolated_position(me, leverage, verdict):
    me.configure("BTCUSDT", mode="isolated", leverage=leverage)
    found = asked(me, "BTCUSDT long 0.01 stop 59_900", "leverage")
    assert found.verdict is verdict
    assert f"{leverage}.00x effective" in found.reason


def test_effective_leverage_of_the_pool_counts_all_of_it(me):
    me.configure("ETHUSDT", leverage=50)
    me.buy("ETHUSDT", qty=32)
    found = asked(me, "BTCUSDT long 0.1 stop 59_900", "leverage")
    assert found.verdict is WARN  # 96,000 + 6,000 on 9,950
    assert "the pool is 102,000.00 on" in found.reason


# ── Policy files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_policy_asks_everything():
    policy = load_policy()
    assert policy.name == "default"
    assert None not in (policy.unconfirmed, policy.size, policy.stop, policy.funding, policy.exposure, policy.leverage)
    assert policy.size == Bounds(to_e8("0.01"), to_e8("0.02"))


def test_what_a_file_leaves_out_is_not_asked(me):
    policy = read_policy('format = 1\nname = "bare"\n[size]\nblock_above = 0.5\n', "bare.toml")
    result = Checklist(me, policy).check("BTCUSDT long 0.1")
    assert [one.rule for one in result.rules] == ["order", "size"]
    silent = read_policy('format = 1\nname = "silent"\n[stop]\n[mode]\n[funding]\nholding = "1d"\n', "silent.toml")
    assert Checklist(me, silent).check("BTCUSDT long 0.1").verdict is PASS


def test_bounds_themselves_pass():
    bounds = Bounds(10, 20)
    assert [bounds.judge(value) for value in (0, 10, 11, 20, 21)] == [PASS, PASS, WARN, WARN, BLOCK]
    assert Bounds(None, None).judge(10**18) is PASS


BROKEN = [
    ("format = 2", "p.toml:1: format = 2: expected a whole number in 1 … 1"),
    ('format = 1\nname = "x"\n\n[sise]\nwarn_above = 1', "p.toml:4: sise = {'warn_above': 1}: expected a known key ('size'?)"),
    ('format = 1\nname = "x"\n[size]\nwarn_over = 1', "p.toml:4: [size] warn_over = 1: expected a known key ('warn_above'?)"),
    ('format = 1\nname = "x"\n[size]\nwarn_above = "much"', "p.toml:4: [size] warn_above = 'much': expected a share"),
    ('format = 1\nname = "x"\n[size]\nwarn_above = -1', "p.toml:4: [size] warn_above = -1: expected a share"),
    ('format = 1\nname = "x"\n[size]\nwarn_above = "3%"\nblock_above = "2%"', "p.toml:4: [size] warn_above = '3%': expected at most"),
    ('format = 1\nname = "x"\n[leverage]\nblock_above = true', "p.toml:4: [leverage] block_above = True: expected a multiple"),
    ('format = 1\nname = "x"\n[mode]\nunconfirmed = "shout"', "[mode] unconfirmed = 'shout': expected one of pass, warn, block"),
    ('format = 1\nname = "x"\n[stop]\nmissing = 1', "p.toml:4: [stop] missing = 1: expected one of pass, warn, block"),
    ('format = 1\nname = "x"\n[funding]\nholding = "soon"', "[funding] holding = 'soon': expected a time like 30m, 24h, 3d or 2w"),
    ('format = 1\nname = "x"\n[funding]\nwarn_above = 1', "p.toml:3: [funding] holding is missing: expected a text"),
    ('format = 1\nname = "x"\n[funding]\nholding = "1d"\nrate = "high"', "p.toml:5: [funding] rate = 'high': expected \"interest\", \"cap\""),
    ("stop = 5\nformat = 1", "expected a text"),
    ('format = 1\nname = "x"\nstop = 5', "p.toml:3: stop = 5: expected a table"),
    ("[size", "p.toml: expected TOML: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_a_broken_policy_is_named_by_line_value_and_expectation(text, said):
    with pytest.raises(ChecklistError) as caught:
        read_policy(text, "p.toml")
    assert said in str(caught.value)


def test_a_policy_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ChecklistError, match="cannot be read: No such file"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ChecklistError, match="expected UTF-8 text"):
        load_policy(tmp_path / "bytes.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ChecklistError, match="at most 1024 KiB"):
        load_policy(tmp_path / "big.toml")


# ── Sessions on disk ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_goes_on_in_its_file_and_another_name_asks_anew(me, tmp_path):
    path = tmp_path / "acknowledged.json"
    order = "BTCUSDT long 0.01 stop 59000"

    def mode(session, **more):
        result = ix.check(order, account=me, acknowledgements=path, session=session, **more)
        return result.rules[1]

    assert mode("monday").verdict is BLOCK
    assert mode("monday", acknowledge="BTCUSDT").verdict is PASS
    assert mode("monday").reason == "BTCUSDT is cross, acknowledged in this session"
    assert mode("tuesday").verdict is BLOCK
    me.set_mode("BTCUSDT", "isolated")
    assert mode("monday").reason == "BTCUSDT is isolated, set in this session"
    assert mode("tuesday").reason == "BTCUSDT is isolated, set in this session"
    assert mode("wednesday").verdict is BLOCK, "it begins after the switch"
    assert mode("monday").verdict is PASS, "the file holds all of them"
    assert json.loads(path.read_text())["schema"] == "isocross.acknowledgements/1"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"schema": "other/1", "sessions": []}', '{"schema": "isocross.acknowledgements/1"}',
     '{"schema": "isocross.acknowledgements/1", "sessions": [{"name": "a", "first_sequence": "x", "acknowledged": []}]}',
     '{"schema": "isocross.acknowledgements/1", "sessions": [{"name": "a", "first_sequence": 1, "acknowledged": '
     '[{"account": 2, "symbol": "BTCUSDT", "mode": "both"}]}]}'],
)  # fmt: skip
def test_a_broken_file_of_acknowledgements_is_named(tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(ChecklistError) as caught:
        SessionFile(path)
    assert str(path) in str(caught.value)
    assert "expected" in str(caught.value)


# ── The screen without an order ──────────────────────────────────────────────────────────────────────────────────────


def test_every_contract_on_one_screen(box, me):
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.configure("SOLUSDT", leverage=5)
    me.buy("BTCUSDT", margin=500, stop=57_500)
    me.sell("ETHUSDT", qty=2)
    result = ix.check(account=me)
    assert isinstance(result, ContractsResult)
    btc, eth, sol = result.contracts
    assert (btc.mode_is, btc.leverage_is, btc.lots) == ("set by you", "set by you", 83)
    assert (eth.mode_is, eth.leverage_is) == ("venue default", "venue default")
    assert (sol.mode_is, sol.leverage_is, sol.worst_loss_e8) == ("venue default", "set by you", None)
    assert btc.worst_loss_e8 == me.exchange.position(2, "BTCUSDT").margin_balance_e8
    assert eth.worst_loss_e8 == me.exchange.wallet(2).margin_balance_e8
    assert btc.stop_ticks == 575_000
    assert eth.stop_ticks is None
    text = repr(result)
    assert "isolated, set by you     10x, set by you" in text
    assert "ETHUSDT   cross, venue default  20x, venue default   0.63x" in text
    assert "NO STOP is set; the whole pool is behind it" in text
    assert "a cross trade stakes the pool, 9,496." in text
    assert result.frame.filter(symbol="ETHUSDT")["mode_is"].to_list() == ["venue default"]
    data = json.loads(json.dumps(result.to_dict()))
    assert data["schema"] == "isocross.contracts/1"
    assert data["contracts"][0]["open_orders"] == 1
    assert result.plot().axes


def test_a_contract_with_nothing_left_behind_it(box):
    doomed = box.account("doomed", USDT=100)
    doomed.configure("BTCUSDT", leverage=125)
    doomed.buy("BTCUSDT", qty="0.1")
    result = ix.check(account=doomed)
    assert result.contracts[0].effective_leverage_e8 > to_e8(60)


# ── What it hands back, and what it leaves alone ─────────────────────────────────────────────────────────────────────


def test_result_as_data(me):
    result = ix.check("BTCUSDT long 0.083 @ 59_000 stop 57_500", account=me, acknowledge=["BTCUSDT"])
    assert isinstance(result, CheckResult)
    data = json.loads(json.dumps(result.to_dict()))
    assert (data["schema"], data["verdict"], data["price"], data["stop"]) == (
        "isocross.check/1",
        "warn",
        "59000",
        "57500",
    )
    assert data["mode_confirmed_by"] == "acknowledged in this session"
    assert data["after"]["position"] == "0.083"
    assert result.reasons == (f"size: {result.rules[2].reason}",)
    assert result.frame["verdict"].to_list()[:3] == ["pass", "pass", "warn"]
    assert "WARN: 7 rules of 'default' asked, 0 block, 1 warn. Nothing was sent." in repr(result)
    assert result.plot().axes


def test_a_check_changes_no_byte(me):
    me.buy("BTCUSDT", qty="0.1", stop=58_000)
    exchange = me.exchange
    before, sequence = exchange.used_bytes(), exchange.next_sequence
    checklist = Checklist(me)
    for order in ("BTCUSDT long 0.1", "ETHUSDT short 1 @ 3100 stop 3200", "SOLUSDT long 1 @ 100", "BTCUSDT sell 500"):
        checklist.check(order)
    checklist.contracts()
    assert exchange.used_bytes() == before
    assert exchange.next_sequence == sequence


def test_any_order_path_may_ask_with_the_fields_of_its_command(me):
    checklist = Checklist(me.exchange)
    fields = {"account": 2, "symbol": 0, "side": Side.BUY, "order_type": OrderType.MARKET, "lots": 10}
    assert checklist.check(fields, stop=59_000).to_dict() == checklist.check("BTCUSDT long 0.01 stop 59000").to_dict()
    limit = {"symbol": "BTCUSDT", "side": 1, "order_type": 0, "price_ticks": 610_000, "lots": 10, "time_in_force": 0}
    assert checklist.check(limit).order == PlannedOrder("BTCUSDT", Side.SELL, 10, 610_000)
    assert (
        checklist.check(PlannedOrder("BTCUSDT", Side.SELL, 10, 610_000, stop_ticks=620_000)).order.stop_ticks == 620_000
    )


# ── What it refuses ──────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = [
    ("BTCUSDT", InputError, "order: 'BTCUSDT' does not read as SYMBOL long|short QTY"),
    ("", InputError, "order: '' does not read as"),
    ("long 0.1 BTCUSDT", InputError, "does not read as"),
    ("BTCUSDT up 0.1", InputError, "does not read as"),
    ("BTCUSDT long 0.1 stop", InputError, "does not read as"),
    ("NOPEUSDT long 0.1", UnknownSymbolError, "NOPEUSDT"),
    ("DOGEUSDT long 100", InputError, "DOGEUSDT is in the rulebook but not in this exchange"),
    ("BTCUSDT long 0", InputError, "order qty: 0 is not above 0"),
    ("BTCUSDT long 0.0001", InputError, "order qty: 0.0001 is not a multiple of 0.001"),
    ("BTCUSDT long nan", InputError, "order qty: nan is not a finite number"),
    ("BTCUSDT long 0.1 @ 60000.05", InputError, "order price: 60000.05 is not a multiple of 0.1"),
    ("BTCUSDT long 0.1 stop 0", InputError, "stop: 0 is not above 0"),
    ("BTCUSDT long 0.01 stop 61000", InputError, "stop: 61000 is on the wrong side: for a long it lies below"),
    ("BTCUSDT short 0.01 stop 59000", InputError, "stop: 59000 is on the wrong side: for a short it lies above"),
    ("BTCUSDT long 0.01 @ 58000 stop 58000", InputError, "for a long it lies below 58000"),
    ({"symbol": 0, "side": 0}, InputError, "order: lots is missing: expected the fields of PLACE_ORDER"),
    ({"symbol": 0, "side": 0, "lots": 1, "qty": 5}, InputError, "order: qty is no field of an order"),
    ({"symbol": 0, "side": 7, "lots": 1, "order_type": 1}, InputError, "order: 7 is not a valid Side"),
    ({"symbol": 0, "side": 0, "lots": 1}, InputError, "order: price_ticks = 0: expected at least 1 for a limit order"),
    ({"symbol": 99, "side": 0, "lots": 1, "order_type": 1}, InputError, "symbol: row 99"),
]


@pytest.mark.parametrize(("order", "error", "text"), REFUSED)
def test_refused(me, order, error, text):
    with pytest.raises(error) as caught:
        Checklist(me).check(order)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({}, "snapshot: say exactly one of --snapshot FILE, --data DIR and, in Python, exchange="),
        ({"account": "x", "exchange": 1}, "account: 'x' is not the number of an account"),
        ({"account": 7}, "account: 7 is none of this exchange's, which has 2 … 2"),
        ({"account": True}, "account: True is not the number"),
        ({"session": "monday"}, "session: --acknowledgements FILE and --session NAME go together"),
        ({"acknowledgements": "a.json"}, "session: --acknowledgements FILE and --session NAME go together"),
        ({"session": " ", "acknowledgements": "a.json"}, "session: ' ' is not a name of 1 to 64 characters"),
        ({"acknowledge": "NOPE"}, "NOPE"),
        (
            {"hold": "soon", "order": "BTCUSDT long 0.01"},
            "hold: 'soon' does not read as a time like 30m, 24h, 3d or 2w",
        ),
        ({"hold": "0h", "order": "BTCUSDT long 0.01"}, "hold: 0h is out of range"),
        ({"funding_rate": "200%", "order": "BTCUSDT long 0.01"}, "funding-rate: 200% is beyond ±100 %"),
        ({"risk": 0, "order": "BTCUSDT long 0.01"}, "risk: 0 is not above 0"),
        ({"risk": "0%", "order": "BTCUSDT long 0.01"}, "risk: 0% is not above 0 and at most 100 %"),
        ({"stop": 5, "order": "BTCUSDT long 0.01 stop 59000"}, "stop: the order says one itself"),
        ({"stop": 59_000, "order": "BTCUSDT sell 0.01 reduce-only"}, "stop: the order opens nothing in BTCUSDT"),
    ],
)
def test_bad_words_beside_the_order(me, tmp_path, monkeypatch, told, text):
    monkeypatch.chdir(tmp_path)
    me.buy("BTCUSDT", qty="0.02")
    words = {"exchange": me.exchange, **told} if told else {}
    if isinstance(words.get("exchange"), int):
        words["exchange"] = me.exchange
    with pytest.raises(InputError) as caught:
        ix.check(words.pop("order", None), **words)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_folder_is_read_as_far_as_it_is_written(tmp_path):
    life = told(5, 120)
    with contextlib.closing(JournaledExchange.create(tmp_path / "data", life.genesis)) as journaled:
        journaled.submit_batch(life.batch(0, 120))
        journaled.wait()
        shown = ix.check(data=tmp_path / "data", account=2)
    assert shown.to_dict() == ix.check(exchange=replayed(life), account=2).to_dict()
    with pytest.raises(ix.ExchangeError, match="there is none"):
        ix.check(data=tmp_path / "nowhere")


def replayed(life):
    exchange = life.genesis.exchange()
    exchange.submit_batch(life.batch(0, 120))
    return exchange


def test_several_accounts_have_to_be_told_apart(box, me):
    box.account("other", USDT=1)
    with pytest.raises(InputError, match="account: 2 are here; say which one"):
        ix.check(exchange=box)
    assert ix.check(exchange=box, account="3").account == 3
    with pytest.raises(InputError, match="account: none is here"):
        ix.check(exchange=ix.Sandbox("binance-usdm", BTCUSDT=60_000))
