"""Scenario: a small language for stories about margin, driven through Sandbox.

A file is a story: comments, headings (`== after the dip`), and commands; what each command did stands below it, one line
each, after an arrow. `pytest tests/golden --rewrite` writes these lines anew, and the difference is what one reads.

    rulebook binance-usdm                         fund 1_000_000
    price BTCUSDT 60_000, ETHUSDT 3_000           the maker and the marks; the first one opens the exchange
    deposit alice 10_000 [USDC]                   withdraw alice 500          transfer bob alice 500
    mode alice BTCUSDT isolated                   leverage alice BTCUSDT 10
    open alice long BTCUSDT margin 500 [@ 59_000] [stop 57_500] [take-profit 70_000]
    open alice long BTCUSDT 0.1 @ 59_000 until 2026-01-01T08:00     amend alice [@ 59_100] [0.2]: her only open order
    countdown alice BTCUSDT 30                    status BTCUSDT reduce_only | paused | delisted | trading
    open alice short ETHUSDT 1.5                  close alice BTCUSDT [0.01]  cancel alice
    stop alice BTCUSDT 57_500                     add-margin alice BTCUSDT 100      remove-margin alice BTCUSDT 100
    position-mode alice hedge                     then `open … short` opens the short beside the long, and the commands about a
                                                  position take its side where there are two: close alice BTCUSDT short 0.01
    mark BTCUSDT 51_000, ETHUSDT 2_700 [depth 0 | keep book]
    funding BTCUSDT 0.1% [times 31]               clock 2026-01-01T08:00
    show alice                                    ledger alice                ledger all
    receipt 1 [saved]                             with what would have saved the account
    refused NAME: COMMAND                         the command, which must be refused with that name
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from isocross.codes import EventKind, LiquidationStep, MarginMode, OrderType, PositionMode, Reason, Refusal
from isocross.errors import ExchangeError, RefusedError
from isocross.sandbox import Account, Position, Sandbox
from isocross.units import format_e8
from isocross.worlds.receipt import Receipt
from tests.golden.ledger import ledger_text

HERE = Path(__file__).parent
ARROW = "→"


class ScenarioError(AssertionError):
    """A line that is no command, or went otherwise than the story says."""


class Scenario:
    """One story as it runs."""

    def __init__(self) -> None:
        self._rulebook_name = "binance-usdm"
        self._fund_amount = "0"
        self._box: Sandbox | None = None

    @property
    def box(self) -> Sandbox:
        """The exchange, once a price is set."""
        if self._box is None:
            raise ScenarioError("no price is set yet: expected a line like price BTCUSDT 60_000")
        return self._box

    def account(self, name: str) -> Account:
        """The account of that name."""
        return self.box.account(name)

    def do(self, line: str) -> list[str]:
        """One command; what it did, line by line."""
        word, _, rest = line.strip().partition(" ")
        command = getattr(self, "_" + word.replace("-", "_"), None) if word in COMMANDS else None
        if command is None:
            raise ScenarioError(f"{line!r}: {word!r} is not a command")
        seen = len(self.box.events) if self._box else 0
        told = command(rest.strip())
        return [*(self._told(self.box.events[seen:]) if self._box else []), *(told or [])]

    # ---- setting up

    def _rulebook(self, text: str) -> None:
        self._rulebook_name = text

    def _fund(self, text: str) -> None:
        self._fund_amount = text

    def _price(self, text: str) -> None:
        if self._box is not None:
            raise ScenarioError("the prices are set: expected mark")
        self._box = Sandbox(self._rulebook_name, fund=self._fund_amount, **_pairs(text))

    # ---- an account

    def _deposit(self, text: str) -> list[str]:
        name, amount, asset = [*text.split(), "USDT"][:3]
        self.account(name).deposit(**{asset: amount})
        return self._standing(name, asset)

    def _withdraw(self, text: str) -> list[str]:
        name, amount, asset = [*text.split(), "USDT"][:3]
        self.account(name).withdraw(**{asset: amount})
        return self._standing(name, asset)

    def _transfer(self, text: str) -> list[str]:
        giver, taker, amount, asset = [*text.split(), "USDT"][:4]
        self.account(giver).withdraw(**{asset: amount})
        self.account(taker).deposit(**{asset: amount})
        return [*self._standing(giver, asset), *self._standing(taker, asset)]

    def _mode(self, text: str) -> None:
        name, symbol, mode = text.split()
        self.account(name).set_mode(symbol, mode)

    def _leverage(self, text: str) -> None:
        name, symbol, leverage = text.split()
        self.account(name).set_leverage(symbol, leverage)

    def _open(self, text: str) -> list[str]:
        name, side, symbol, *rest = text.split()
        order: dict[str, str] = {}
        words = iter(rest)
        for word in words:
            if word in ("margin", "stop", "take-profit"):
                order[word.replace("-", "_")] = next(words)
            elif word == "@":
                order["price"] = next(words)
            elif word == "until":
                order["until"] = next(words)
            elif word in ("gtx", "ioc", "fok"):
                order["tif"] = word
            else:
                order["qty"] = word
        if side not in ("long", "short"):
            raise ScenarioError(f"open: {side!r}: expected long or short")
        self.account(name).order(symbol, "buy" if side == "long" else "sell", **order)
        return self._standing(name)

    def _close(self, text: str) -> list[str]:
        name, symbol, side, *qty = _sided(text)
        self.account(name).close(symbol, *qty, position_side=side)
        return self._standing(name)

    def _position_mode(self, text: str) -> None:
        name, mode = text.split()
        self.account(name).set_position_mode(mode)

    def _cancel(self, text: str) -> list[str]:
        for order in self.account(text).orders:
            self.account(text).cancel(order.order_id)
        return self._standing(text)

    def _amend(self, text: str) -> list[str]:
        name, *rest = text.split()
        (order,) = self.account(name).orders
        wanted: dict[str, str] = {}
        words = iter(rest)
        for word in words:
            wanted |= {"price": next(words)} if word == "@" else {"qty": word}
        self.account(name).amend(order.order_id, **wanted)
        return self._standing(name)

    def _countdown(self, text: str) -> None:
        name, symbol, seconds = text.split()
        self.account(name).cancel_all_after(symbol, int(seconds))

    def _stop(self, text: str) -> None:
        name, symbol, side, price = _sided(text)
        self.account(name).stop(symbol, price, position_side=side)

    def _add_margin(self, text: str) -> list[str]:
        name, symbol, side, amount = _sided(text)
        self.account(name).add_margin(symbol, amount, position_side=side)
        return self._standing(name)

    def _remove_margin(self, text: str) -> list[str]:
        name, symbol, side, amount = _sided(text)
        self.account(name).remove_margin(symbol, amount, position_side=side)
        return self._standing(name)

    # ---- the market

    def _mark(self, text: str) -> list[str]:
        how = re.search(r" (depth (\S+)|keep book)$", text)
        prices = _pairs(text[: how.start()] if how else text)
        if how is None:
            self.box.mark(**prices)
        elif how[2]:
            self.box.mark(depth=how[2], **prices)
        else:
            self.box.mark(keep_book=True, **prices)
        return self._standings()

    def _funding(self, text: str) -> list[str]:
        rates, _, times = text.partition(" times ")
        for _ in range(int(times or 1)):
            self.box.funding(**_pairs(rates))
        return self._standings()

    def _clock(self, text: str) -> None:
        self.box.clock(text)

    def _status(self, text: str) -> list[str]:
        symbol, status = text.split()
        self.box.status(symbol, status)
        return self._standings()

    # ---- what there is to see

    def _show(self, text: str) -> list[str]:
        return [*map(repr, self.account(text).orders), *self._standing(text)]

    def _ledger(self, text: str) -> list[str]:
        return ledger_text(self.box, None if text == "all" else [text])

    def _receipt(self, text: str) -> list[str]:
        number, *how = text.split()
        one = self.box.receipts.numbered(int(number))
        return (one.with_rescues() if how == ["saved"] and isinstance(one, Receipt) else one).text().split("\n")

    def _refused(self, text: str) -> list[str]:
        name, _, line = text.partition(":")
        try:
            self.do(line)
        except RefusedError as refused:
            if Refusal(refused.refusal) != Refusal[name.strip()]:
                raise
            return [f"refused: {refused}"]
        raise ScenarioError(f"{line.strip()!r} was accepted: expected {name.strip()}")

    def _standings(self) -> list[str]:
        return [line for name in self.box.accounts for line in self._standing(name)]

    def _standing(self, name: str, asset: str = "USDT") -> list[str]:
        """An account: its positions and its wallet."""
        account = self.account(name)
        wallet = account.wallet(asset)
        held = [_position_text(name, position) for position in account.positions]
        return [*held, f"{name} {asset} cross wallet {wallet.cross_wallet:f} available {wallet.available:f}"]

    # ---- events in words

    def _told(self, events: np.ndarray) -> list[str]:
        names = {account.number: name for name, account in self.box.accounts.items()}
        return [line for event in _with_funding_summed(_merged(events)) if (line := self._line(event, names))]

    def _line(self, event: dict[str, int], names: dict[int, str]) -> str | None:
        """One event in words; None for what is the house's own affair or is told by another line."""
        kind = event["kind"]
        who = names.get(event["account"])
        if kind == EventKind.TAKEOVER:
            taker = "the insurance fund" if event["counterparty"] == 0 else "the house"
            return f"{taker} takes over {who} {self._size(event)} for {format_e8(event['value_e8'])}"
        if who is None or kind not in _TOLD:
            return None
        return _TOLD[EventKind(kind)](self, who, event)

    def _symbol(self, event: dict[str, int]) -> str:
        return self.box.symbols[event["symbol"]] if event["symbol"] >= 0 else "cross pool"

    def _size(self, event: dict[str, int]) -> str:
        rules = self.box.exchange.rules(event["symbol"])
        return f"{format_e8(event['lots'] * rules.step_e8)} {rules.symbol}"

    def _at(self, event: dict[str, int]) -> str:
        return format_e8(event["price_ticks"] * self.box.exchange.rules(event["symbol"]).tick_e8)

    def _filled(self, who: str, event: dict[str, int]) -> str:
        quantity_e8 = event["lots"] * self.box.exchange.rules(event["symbol"]).step_e8
        price = _price_text(event["value_e8"], quantity_e8)
        verb = "sells" if event["side"] else "buys"
        realized = f" realized {format_e8(event['amount_e8'])}" if event["amount_e8"] else ""
        return f"{who} {verb} {self._size(event)} @ {price}{realized} fee {format_e8(event['fee_e8'])}"

    def _accepted(self, who: str, event: dict[str, int]) -> str | None:
        verb = "sell" if event["side"] else "buy"
        if event["code"] in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET):
            name = OrderType(event["code"]).name.lower().replace("_market", "").replace("_", "-")
            return f"{who} {name}: {verb} all of {self._symbol(event)} when mark reaches {self._at(event)}"
        if event["code"] == OrderType.LIMIT:
            return f"{who} limit order: {verb} {self._size(event)} @ {self._at(event)}"
        return None

    def _started(self, who: str, event: dict[str, int]) -> str:
        what = f"{self._size(event)} isolated" if event["symbol"] >= 0 else "cross pool"
        mark = f" at mark {format_e8(event['mark_e8'])}" if event["symbol"] >= 0 else ""
        numbers = f"{format_e8(event['balance_e8'])} ≤ maintenance {format_e8(event['maintenance_e8'])}"
        return f"liquidation of {who} {what}{mark}: margin balance {numbers}"


_TOLD = {
    EventKind.FILLED: Scenario._filled,
    EventKind.ACCEPTED: Scenario._accepted,
    EventKind.LIQUIDATION_STARTED: Scenario._started,
    EventKind.CANCELLED: lambda s, who, e: f"{who} order of {s._symbol(e)} cancelled: {Reason(e['code']).name}",
    EventKind.EXPIRED: lambda s, who, e: (
        f"{who} {s._size(e)} not filled: {Reason(e['code']).name}" if e["code"] != Reason.TRIGGER_REFUSED else None
    ),
    EventKind.AMENDED: lambda s, who, e: (
        f"{who} order of {s._symbol(e)} is now {s._size(e)} @ {s._at(e)}, {'at the end of' if e['code'] else 'in its place in'} the queue"
    ),
    EventKind.TRIGGERED: lambda s, who, e: (
        f"{who} {s._symbol(e)} trigger {s._at(e)} reached by mark {format_e8(e['mark_e8'])}"
    ),
    EventKind.REFUSED: lambda s, who, e: (
        f"{who} order of {s._symbol(e)} released and refused: {Refusal(e['code']).name}"
        if e["order_id"] % 1024
        else None
    ),
    EventKind.MARGIN_MOVED: lambda s, who, e: (
        f"{who} isolated wallet of {s._symbol(e)} {'+' if e['amount_e8'] > 0 else ''}{format_e8(e['amount_e8'])} "
        f"= {format_e8(e['balance_e8'])}: {Reason(e['code']).name}"
    ),
    EventKind.FUNDING: lambda s, who, e: (
        f"{who} funding {format_e8(e['amount_e8'])} of {s._size(e)} at mark {format_e8(e['mark_e8'])}"
        + (f" in {e['payments']} payments" if e["payments"] > 1 else "")
    ),
    EventKind.MARGIN_CALL: lambda s, who, e: (
        f"margin call: {who} {s._symbol(e)}: margin balance {format_e8(e['balance_e8'])}, "
        f"maintenance {format_e8(e['maintenance_e8'])}"
    ),
    EventKind.LIQUIDATION_ORDER: lambda s, who, e: (
        f"liquidation order of {who}: {'sell' if e['side'] else 'buy'} {s._size(e)}, limit {s._at(e)}"
    ),
    EventKind.LIQUIDATION_FEE: lambda s, who, e: f"{who} pays a liquidation fee of {format_e8(e['fee_e8'])}",
    EventKind.LIQUIDATION_ENDED: lambda s, who, e: (
        f"liquidation of {who} {s._symbol(e)} ends: {LiquidationStep(e['code']).name}"
    ),
    EventKind.ADL: lambda s, who, e: (
        f"auto-deleveraging: account {e['counterparty']} takes {who} {s._size(e)} for {format_e8(e['value_e8'])}"
    ),
    EventKind.LEVERAGE_SET: lambda s, who, e: f"{who} {s._symbol(e)} leverage {e['leverage']}",
    EventKind.POSITION_MODE_SET: lambda s, who, e: f"{who} position mode {PositionMode(e['code']).name.lower().replace('_', '-')}",
    EventKind.MARGIN_MODE_SET: lambda s, who, e: f"{who} {s._symbol(e)} {MarginMode(e['margin_mode']).name.lower()}",
}

COMMANDS = {
    "rulebook", "fund", "price", "deposit", "withdraw", "transfer", "mode", "leverage", "open", "close", "cancel", "stop",
    "add-margin", "remove-margin", "position-mode", "amend", "countdown", "status", "mark", "funding", "clock", "show", "ledger", "receipt", "refused",
}  # fmt: skip


def _merged(events: np.ndarray) -> Iterator[dict[str, int]]:
    """Events as dicts; the fills of one order that follow each other become one."""
    fill: dict[str, int] | None = None
    others: list[dict[str, int]] = []
    for row in events:
        event = dict(zip(events.dtype.names, row.item(), strict=True))
        if event["kind"] == EventKind.FILLED and event["account"] > 1:
            same = ("account", "symbol", "order_id", "sequence", "side")
            if fill is not None and all(fill[name] == event[name] for name in same):
                for name in ("lots", "value_e8", "amount_e8", "fee_e8"):
                    fill[name] += event[name]
                continue
            if fill is not None:
                yield fill
                yield from others
                others = []
            fill = event
        elif fill is not None and event["kind"] == EventKind.MARGIN_MOVED:
            moved = next((one for one in others if _is_same_move(one, event)), None)
            if moved is None:
                others.append(event)
            else:
                moved["amount_e8"] += event["amount_e8"]
                moved["balance_e8"] = event["balance_e8"]
        elif fill is not None and event["kind"] in (
            EventKind.BOOK_LEVEL,
            EventKind.POSITION,
            EventKind.WALLET,
            EventKind.FILLED,
        ):
            continue
        else:
            if fill is not None:
                yield fill
                yield from others
                fill, others = None, []
            yield event
    if fill is not None:
        yield fill
        yield from others


def _with_funding_summed(events: Iterable[dict[str, int]]) -> list[dict[str, int]]:
    """The payments of one account in one symbol as one, in the place of the first."""
    told: list[dict[str, int]] = []
    sums: dict[tuple[int, int], dict[str, int]] = {}
    for event in events:
        if event["kind"] == EventKind.FUNDING:
            first = sums.setdefault((event["account"], event["symbol"]), event)
            first["payments"] = first.get("payments", 0) + 1
            if first is not event:
                first["amount_e8"] += event["amount_e8"]
                continue
        told.append(event)
    return told


def _is_same_move(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[name] == other[name] for name in ("kind", "account", "symbol", "code", "sequence"))


def _price_text(value_e8: int, quantity_e8: int) -> str:
    """value ÷ quantity: exact where eight decimals hold it, else marked as rounded."""
    exact = Fraction(abs(value_e8) * 10**8, abs(quantity_e8))
    return format_e8(round(exact)) if exact.denominator == 1 else f"≈{format_e8(round(exact))}"


def _position_text(name: str, position: Position) -> str:
    cost, quantity = int(position.entry_cost * 10**8), int(position.quantity * 10**8)
    sign = "+" if quantity > 0 else ""
    wallet = f" isolated wallet {position.isolated_wallet:f}" if position.mode == "isolated" else ""
    prices = [f"{x:f}" if x is not None else "none" for x in (position.liquidation_price, position.bankruptcy_price)]
    if position.other_liquidation_price is not None:
        prices[0] += f" and {position.other_liquidation_price:f}"
    return (
        f"{name} {sign}{position.quantity:f} {position.symbol} @ {_price_text(cost, quantity)} {position.mode} "
        f"{position.leverage}x{wallet} margin balance {position.margin_balance:f} maintenance "
        f"{position.maintenance_margin:f} liquidation {prices[0]} bankruptcy {prices[1]}"
    )


def _sided(text: str) -> list[str | None]:
    """`alice BTCUSDT short 0.01` as its words; a side that is not said is None."""
    name, symbol, *rest = text.split()
    side = rest.pop(0) if rest and rest[0] in ("long", "short") else None
    return [name, symbol, side, *rest]


def _pairs(text: str) -> dict[str, str]:
    """`BTCUSDT 60_000, ETHUSDT 3_000` as a dict."""
    pairs = [part.split() for part in text.split(", ")]
    if any(len(pair) != 2 for pair in pairs):
        raise ScenarioError(f"{text!r}: expected SYMBOL VALUE, SYMBOL VALUE …")
    return {pair[0]: pair[1] for pair in pairs}


def path_of(name: str) -> Path:
    """The file of a story."""
    return HERE / f"{name}.txt"


def story_names() -> list[str]:
    """Every story there is."""
    return sorted(path.stem for path in HERE.glob("*.txt"))


def input_of(line: str) -> str:
    """The command in a line, '' when there is none."""
    text = line.split("#")[0].strip()
    return "" if text.startswith((ARROW, "==")) else text


def rewritten(text: str) -> str:
    """The story as its commands tell it now."""
    story, lines = Scenario(), []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith(ARROW):
            continue
        lines.append(line.rstrip())
        if command := input_of(line):
            try:
                lines += [f"    {ARROW} {told}".rstrip() for told in story.do(command)]
            except (ExchangeError, ScenarioError, ValueError, TypeError) as error:
                raise ScenarioError(f"line {number}: {command}: {error}") from error
    return "\n".join(lines) + "\n"


def play(name: str, until: str | None = None) -> Scenario:
    """A story from its file, whole, or up to the end of the part that is headed `== until`."""
    story, heading = Scenario(), None
    found = until is None
    for line in path_of(name).read_text(encoding="utf-8").splitlines():
        if line.startswith("=="):
            if heading == until and until is not None:
                break
            heading = line.removeprefix("==").strip()
            found = found or heading == until
        elif command := input_of(line):
            story.do(command)
    if not found:
        raise ScenarioError(f"{name}: no part is headed {until!r}")
    return story
