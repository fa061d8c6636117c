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
from pathlib import Path

import numpy as np

from ..codes import CommandKind, EventKind, LiquidationStep, Reason
from ..errors import InputError
from ..exchange import Exchange
from ..market.maker import DepthProfile
from ..market.manual import ManualPrices, MarketCommand
from ..rulebook import DEFAULT_RULEBOOK, Rulebook, load, symbol_rules
from ..units import ONE_E8, Amount, format_time, to_e8, to_rate_e8, to_time_ms
from .account import Account
from .records import Balance, Rows, Step, decimal
from .sending import Command, Sender

FUND, HOUSE = 0, 1  # account numbers, docs/reference/commands.md
FUND_DEPOSIT = 1_000_000
START = "2026-01-01T00:00"


class Sandbox:
    """An exchange with a market maker around prices that you set.

    Takes    rulebook: a name, a file or a loaded one. fund: the insurance fund, in the margin asset of the first symbol,
             or {'USDT': …}. start: its clock. profiles: the maker's ladder per symbol. compiled=False runs the engine as
             plain Python. Every other keyword is a symbol and its price: BTCUSDT=60_000.
    Errors   InputError; RefusedError where the exchange refuses: then no balance, order or position has changed.
    """

    def __init__(
        self,
        rulebook: str | Path | Rulebook = DEFAULT_RULEBOOK,
        *,
        fund: Amount | Mapping[str, Amount] = FUND_DEPOSIT,
        start: int | str = START,
        profiles: Mapping[str, DepthProfile] | None = None,
        compiled: bool = True,
        **prices: Amount,
    ) -> None:
        book = rulebook if isinstance(rulebook, Rulebook) else load(rulebook)
        if not prices:
            raise InputError("Sandbox: no price is given: expected at least one, like BTCUSDT=60_000")
        rules = [symbol_rules(book, name) for name in prices]
        self.exchange = Exchange(book, [one.symbol for one in rules], compiled=compiled)
        self.accounts: dict[str, Account] = {}
        self._market = ManualPrices(rules, profiles)
        self._sender = Sender(self.exchange)
        self._send([MarketCommand(CommandKind.ADVANCE_CLOCK, {"time_ms": to_time_ms(start, "start")})])
        self._send(self._market.opening(self._prices_e8(prices)))
        deposits = fund if isinstance(fund, Mapping) else {rules[0].margin_asset: fund}
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

    @property
    def rulebook(self) -> Rulebook:
        """The rules that hold here."""
        return self.exchange.rulebook

    @property
    def symbols(self) -> tuple[str, ...]:
        """The contracts that trade here."""
        return self.exchange.symbols

    def account(self, name: str, **deposits: Amount) -> Account:
        """The account of that name; opened with `deposits` (USDT=10_000) when there is none yet."""
        if name in self.accounts:
            if deposits:
                raise InputError(f"account {name!r} is open already: use deposit to add to it")
            return self.accounts[name]
        if not name or name in ("fund", "house", "fees"):
            raise InputError(f"account {name!r}: expected a name other than fund, house, fees")
        account = Account(self.exchange, self._sender, name, len(self.exchange.table("accounts")))
        account.open(deposits)
        self.accounts[name] = account
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

    def clock(self, to: int | str | None = None, *, hours: int = 0, minutes: int = 0, seconds: int = 0) -> Step:
        """Advance the clock: to a moment ("2026-01-01T08:00"), or by some time. It never goes back."""
        past_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000
        if (to is None) == (past_ms == 0):
            raise InputError("clock: expected either a moment or hours, minutes, seconds")
        moment = self.exchange.time_ms + past_ms if to is None else to_time_ms(to, "clock")
        if moment < self.exchange.time_ms:
            raise InputError(
                f"clock: {format_time(moment)} is before {format_time(self.exchange.time_ms)}: time never goes back"
            )
        return self._send([MarketCommand(CommandKind.ADVANCE_CLOCK, {"time_ms": moment})])

    # ---- what there is to see

    @property
    def events(self) -> np.ndarray:
        """All events so far, in order (kernel/schema.py EVENT); exchange.events_frame makes a frame of them."""
        return self._sender.events

    def mark_price(self, symbol: str) -> Decimal:
        """The mark of a symbol."""
        return decimal(self.exchange.mark_e8(symbol))

    def balances(self, asset: str = "USDT") -> Rows[Balance]:
        """Everybody's balance in one margin asset: accounts, house, fund, fees. `cash` sums to exactly zero."""
        names = {FUND: "fund", HOUSE: "house"} | {one.number: one.name for one in self.accounts.values()}
        column = self.exchange.asset_row(asset)
        events = self.events[(self.events["kind"] == EventKind.WALLET) & (self.events["asset"] == column)]
        paid_in = events[np.isin(events["code"], (Reason.DEPOSIT, Reason.WITHDRAWAL, Reason.FUND_DEPOSIT))]
        wallets = self.exchange.table("wallets")["cross_wallet_e8"].reshape(-1, len(self.exchange.assets))[:, column]
        positions = self.exchange.table("positions")
        is_here = self.exchange.table("symbols")["asset"][positions["symbol"]] == column
        rows = []
        for number, name in sorted(names.items(), key=lambda item: (item[0] in (FUND, HOUSE), item[0])):
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
        return f"Sandbox {self.rulebook.name}, {self._moment()}; {len(self.accounts)} accounts"

    # ---- private

    def _prices_e8(self, prices: Mapping[str, Amount]) -> dict[str, int]:
        return {self.exchange.rules(name).symbol: to_e8(price, f"price of {name}") for name, price in prices.items()}

    def _send(self, commands: Sequence[MarketCommand]) -> Step:
        """Commands of the market, whose values are checked."""
        seen = self._sender.event_count
        self._sender.send([Command(kind, fields, kind.name.lower()) for kind, fields in commands])
        events = self._sender.events_since(seen)
        return Step(events, self._told(events))

    def _told(self, events: np.ndarray) -> str:
        """The liquidations and triggers among events, in one line."""
        names = {one.number: one.name for one in self.accounts.values()}
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
