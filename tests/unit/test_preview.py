"""Preview in the engine's integers: which worlds are asked, and the numbers of small orders that can be checked by hand."""

from __future__ import annotations

import time
from typing import Any

import pytest

from isocross.codes import CommandKind, MarginMode, OrderType, Reason, Refusal, Side
from isocross.errors import InputError
from isocross.exchange import Exchange
from isocross.journal.history import Genesis
from isocross.units import ONE_E8
from isocross.worlds import World
from isocross.worlds.outcome import outcome_of
from isocross.worlds.preview import Basis, branches_of, preview
from tests import world as made

ME, OTHER = 2, 3
BTC, DOGE = 0, 1
MARK = 40_000  # of BTC
BASES = [Basis.AS_IT_IS, Basis.SWITCHED]


class Story:
    """A world in which ME and OTHER have 100,000 each, BTC is at 40,000 with a deep maker."""

    def __init__(self) -> None:
        rulebook = made.usual()
        self.world = World.new(Genesis(rulebook, tuple(rulebook.symbols)), "base")
        self.exchange: Exchange = self.world.exchange
        for account in (ME, OTHER):
            self.do(made.account(account))
            self.do(made.deposit(account, "100000"))
        self.do(made.prices((BTC, MARK * ONE_E8), (DOGE, 12_000_000)))
        for symbol, mid in ((BTC, MARK * ONE_E8), (DOGE, 12_000_000)):
            self.do(made.ladder(symbol, mid, notional="10000000"))

    def do(self, command: made.Command) -> Any:
        given = dict(command)
        done = self.world.submit(given.pop("kind"), records=given.pop("records", ()), **given)
        return done.raise_if_refused()

    def isolated(self, symbol: int = BTC, leverage: int = 10) -> None:
        self.do(made.mode(ME, symbol, MarginMode.ISOLATED))
        self.do(made.leverage(ME, symbol, leverage))

    def ask(self, command: made.Command, **told: Any) -> Any:
        """The columns by name."""
        fields = {name: value for name, value in command.items() if name != "kind"}
        found = preview(self.exchange, ME, fields["symbol"], [(CommandKind(command["kind"]), fields)], **told)
        return {one.name: one for one in found}


def buy(lots: int, symbol: int = BTC, **fields: int) -> made.Command:
    return made.market(ME, symbol, Side.BUY, lots, **fields)


def test_the_mode_that_is_set_is_asked_as_it_is_and_the_other_after_a_switch() -> None:
    story = Story()
    columns = story.ask(buy(100))
    assert list(columns) == ["isolated", "cross"]
    assert [columns[name].basis for name in ("cross", "isolated")] == BASES
    assert story.exchange.margin_mode(ME, BTC) == MarginMode.CROSS
    story.isolated()
    columns = story.ask(buy(100))
    assert [columns[name].basis for name in ("isolated", "cross")] == BASES


def test_both_modes_fill_alike_and_differ_in_what_backs_them() -> None:
    story = Story()
    story.do(made.leverage(ME, BTC, 10))
    isolated, cross = (story.ask(buy(100))[name].outcome for name in ("isolated", "cross"))
    assert isolated.fills == cross.fills
    assert isolated.fee_e8 == cross.fee_e8 > 0
    before, after = isolated.position
    assert (before.lots, after.lots) == (0, 100)
    assert isolated.moved_in_e8 == after.isolated_wallet_e8 == isolated.margin_e8
    assert isolated.most_lost_e8 == isolated.moved_in_e8 + isolated.fee_e8
    assert cross.most_lost_e8 == 100_000 * ONE_E8
    assert cross.position.after.isolated_wallet_e8 == cross.moved_in_e8 == 0
    assert isolated.position.after.liquidation_mark_e8 > 0
    assert cross.position.after.liquidation_mark_e8 is None, "0.1 BTC are worth less than the wallet"
    assert (isolated.takes_along, cross.takes_along, isolated.orders_along) == ((), (), 0)


def test_without_a_history_a_blocked_mode_has_a_refusal_and_no_number() -> None:
    story = Story()
    story.do(buy(100))
    blocked = story.ask(buy(50))["isolated"]
    assert (blocked.basis, blocked.outcome) == (Basis.NONE, None)
    assert blocked.setting.refusals == {"BTCUSDT": Refusal.MARGIN_MODE_HAS_POSITION}
    assert blocked.setting.why_none == "no history was given to branch from"


@pytest.mark.parametrize("since_a_world", [True, False])
def test_a_blocked_mode_is_asked_in_the_branch_in_which_it_had_been_set(since_a_world: bool) -> None:
    story = Story()
    story.do(made.leverage(ME, BTC, 10))
    story.do(buy(100))
    base = story.world if since_a_world else story.world.history
    before = story.exchange.used_bytes()
    columns = story.ask(buy(50), elsewhere=branches_of(base, ME))
    assert story.exchange.used_bytes() == before
    blocked = columns["isolated"]
    assert blocked.basis is Basis.BRANCH
    assert blocked.setting.refusals == {"BTCUSDT": Refusal.MARGIN_MODE_HAS_POSITION}
    assert (blocked.outcome.position.before.lots, blocked.outcome.position.after.lots) == (100, 150)
    assert blocked.outcome.position.before.margin_mode == MarginMode.ISOLATED
    same = columns["cross"].outcome.position.after.entry_cost_e8
    assert blocked.outcome.position.after.entry_cost_e8 == same


def test_an_order_blocks_the_mode_as_well() -> None:
    story = Story()
    story.do(made.limit(ME, BTC, Side.BUY, 390_000, 10))
    blocked = story.ask(buy(50), elsewhere=branches_of(story.world, ME))["isolated"]
    assert blocked.setting.refusals == {"BTCUSDT": Refusal.MARGIN_MODE_HAS_ORDERS}
    assert blocked.outcome.orders_along == 1, "the order rests in the branch too"


def test_only_the_trade_that_is_open_now_is_in_the_other_mode() -> None:
    story = Story()
    story.do(buy(100))
    story.do(made.market(ME, BTC, Side.SELL, 100))
    story.do(made.leverage(ME, BTC, 10))
    story.do(buy(10))
    blocked = story.ask(buy(50), elsewhere=branches_of(story.world, ME))["isolated"]
    moved = [e for e in blocked.setting.world.exchange.positions(ME)]
    assert [one.margin_mode for one in moved] == [MarginMode.ISOLATED]
    assert blocked.outcome.before.equity_e8 == story.exchange.wallet(ME).equity_e8


def test_hybrid_is_left_out_where_it_is_the_isolated_column_and_asked_where_it_is_not() -> None:
    story = Story()
    story.do(buy(1_000, DOGE))
    assert list(story.ask(buy(100))) == ["isolated", "cross"], "the other position is cross"
    story = Story()
    story.isolated(DOGE)
    story.do(buy(1_000, DOGE))
    alone = story.ask(buy(100))["hybrid"]
    assert (alone.basis, alone.setting.refusals) == (Basis.NONE, {"DOGEUSDT": Refusal.MARGIN_MODE_HAS_POSITION})
    hybrid = story.ask(buy(100), elsewhere=branches_of(story.world, ME))["hybrid"]
    assert hybrid.basis is Basis.BRANCH
    own, *others = hybrid.outcome.positions
    assert own.after.margin_mode == MarginMode.ISOLATED
    assert [one.after.margin_mode for one in others] == [MarginMode.CROSS]
    assert story.ask(buy(100))["isolated"].outcome.after.isolated_wallets_e8 > hybrid.outcome.after.isolated_wallets_e8


def test_cross_says_what_a_liquidation_would_take_along_and_what_else_moves() -> None:
    story = Story()
    story.do(made.leverage(ME, BTC, 20))
    story.do(buy(60_000, DOGE))
    story.do(made.limit(ME, DOGE, Side.BUY, 10_000, 100))
    columns = story.ask(buy(20_000))
    cross, isolated = columns["cross"].outcome, columns["isolated"].outcome
    assert [one.symbol for one in cross.takes_along] == ["DOGEUSDT"]
    assert cross.orders_along == 1
    assert [change.after.symbol for change in cross.positions] == ["BTCUSDT", "DOGEUSDT"]
    assert cross.positions[1].before.margin_balance_e8 > cross.positions[1].after.margin_balance_e8
    assert isolated.takes_along == () and isolated.orders_along == 0
    assert [change.after.symbol for change in isolated.positions] == ["BTCUSDT", "DOGEUSDT"], (
        "the fee and the margin come from its pool"
    )


def test_a_refused_order_changes_nothing_and_says_why() -> None:
    story = Story()
    for column in story.ask(buy(900_000)).values():
        shown = column.outcome
        assert shown.refusal in (Refusal.MARGIN_INSUFFICIENT, Refusal.BRACKET_EXCEEDED)
        assert shown.before == shown.after
        assert shown.position.before == shown.position.after
        assert (shown.fills, shown.cost_e8, shown.most_lost_e8, shown.when_filled) == ((), 0, None, None)


def test_all_or_none_where_an_exit_is_refused() -> None:
    story = Story()
    order = {name: value for name, value in buy(100).items() if name != "kind"}
    stop = {
        "account": ME,
        "symbol": BTC,
        "side": Side.SELL,
        "order_type": OrderType.STOP_MARKET,
        "is_close_position": 1,
    }
    asked = [(CommandKind.PLACE_ORDER, order), (CommandKind.PLACE_CONDITIONAL, stop | {"trigger_ticks": 410_000})]
    shown = outcome_of(story.exchange, ME, BTC, asked)
    assert [one.refusal for one in shown.results] == [Refusal.NONE, Refusal.WOULD_TRIGGER_IMMEDIATELY]
    assert shown.refusal == Refusal.WOULD_TRIGGER_IMMEDIATELY
    assert shown.after == shown.before


def test_closing_leaves_nothing_that_can_be_lost() -> None:
    story = Story()
    story.isolated()
    story.do(buy(100))
    shown = story.ask(made.market(ME, BTC, Side.SELL, 100, is_reduce_only=1))["isolated"].outcome
    assert shown.position.after.lots == 0
    assert shown.most_lost_e8 is None
    assert shown.moved_back_e8 == shown.position.before.isolated_wallet_e8 + shown.realized_pnl_e8
    assert shown.cost_e8 < 0, "closing gives back"


def test_what_the_book_does_not_hold_expires() -> None:
    story = Story()
    story.do(made.ladder(BTC, MARK * ONE_E8, notional="1000", levels=2))
    shown = story.ask(buy(1_000))["cross"].outcome
    assert 0 < shown.filled_lots < 1_000
    assert shown.filled_lots + shown.expired_lots == 1_000
    assert shown.expired_reason == Reason.IMMEDIATE_REST


def test_a_resting_order_also_says_what_it_makes_once_it_is_filled() -> None:
    story = Story()
    story.isolated()
    shown = story.ask(made.limit(ME, BTC, Side.BUY, 390_000, 100))["isolated"].outcome
    assert (shown.filled_lots, shown.resting_lots) == (0, 100)
    assert shown.position.after.lots == 0 and shown.margin_e8 > 0
    filled = shown.when_filled
    assert filled is not None
    position = filled.positions[0].after
    assert position.lots == 100
    assert position.entry_cost_e8 == 3_900 * ONE_E8, "0.1 BTC at its limit of 39,000"
    assert position.isolated_wallet_e8 == 400 * ONE_E8, "the mark's 4,000 at 10x: the fill is better than the mark"
    assert filled.fee_e8 == story.exchange.rules(BTC).maker_fee_rate_e8 * 3_900
    assert filled.wallet.cross_wallet_e8 == 100_000 * ONE_E8 - 400 * ONE_E8 - filled.fee_e8
    assert not story.exchange.orders(ME)


def test_a_stop_with_a_limit_waits_and_rests_nowhere() -> None:
    story = Story()
    story.isolated()
    story.do(buy(100))
    stop = {
        "account": ME, "symbol": BTC, "side": Side.SELL, "order_type": OrderType.STOP, "trigger_ticks": 380_000,
        "price_ticks": 379_000, "lots": 100, "is_reduce_only": 1,
    }  # fmt: skip
    shown = outcome_of(story.exchange, ME, BTC, [(CommandKind.PLACE_CONDITIONAL, stop)])
    assert shown.refusal == Refusal.NONE
    assert (shown.resting_lots, shown.orders_along, shown.when_filled, shown.fills) == (0, 0, None, ())
    story.do({"kind": CommandKind.PLACE_CONDITIONAL} | stop)
    line = repr(story.exchange.orders(ME))
    assert line.endswith("account 2: stop sell 100 lots BTCUSDT at 379000 ticks when mark reaches 380000 ticks")


def test_orders_that_wait_before_it_are_filled_with_it() -> None:
    story = Story()
    story.do(made.limit(ME, BTC, Side.BUY, 395_000, 30))
    story.do(made.limit(OTHER, BTC, Side.BUY, 392_000, 50))
    shown = story.ask(made.limit(ME, BTC, Side.BUY, 390_000, 100))["cross"].outcome
    assert shown.when_filled is not None
    assert shown.when_filled.positions[0].after.lots == 130


def test_an_order_that_could_not_be_margined_when_it_is_reached_has_no_such_number() -> None:
    story = Story()
    story.isolated()
    most = story.exchange.max_open(ME, BTC, Side.BUY, 390_000)
    shown = story.ask(made.limit(ME, BTC, Side.BUY, 390_000, most))["isolated"].outcome
    assert shown.refusal == Refusal.NONE and shown.resting_lots == most
    assert shown.when_filled is None or shown.when_filled.positions[0].after.lots == most


def test_a_field_that_does_not_exist_is_an_error_and_leaves_no_preview_open() -> None:
    story = Story()
    with pytest.raises(InputError, match="limit_price"):
        preview(story.exchange, ME, BTC, [(CommandKind.PLACE_ORDER, {"account": ME, "symbol": BTC, "limit_price": 1})])
    assert not story.exchange.is_previewing


def crowd(accounts: int) -> Exchange:
    """So many accounts with an order each."""
    exchange = Exchange(made.usual())
    ladder = {name: value for name, value in made.ladder(BTC, MARK * ONE_E8).items() if name != "kind"}
    commands: list[tuple[CommandKind, dict[str, Any]]] = [
        (CommandKind.PRICES, {"records": [{"symbol": BTC, "index_e8": MARK * ONE_E8}]}),
        (CommandKind.QUOTE, ladder),
    ]
    for account in range(2, 2 + accounts):
        commands.append((CommandKind.CREATE_ACCOUNT, {"account": account}))
        commands.append((CommandKind.DEPOSIT, {"account": account, "asset": 0, "amount_e8": 10_000 * ONE_E8}))
        order = {"account": account, "symbol": BTC, "side": account % 2, "lots": 10}
        commands.append((CommandKind.PLACE_ORDER, order | {"price_ticks": 350_000 if account % 2 == 0 else 450_000}))
    exchange.submit_batch(exchange.pack(commands), lambda events: None)
    exchange.submit(CommandKind.CANCEL_ALL, account=ME)
    return exchange


def test_preview_costs_the_same_beside_ten_thousand_accounts() -> None:
    asked = [(CommandKind.PLACE_ORDER, {"account": ME, "symbol": BTC, "side": 0, "order_type": 1, "lots": 5})]
    few, many = crowd(5), crowd(10_000)
    best = {few: 1.0, many: 1.0}
    for _ in range(40):
        for exchange in best:
            started = time.perf_counter()
            columns = preview(exchange, ME, BTC, asked)
            best[exchange] = min(best[exchange], time.perf_counter() - started)
            assert [one.outcome.refusal for one in columns if one.outcome] == [Refusal.NONE, Refusal.NONE]
    assert best[many] <= 2 * best[few]
