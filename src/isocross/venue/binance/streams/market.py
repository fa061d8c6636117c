"""Market streams: trades, books, candles, marks and tickers, told as they change.

Responsible for: what each market stream tells and when; a first message right after a subscription, also in a quiet market. Must
not: tell what is not committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....codes import EventKind
from ...fills import Trade, trades_of
from ...order_life import OrderRecord, Origin
from ...told import Told
from ..listing import contract_event
from ..market_data import aggregate_trade, candle_row, day_ticker
from ..numbers import money
from .depth import BookImage, DepthChain
from .names import ALL, Topic
from .sockets import Hub, Message, Socket

if TYPE_CHECKING:
    from ..desk import Desk

TICK_S = 0.05
CANDLES_S, SECOND_S, MARK_S = 0.25, 1.0, 3.0
QUIET_DEPTH_S = 1.0  # a depth stream says at least so often that nothing has changed
CANDLES_BEHIND_MAX = 500
_STATUS_SET, _BRACKETS_SET = int(EventKind.SYMBOL_STATUS_SET), int(EventKind.BRACKETS_SET)
_CONTRACT_SET = frozenset((_STATUS_SET, _BRACKETS_SET))
_TICKER_FIELDS = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice", "Q": "lastQty", "o": "openPrice",
    "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId",
    "L": "lastId", "n": "count",
}  # fmt: skip
_MINI_FIELDS = ("c", "o", "h", "l", "v", "q")


class MarketStreams:
    """Feeds a hub from what is committed. It begins when everything that was applied is committed."""

    def __init__(self, desk: Desk, hub: Hub) -> None:
        self._desk, self._hub = desk, hub
        self._images = [_image(desk, row) for row in range(len(desk.rules))]
        self._bests = [image.best() for image in self._images]
        self._update_id = desk.update_id()
        self._time_ms = desk.exchange.time_ms
        self._chains: dict[Topic, DepthChain] = {}
        self._candles: dict[
            Topic, int
        ] = {}  # open time of the candle that was told last and has not been told as closed
        self._traded: set[int] = set()
        self._forced: dict[int, dict[str, Any]] = {}  # by symbol: the latest of this second
        self._due = {CANDLES_S: 0.0, SECOND_S: 0.0, MARK_S: 0.0}
        desk.core.listen(self._hear)
        hub.on_subscribe.append(self._greet)

    async def run(self) -> None:
        """Tell what is told by the clock, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            if self._hub.topics:
                self._tick(loop.time())

    # ---- what is committed

    def _hear(self, told: Told) -> None:
        self._update_id, self._time_ms = told.sequence, told.time_ms
        changed = self._follow_books(told)
        if told.fills:
            for trade in trades_of(told.fills):
                self._traded.add(trade.symbol)
                self._tell_trade(trade)
        for _, record in told.orders:
            if (
                record.origin in (Origin.LIQUIDATION, Origin.TAKEOVER)
                and record.filled_lots
                and not record.is_unfinished
            ):
                self._forced[record.symbol] = self._forced_order(record)
        if Topic("contractInfo", ALL) in self._hub.topics:
            self._tell_contracts(told)
        for row in changed:
            best = self._images[row].best()
            if best != self._bests[row]:
                self._bests[row] = best
                payload = self._book_ticker(row)
                self._hub.publish(Topic("bookTicker", row), payload)
                self._hub.publish(Topic("bookTicker", ALL), payload)
            for topic in [one for one in self._chains if one.row == row and one.speed_ms == 0]:
                self._tell_depth(topic, asyncio.get_running_loop().time())

    def _follow_books(self, told: Told) -> dict[int, set[tuple[int, int]]]:
        """Symbols whose book changed, with the levels."""
        changed: dict[int, set[tuple[int, int]]] = {}
        for level in told.levels:
            image = self._images[level.symbol]
            image.put(level.side, level.price_ticks, level.lots)
            image.time_ms = level.time_ms
            changed.setdefault(level.symbol, set()).add((level.side, level.price_ticks))
        for topic, chain in self._chains.items():
            if topic.row in changed:
                chain.note(changed[topic.row])
        return changed

    def _tell_contracts(self, told: Told) -> None:
        """A contract whose status or brackets changed, once for each command that changed them."""
        desk = self._desk
        found = told.rows_of(_CONTRACT_SET)
        seen = dict.fromkeys((event.sequence, event.symbol, event.kind, event.time_ms) for event in found)
        for _, row, kind, time_ms in seen:
            payload = contract_event(
                desk.rules[row], desk.statuses()[row], desk.first_ms, time_ms, has_brackets=kind == _BRACKETS_SET
            )
            self._hub.publish(Topic("contractInfo", ALL), payload)

    # ---- by the clock

    def _tick(self, now: float) -> None:
        for topic in list(self._chains):
            chain = self._chains[topic]
            if topic not in self._hub.topics:
                del self._chains[topic]
                continue
            waited = now - chain.told_at
            is_due = chain.is_changed and waited >= topic.speed_ms / 1000 - TICK_S / 2
            if is_due or (topic.kind == "depth" and waited >= QUIET_DEPTH_S):
                self._tell_depth(topic, now)
        if self._is_due(CANDLES_S, now):
            traded, self._traded = self._traded, set()
            for topic in [one for one in self._hub.topics if one.kind in ("kline", "continuousKline")]:
                self._tell_candles(topic, is_traded=topic.row in traded)
        if self._is_due(SECOND_S, now):
            self._tell_of_all("markPrice@1s", self._mark_price)
            self._tell_of_all("ticker", self._ticker)
            self._tell_of_all("miniTicker", self._mini_ticker)
            forced, self._forced = self._forced, {}
            for row, payload in forced.items():
                self._hub.publish(Topic("forceOrder", row), payload)
                self._hub.publish(Topic("forceOrder", ALL), payload)
        if self._is_due(MARK_S, now):
            self._tell_of_all("markPrice", self._mark_price)

    def _is_due(self, span: float, now: float) -> bool:
        if now < self._due[span]:
            return False
        self._due[span] = now + span - TICK_S / 2
        return True

    def _tell_of_all(self, kind: str, make: Callable[[int], dict[str, Any]]) -> None:
        """A topic of each symbol and the array of all, once what they saw is committed."""
        wanted = [topic for topic in self._hub.topics if topic.kind == kind]
        if not wanted:
            return
        rows = range(len(self._desk.rules))
        payloads = {row: make(row) for row in rows if any(topic.row in (ALL, row) for topic in wanted)}

        def tell() -> None:
            for topic in wanted:
                payload = [payloads[row] for row in rows] if topic.row == ALL else payloads[topic.row]
                self._hub.publish(topic, payload)

        self._once_committed(tell)

    def _once_committed(self, tell: Callable[[], None]) -> None:
        core = self._desk.core
        core.gate.call(core.position, lambda failure: tell() if failure is None else None)

    # ---- a first message

    def _greet(self, topic: Topic, socket: Socket, name: str) -> None:
        """What a subscriber gets at once: a quiet market would say nothing for long."""
        if topic.kind in ("depth", "partial") and topic not in self._chains:
            self._chains[topic] = DepthChain(self._update_id, asyncio.get_running_loop().time())
        if topic.kind in ("kline", "continuousKline"):
            self._candles.setdefault(topic, 0)
        with contextlib.suppress(KeyError):
            payload = self._first_messages()[topic.kind](topic)
            if payload is not None:
                message = Message(payload)
                asyncio.get_running_loop().call_soon(
                    self._once_committed, lambda: socket.tell(message, name) if name in socket.names else None
                )

    def _first_messages(self) -> dict[str, Callable[[Topic], Any]]:
        rows = range(len(self._desk.rules))

        def of(make: Callable[[int], Any]) -> Callable[[Topic], Any]:
            return lambda topic: [make(row) for row in rows] if topic.row == ALL else make(topic.row)

        return {
            "bookTicker": lambda topic: None if topic.row == ALL else self._book_ticker(topic.row),
            "ticker": of(self._ticker),
            "miniTicker": of(self._mini_ticker),
            "markPrice": of(self._mark_price),
            "markPrice@1s": of(self._mark_price),
            "partial": self._partial,
            "kline": self._running_candle,
            "continuousKline": self._running_candle,
        }

    # ---- payloads

    def _tell_trade(self, trade: Trade) -> None:
        row, desk = trade.symbol, self._desk
        if Topic("aggTrade", row) in self._hub.topics:
            payload = {
                "e": "aggTrade", "E": trade.time_ms, "s": desk.symbols[row], **aggregate_trade(desk, row, trade)
            }  # fmt: skip
            self._hub.publish(Topic("aggTrade", row), payload)
        if Topic("trade", row) in self._hub.topics:
            payload = {
                "e": "trade",
                "E": trade.time_ms,
                "T": trade.time_ms,
                "s": desk.symbols[row],
                "t": trade.trade_id,
                "p": desk.numbers[row].price(trade.price_ticks),
                "q": desk.numbers[row].quantity(trade.lots),
                "X": "MARKET",
                "m": trade.is_buyer_maker,
            }
            self._hub.publish(Topic("trade", row), payload)

    def _book_ticker(self, row: int) -> dict[str, Any]:
        numbers = self._desk.numbers[row]
        (bid, bid_lots), (ask, ask_lots) = self._images[row].best()
        return {
            "e": "bookTicker",
            "u": self._update_id,
            "s": self._desk.symbols[row],
            "b": numbers.price(bid),
            "B": numbers.quantity(bid_lots),
            "a": numbers.price(ask),
            "A": numbers.quantity(ask_lots),
            "T": self._time_ms,
            "E": self._time_ms,
        }

    def _tell_depth(self, topic: Topic, now: float) -> None:
        image, chain = self._images[topic.row], self._chains[topic]
        first, before, bids, asks = chain.take(image, self._update_id, now)
        if topic.kind == "partial":
            bids, asks = image.top(topic.levels)
        elif not bids and not asks:
            bids, asks = image.top(1)  # nothing has changed: some clients fail on an event that is empty
        self._hub.publish(topic, self._depth_event(topic.row, first, before, bids, asks))

    def _partial(self, topic: Topic) -> dict[str, Any]:
        last = self._chains[topic].last_id
        return self._depth_event(topic.row, last, last, *self._images[topic.row].top(topic.levels))

    def _depth_event(
        self, row: int, first: int, before: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
    ) -> dict[str, Any]:
        numbers = self._desk.numbers[row]
        return {
            "e": "depthUpdate",
            "E": self._time_ms,
            "T": self._time_ms,
            "s": self._desk.symbols[row],
            "U": first,
            "u": self._update_id,
            "pu": before,
            "b": [(numbers.price(price), numbers.quantity(lots)) for price, lots in bids],
            "a": [(numbers.price(price), numbers.quantity(lots)) for price, lots in asks],
        }

    def _mark_price(self, row: int) -> dict[str, Any]:
        exchange = self._desk.exchange
        rate_e8, time_ms = self._desk.funding_ahead(row)
        return {
            "e": "markPriceUpdate",
            "E": self._desk.now_ms(),
            "s": self._desk.symbols[row],
            "p": money(exchange.mark_e8(row)),
            "i": money(exchange.index_e8(row)),
            "P": money(exchange.index_e8(row)),
            "r": money(rate_e8),
            "T": time_ms,
        }

    def _ticker(self, row: int) -> dict[str, Any]:
        day = day_ticker(self._desk, row)
        head = {"e": "24hrTicker", "E": self._desk.now_ms(), "s": day["symbol"]}
        return head | {short: day[name] for short, name in _TICKER_FIELDS.items()}

    def _mini_ticker(self, row: int) -> dict[str, Any]:
        day = day_ticker(self._desk, row)
        head = {"e": "24hrMiniTicker", "E": self._desk.now_ms(), "s": day["symbol"]}
        return head | {short: day[_TICKER_FIELDS[short]] for short in _MINI_FIELDS}

    def _forced_order(self, record: OrderRecord) -> dict[str, Any]:
        numbers = self._desk.numbers[record.symbol]
        average = numbers.average(record.filled_value_e8, record.filled_lots)
        filled = numbers.quantity(record.filled_lots)
        return {
            "e": "forceOrder",
            "E": record.updated_ms,
            "o": {
                "s": self._desk.symbols[record.symbol],
                "S": record.side.name,
                "o": "LIMIT",
                "f": "IOC",
                "q": numbers.quantity(record.lots),
                "p": numbers.price(record.price_ticks) if record.price_ticks else average,
                "ap": average,
                "X": "FILLED",
                "l": filled,
                "z": filled,
                "T": record.updated_ms,
            },
        }

    # ---- candles

    def _running_candle(self, topic: Topic) -> dict[str, Any] | None:
        found = self._desk.candles(topic.row, "last", topic.interval, None, None, 1)
        return self._candle_event(topic, found[-1], is_closed=False) if found else None

    def _tell_candles(self, topic: Topic, *, is_traded: bool) -> None:
        """Every candle that has closed since the last time, then the running one when it has changed."""
        since, now = self._candles.get(topic, 0), self._desk.now_ms()
        if since and not is_traded and self._desk.candle_end_ms(topic.interval, since) >= now:
            return
        found = self._desk.candles(
            topic.row, "last", topic.interval, since or None, None, CANDLES_BEHIND_MAX if since else 1
        )
        for candle in found:
            is_closed = self._desk.candle_end_ms(topic.interval, candle.open_ms) < now
            self._hub.publish(topic, self._candle_event(topic, candle, is_closed=is_closed))
            self._candles[topic] = (
                candle.open_ms if not is_closed else self._desk.candle_end_ms(topic.interval, candle.open_ms) + 1
            )

    def _candle_event(self, topic: Topic, candle: Any, *, is_closed: bool) -> dict[str, Any]:
        desk, row = self._desk, topic.row
        columns = candle_row(desk, row, "last", topic.interval, candle)
        first, last = (candle.first_id, candle.last_id) if candle.first_id else (-1, -1)
        symbol = desk.symbols[row]
        body = {
            "t": columns[0], "T": columns[6], "s": symbol, "i": topic.interval, "f": first, "L": last,
            "o": columns[1], "c": columns[4], "h": columns[2], "l": columns[3], "v": columns[5], "n": columns[8],
            "x": is_closed, "q": columns[7], "V": columns[9], "Q": columns[10], "B": "0",
        }  # fmt: skip
        if topic.kind == "kline":
            return {"e": "kline", "E": desk.now_ms(), "s": symbol, "k": body}
        del body["s"]
        return {"e": "continuous_kline", "E": desk.now_ms(), "ps": symbol, "ct": "PERPETUAL", "k": body}


def _image(desk: Desk, row: int) -> BookImage:
    """The book as it stands."""
    book = desk.exchange.book(row, 1_000_000)
    return BookImage(dict(book["bids"]), dict(book["asks"]), desk.exchange.time_ms)
