"""Box: the market, the clock, the accounts and everybody's balances.

Responsible for: Sandbox. Must not: know what an account does (account.py).

    box = Sandbox("binance-usdm", BTCUSDT=60_000)
    me = box.account("me", USDT=10_000)
    me.configure("BTCUSDT", mode="isolated", leverage=10)
    me.buy("BTCUSDT", margin=500, stop=57_500)
    box.mark(BTCUSDT=51_000)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path

import numpy as np

from ..codes import CommandKind, EventKind, LiquidationStep, Reason, SymbolStatus
from ..errors import InputError
from ..journal.history import Genesis
from ..market.choose import MANUAL, open_source, symbols_of
from ..market.commands import MarketCommand
from ..market.maker import DepthProfile
from ..market.manual import ManualPrices
from ..market.source import FLOW_NAME, Source
from ..rulebook import DEFAULT_RULEBOOK, Rulebook, load, symbol_rules
from ..units import ONE_E8, Amount, format_time, to_e8, to_rate_e8, to_time_ms
from ..worlds import Moment, World, branch, fork
from ..worlds.moment import MomentLike
from ..worlds.receipt import Receipts, receipts
from ..worlds.rewrite import Rewrite
from ..worlds.shadow import Upkeep
from .account import Account, Accounts
from .following import FLOW, follow, open_flow, span_ms, tell
from .ordering import member
from .records import Balance, Rows, Step, decimal
from .refusing import Command
from .sending import HOUSE, Sender, without_ladders

FUND = 0  # account number, docs/reference/commands.md
FUND_DEPOSIT = 1_000_000
START = "2026-01-01T00:00"


class Sandbox:
    """An exchange with a market maker around prices that you set, or that a market says.

    Takes    rulebook: a name, a file or a loaded one. fund: the insurance fund, in the margin asset of the first symbol,
             or {'USDT': …} (or a pandas Series of that). start: its clock. profiles: the maker's ladder per symbol. compiled=False runs the engine as
             plain Python. Every other keyword is a symbol and its price: BTCUSDT=60_000.
             market: 'manual', you set prices; 'synthetic' or 'crash', made up from `seed`; 'replay:PATH', recorded, from `begin` on:
             then `advance` lets time pass. symbols: of such a market, those whose first price is its own.
    Errors   InputError; RefusedError where the exchange refuses: then no balance, order or position has changed. MarketDataError
             of a replay.
    """

    def __init__(
        self,
        rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
        *,
        fund: Amount | Mapping[str, Amount] = FUND_DEPOSIT,
        start: int | str | None = None,
        profiles: Mapping[str, DepthProfile] | None = None,
        compiled: bool = True,
        market: str = MANUAL,
        seed: int | None = None,
        begin: int | str | None = None,
        symbols: Sequence[str] = (),
        **prices: Amount,
    ) -> None:
        book = rulebook if isinstance(rulebook, Rulebook) else load(rulebook)
        names = tuple(dict.fromkeys((*prices, *symbols)))
        if market == MANUAL and (not prices or len(names) > len(prices)):
            raise InputError("Sandbox: no price is given: expected at least one, like BTCUSDT=60_000")
        rules = [symbol_rules(book, name) for name in names or symbols_of(market, tuple(book.symbols))]
        world = World.new(Genesis(book, tuple(one.symbol for one in rules)), "sandbox", compiled=compiled)
        self._set_up(Sender(world), ManualPrices(rules, profiles), None, compiled)
        start_ms = to_time_ms(START if start is None else start, "start")
        self._market_source = open_source(
            market,
            rules,
            seed=seed,
            start_ms=start_ms,
            prices_e8=self._prices_e8(prices),
            begin=begin,
            as_recorded=start is None,
            flow_account=FLOW,
        )
        if self._market_source is not None:
            start_ms = self._market_source.start_ms
        self._send([MarketCommand(CommandKind.ADVANCE_CLOCK, {"time_ms": start_ms})])
        if self._market_source is None:
            self._send(self._market.opening(self._prices_e8(prices)))
        else:
            open_flow(self._sender)
            tell(self._sender, [self._market_source.opening()])
        deposits = dict(fund.items()) if hasattr(fund, "items") else {rules[0].margin_asset: fund}
        amounts_e8 = {
            self.exchange.asset_row(asset): to_e8(amount, f"fund {asset}") for asset, amount in deposits.items()
        }
        self._sender.carry_out(
            [
                Command(CommandKind.FUND_DEPOSIT, {"asset": row, "amount_e8": amount_e8}, "fund deposit")
                for row, amount_e8 in amounts_e8.items()
                if amount_e8
            ]
        )

    def _set_up(self, sender: Sender, market: ManualPrices, source: Source | None, compiled: bool) -> None:
        self.world = sender.world
        self.exchange = sender.world.exchange
        self.accounts = Accounts()
        self._sender = sender
        self._market = market
        self._market_source = source
        self._compiled = compiled

    @property
    def name(self) -> str:
        """What this world is called."""
        return self.world.name

    @property
    def rulebook(self) -> Rulebook:
        """The rules that hold here."""
        return self.exchange.rulebook

    @property
    def symbols(self) -> tuple[str, ...]:
        """The contracts that trade here."""
        return self.exchange.symbols

    def account(self, name: str = "me", **deposits: Amount) -> Account:
        """The account of that name, "me" unless said; opened with `deposits` (USDT=10_000) when there is none yet."""
        if name in self.accounts:
            if deposits:
                raise InputError(f"account {name!r} is open already: use deposit to add to it")
            return self.accounts[name]
        if not name or name in ("fund", "house", "fees", FLOW_NAME):
            raise InputError(f"account {name!r}: expected a name other than fund, house, fees, {FLOW_NAME}")
        account = Account(self.exchange, self._sender, name, len(self.exchange.table("accounts")))
        account.open(deposits)
        self.accounts[name] = account
        self.world.names[name] = account.number
        return account

    # ---- the market

    def mark(self, *, depth: Amount | None = None, keep_book: bool = False, **prices: Amount) -> Step:
        """Set prices: the maker moves around them, then all marks (and indexes) change at once and everybody is judged.

        `depth`: the share of its depth that the maker shows now, 0.2 or "20%"; 0: the book leaves. `keep_book`: the maker
        does not move, only the marks do.
        """
        if keep_book and depth is not None:
            raise InputError("mark: keep_book leaves the book as it is: leave out depth")
        scale_e8 = ONE_E8 if depth is None else to_rate_e8(depth, "depth")
        return self._send(self._market.move(self._prices_e8(prices), None if keep_book else scale_e8))

    def funding(self, **rates: Amount) -> Step:
        """Settle funding now: BTCUSDT="0.01%" or 0.0001. At a positive rate longs pay shorts."""
        if not rates:
            raise InputError('funding: no rate is given: expected like BTCUSDT="0.01%"')
        records = [
            {"symbol": self.exchange.symbol_row(name), "rate_e8": to_rate_e8(rate, f"funding rate of {name}")}
            for name, rate in rates.items()
        ]
        return self._send([MarketCommand(CommandKind.SETTLE_FUNDING, {"records": records})])

    def status(self, symbol: str, status: str | SymbolStatus) -> Step:
        """What a contract may do from now on: trading, reduce_only, paused; or delisted, which settles everybody at the mark, for good."""
        names = tuple(one.name for one in SymbolStatus)
        chosen = status if isinstance(status, SymbolStatus) else member(SymbolStatus, status, "status", names)
        fields = {"symbol": self.exchange.symbol_row(symbol), "symbol_status": chosen}
        return self._send([MarketCommand(CommandKind.SET_SYMBOL_STATUS, fields)])

    def clock(self, to: int | str | None = None, *, hours: int = 0, minutes: int = 0, seconds: int = 0) -> Step:
        """Advance the clock: to a moment ("2026-01-01T08:00"), or by some time. It never goes back."""
        past_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000
        if (to is None) == (past_ms == 0):
            raise InputError("clock: expected either a moment or hours, minutes, seconds")
        moment = self.exchange.time_ms + past_ms if to is None else self._moment_ahead(to, "clock")
        if self._market_source is not None:
            return self._follow(moment, None)
        return self._send([MarketCommand(CommandKind.ADVANCE_CLOCK, {"time_ms": moment})])

    @property
    def market(self) -> Source | None:
        """Who says the prices; None: you do."""
        return self._market_source

    def advance(self, by: str | None = None, *, to: int | str | None = None, every: str | None = None) -> Step:
        """Let the market go on, by "1h" or to a moment. It is told once a second, over more than an hour every ten, over more
        than a day once a minute, or as `every` says; its prices are the same however often it is told.

        Errors   InputError: prices are set by hand here, a moment in the past.
        """
        if self._market_source is None:
            raise InputError(
                'advance: prices are set by hand here: expected a Sandbox with market="synthetic" or a replay'
            )
        if (by is None) == (to is None):
            raise InputError('advance: expected either a stretch of time like "1h" or a moment')
        if to is not None:
            return self._follow(self._moment_ahead(to, "to"), every)
        return self._follow(self.exchange.time_ms + span_ms(str(by), "advance"), every)

    # ---- other worlds

    @property
    def moment(self) -> Moment:
        """Now, as `branch(at=…)` and rewrites take it later."""
        return self.world.moment

    def branch(self, *rewrites: Rewrite, at: MomentLike | None = None, name: str = "branch") -> Sandbox:
        """Another sandbox that has lived this one's history under rewrites, up to now or to a moment, with the same accounts.

        Both go on by themselves. See isocross.branch; what became different on the way is in `branch.world.divergences`.
        Errors   RewriteError where a rewrite does not apply.
        """
        exits, events = self._sender.exits.copy(), list[np.ndarray]()
        world = branch(
            self.world,
            *rewrites,
            at=at,
            name=name,
            compiled=self._compiled,
            upkeep=exits,
            on_events=lambda seen: events.append(seen.copy() if self._market_source is None else without_ladders(seen)),
        )
        return self._beside(Sender(world, exits, events))

    def fork(self, name: str) -> Sandbox:
        """A sandbox beside this one, as it is now. It stands still until you use it; this one goes on."""
        return self._beside(Sender(fork(self.world, name), self._sender.exits.copy(), [self.events]))

    def _beside(self, sender: Sender) -> Sandbox:
        other = Sandbox.__new__(Sandbox)
        other._set_up(sender, self._market, self._market_source, self._compiled)
        opened = len(other.exchange.table("accounts"))
        for name, account in self.accounts.items():
            if account.number < opened:
                other.accounts[name] = Account(other.exchange, sender, name, account.number)
        other.world.names = {name: account.number for name, account in other.accounts.items()}
        return other

    def upkeep(self) -> Upkeep:
        """What a sandbox does on its own in a branch of this one's history: it ends exits with their positions."""
        return self._sender.exits.copy()

    # ---- what there is to see

    @property
    def receipts(self) -> Receipts:
        """A receipt for every liquidation and auto-deleveraging so far. One shows itself; `save("receipt.html")` writes its page."""
        return receipts(self, events=self.events, compiled=self._compiled)

    @property
    def events(self) -> np.ndarray:
        """All events so far, in order (kernel/schema.py EVENT); exchange.events_frame makes a frame of them.

        Of what a market says the maker's ladder is left out: its orders that are accepted and cancelled, and levels of the book.
        """
        return self._sender.events

    def mark_price(self, symbol: str) -> Decimal:
        """The mark of a symbol."""
        return decimal(self.exchange.mark_e8(symbol))

    def balances(self, asset: str | None = None) -> Rows[Balance]:
        """Everybody's balance in one margin asset, the rulebook's first unless said: accounts, house, fund, fees. `cash` sums to exactly zero."""
        asset = self.rulebook.margin_assets[0] if asset is None else asset
        names = {FUND: "fund", HOUSE: "house"} | self._names()
        column = self.exchange.asset_row(asset)
        events = self.events[(self.events["kind"] == EventKind.WALLET) & (self.events["asset"] == column)]
        paid_in = events[np.isin(events["code"], (Reason.DEPOSIT, Reason.WITHDRAWAL, Reason.FUND_DEPOSIT))]
        wallets = self.exchange.table("wallets")["cross_wallet_e8"].reshape(-1, len(self.exchange.assets))[:, column]
        positions = self.exchange.table("positions")
        is_here = self.exchange.table("symbols")["asset"][positions["symbol"]] == column
        rows = []
        others = (FUND, HOUSE) if self._market_source is None else (FUND, HOUSE, FLOW)
        for number, name in sorted(names.items(), key=lambda item: (item[0] in others, item[0])):
            own = positions[is_here & (positions["account"] == number)]
            amounts = (
                sum(paid_in["amount_e8"][paid_in["account"] == number].tolist()),
                int(wallets[number]),
                sum(own["isolated_wallet_e8"].tolist()),
                sum(own["entry_cost_e8"].tolist()),
            )
            rows.append(self._balance(name, asset, amounts))
        fees = int(self.exchange.table("assets")["fees_collected_e8"][column])
        return Rows([*rows, self._balance("fees", asset, (0, fees, 0, 0))])

    def _balance(self, party: str, asset: str, amounts: tuple[int, int, int, int]) -> Balance:
        deposited, cross, isolated, cost = amounts
        return Balance(
            party=party,
            asset=asset,
            deposited=decimal(deposited),
            cross_wallet=decimal(cross),
            isolated_wallets=decimal(isolated),
            entry_cost=decimal(cost),
            cash=decimal(cross + isolated - cost - deposited),
        )

    def __repr__(self) -> str:
        words = f" ({'; '.join(self.world.rewrites)})" if self.world.rewrites else ""
        name = "Sandbox" if self.name == "sandbox" else f"Sandbox {self.name}{words},"
        return f"{name} {self.rulebook.name}, {self._moment()}; {len(self.accounts)} accounts"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.accounts._repr_html_()}"

    # ---- private

    def _prices_e8(self, prices: Mapping[str, Amount]) -> dict[str, int]:
        return {self.exchange.rules(name).symbol: to_e8(price, f"price of {name}") for name, price in prices.items()}

    def _send(self, commands: Sequence[MarketCommand]) -> Step:
        """Commands of the market, whose values are checked."""
        seen = self._sender.event_count
        self._sender.send([Command(kind, fields, kind.name.lower()) for kind, fields in commands])
        return self._step(seen)

    def _follow(self, until_ms: int, every: str | None) -> Step:
        assert self._market_source is not None
        seen = self._sender.event_count
        follow(self._sender, self._market_source, until_ms, every)
        return self._step(seen)

    def _step(self, seen: int) -> Step:
        events = self._sender.events_since(seen)
        return Step(events, self._told(events))

    def _moment_ahead(self, moment: int | str, name: str) -> int:
        moment_ms = to_time_ms(moment, name)
        if moment_ms < self.exchange.time_ms:
            raise InputError(
                f"{name}: {format_time(moment_ms)} is before {format_time(self.exchange.time_ms)}: time never goes back"
            )
        return moment_ms

    def _names(self) -> dict[int, str]:
        """Of the accounts, the flow's among them."""
        flow = {} if self._market_source is None else {FLOW: FLOW_NAME}
        return flow | {one.number: one.name for one in self.accounts.values()}

    def _told(self, events: np.ndarray) -> str:
        """The liquidations and triggers among events, in one line."""
        names = self._names()
        parts = []
        for event in events[np.isin(events["kind"], (EventKind.LIQUIDATION_ENDED, EventKind.TRIGGERED))]:
            who = names[int(event["account"])]
            of = self.symbols[event["symbol"]] if event["symbol"] >= 0 else "cross pool"
            if event["kind"] == EventKind.TRIGGERED:
                parts.append(f"{who}'s exit of {of} triggered")
            else:
                how = LiquidationStep(int(event["code"])).name.lower().replace("_", " ")
                parts.append(f"{who}'s {of} liquidated ({how})")
        return f"{self._moment()}: {'; '.join(parts) or 'nobody liquidated'}"

    def _moment(self) -> str:
        prices = ", ".join(f"{name} {self.mark_price(name):f}" for name in self.symbols)
        return f"{format_time(self.exchange.time_ms)}, {prices}"
