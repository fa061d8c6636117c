"""User streams: what happened to an account, told in order.

Responsible for: ORDER_TRADE_UPDATE, TRADE_LITE, ACCOUNT_UPDATE, ALGO_UPDATE, ACCOUNT_CONFIG_UPDATE and MARGIN_CALL from committed
events alone; the order among them. Must not: tell what is not committed, compute a margin.

Per fill: TRADE_LITE, ORDER_TRADE_UPDATE, then one ACCOUNT_UPDATE with all that the fill moved.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ....codes import EventKind, MarginMode, PositionSide, Reason
from ....event import Event
from ...fills import Fill
from ...order_life import HOUSE_ACCOUNTS, OrderRecord, OrderStatus, Origin
from ...told import Told
from ..numbers import money
from ..order_forms import (
    activation_of,
    average_price,
    callback_of,
    client_id_of,
    fill_price,
    price_of,
    quantity_of,
    shown_id,
    status_of,
    time_in_force_of,
    trigger_of,
)
from ..words import ALGO_STATUS, LIMIT_CONDITIONAL_TYPES, MARGIN_TYPE, MARGIN_TYPE_LOW, WORKING_TYPE
from .sockets import Hub

if TYPE_CHECKING:
    from ..desk import Desk

Place = tuple[int, int, int]  # symbol, position side, margin mode

_UPDATE_REASON = {
    Reason.DEPOSIT: "DEPOSIT",
    Reason.WITHDRAWAL: "WITHDRAW",
    Reason.TRADE: "ORDER",
    Reason.ISOLATED_FILL: "ORDER",
    Reason.ISOLATED_CLOSE: "ORDER",
    Reason.ADL: "ORDER",
    Reason.ADD_MARGIN: "MARGIN_TRANSFER",
    Reason.REMOVE_MARGIN: "MARGIN_TRANSFER",
    Reason.FUNDING: "FUNDING_FEE",
    Reason.LIQUIDATION_FEE: "INSURANCE_CLEAR",
    Reason.TAKEOVER: "INSURANCE_CLEAR",
    Reason.REST_AFTER_LIQUIDATION: "INSURANCE_CLEAR",
    Reason.DELISTED: "ADJUSTMENT",
}
_IN_CHANGE = (Reason.DEPOSIT, Reason.WITHDRAWAL, Reason.FUNDING, Reason.LIQUIDATION_FEE, Reason.TAKEOVER)
_EXECUTION = {
    EventKind.ACCEPTED: "NEW",
    EventKind.FILLED: "TRADE",
    EventKind.CANCELLED: "CANCELED",
    EventKind.EXPIRED: "EXPIRED",
    EventKind.AMENDED: "AMENDMENT",
    EventKind.REFUSED: "EXPIRED",
    EventKind.LIQUIDATION_ORDER: "NEW",
    EventKind.LIQUIDATION_ENDED: "EXPIRED",
    EventKind.TAKEOVER: "CALCULATED",
    EventKind.ADL: "CALCULATED",
}
_TAKEOVER = int(EventKind.TAKEOVER)
_KINDS = frozenset(
    int(kind)
    for kind in {
        *_EXECUTION,
        EventKind.TRIGGERED,
        EventKind.WALLET,
        EventKind.POSITION,
        EventKind.MARGIN_MOVED,
        EventKind.FUNDING,
        EventKind.PRICES,
        EventKind.MARGIN_CALL,
        EventKind.LEVERAGE_SET,
        EventKind.MARGIN_MODE_SET,
        EventKind.LIQUIDATION_POSITION,
    }
)


@dataclass(slots=True)
class _Image:
    """An account as committed events left it."""

    cross_e8: dict[int, int] = field(default_factory=dict)  # by asset
    positions: dict[Place, tuple[int, int, int]] = field(default_factory=dict)  # lots, entry cost, isolated wallet
    realized_e8: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))  # by symbol and side


@dataclass(slots=True)
class _Update:
    """An ACCOUNT_UPDATE that is being gathered."""

    reason: str
    time_ms: int
    changes_e8: dict[int, int] = field(default_factory=dict)  # by asset: what is neither PnL nor commission
    places: list[Place] = field(default_factory=list)


class UserStreams:
    """Feeds a hub with what happens to accounts. It begins when everything that was applied is committed."""

    def __init__(self, desk: Desk, hub: Hub) -> None:
        self._desk, self._hub = desk, hub
        self._assets = [desk.exchange.asset_row(rules.margin_asset) for rules in desk.rules]
        self._images: dict[int, _Image] = {}
        self._pending: dict[int, _Update] = {}
        self._marks_e8 = [desk.exchange.mark_e8(row) for row in range(len(desk.rules))]
        self._read_images()
        desk.core.listen(self._hear)

    def _read_images(self) -> None:
        exchange = self._desk.exchange
        count = len(exchange.assets)
        for number, cross_e8 in enumerate(exchange.table("wallets")["cross_wallet_e8"].tolist()):
            account, asset = divmod(number, count)
            if account not in HOUSE_ACCOUNTS:
                self._image(account).cross_e8[asset] = cross_e8
        columns = ["account", "symbol", "position_side", "margin_mode", "lots", "entry_cost_e8", "isolated_wallet_e8"]
        for account, symbol, side, mode, *standing in exchange.table("positions")[columns].tolist():
            if account not in HOUSE_ACCOUNTS:
                self._image(account).positions[symbol, side, mode] = tuple(standing)

    def _image(self, account: int) -> _Image:
        image = self._images.get(account)
        if image is None:
            image = self._images[account] = _Image()
        return image

    # ---- what is committed

    def _hear(self, told: Told) -> None:
        orders = deque(told.orders)
        fills: dict[tuple[int, int], deque[Fill]] = defaultdict(deque)
        for fill in told.fills:
            fills[fill.account, fill.order_id].append(fill)
        sequence = 0
        for event in told.rows_of(_KINDS):
            if event.sequence != sequence:
                self._flush_all()
                sequence = event.sequence
            while orders and orders[0][0] is event:
                _, record = orders.popleft()
                self._tell_order(event, record, fills)
            if event.kind in _EXECUTION and event.kind != _TAKEOVER:
                continue
            if event.account not in HOUSE_ACCOUNTS:
                self._follow(event)
            elif event.kind == EventKind.PRICES:
                self._marks_e8[event.symbol] = event.mark_e8
        self._flush_all()

    def _follow(self, event: Event) -> None:
        kind, account = event.kind, event.account
        if kind == EventKind.WALLET:
            self._image(account).cross_e8[event.asset] = event.balance_e8
            if event.code == Reason.DELISTED and account in self._pending:
                self._pending[account].reason = _UPDATE_REASON[Reason.DELISTED]  # the position that it settles is told with it
            update = self._update(account, _UPDATE_REASON.get(Reason(event.code), "ADJUSTMENT"), event.time_ms)
            change = event.amount_e8 if event.code in _IN_CHANGE else 0
            update.changes_e8[event.asset] = update.changes_e8.get(event.asset, 0) + change
        elif kind == EventKind.POSITION:
            place = (event.symbol, event.position_side, event.margin_mode)
            self._image(account).positions[place] = (event.lots, event.value_e8, event.balance_e8)
            update = self._pending.get(account) or self._update(account, "ORDER", event.time_ms)
            if place not in update.places:
                update.places.append(place)
            update.changes_e8.setdefault(self._assets[event.symbol], 0)
        elif kind == EventKind.MARGIN_MOVED:
            self._update(account, _UPDATE_REASON.get(Reason(event.code), "ORDER"), event.time_ms)
        elif kind == EventKind.TAKEOVER:
            self._update(account, "INSURANCE_CLEAR", event.time_ms)
        elif kind == EventKind.FUNDING:
            self._flush(account)
            update = self._update(account, "FUNDING_FEE", event.time_ms)
            if event.margin_mode == MarginMode.ISOLATED:
                asset = self._assets[event.symbol]
                update.changes_e8[asset] = update.changes_e8.get(asset, 0) + event.amount_e8
        elif kind == EventKind.PRICES:
            self._marks_e8[event.symbol] = event.mark_e8
        elif kind == EventKind.MARGIN_CALL:
            self._tell_margin_call(event)
        elif kind == EventKind.LEVERAGE_SET:
            self._publish(
                account,
                "ACCOUNT_CONFIG_UPDATE",
                event.time_ms,
                ac={"s": self._symbol(event.symbol), "l": event.leverage},
            )
        elif kind == EventKind.MARGIN_MODE_SET:
            self._flush(account)
            sides = (PositionSide.LONG, PositionSide.SHORT) if self._desk.is_hedged(account) else (PositionSide.BOTH,)
            places = [(event.symbol, int(side), event.margin_mode) for side in sides]
            self._pending[account] = _Update("MARGIN_TYPE_CHANGE", event.time_ms, {}, places)
            self._flush(account)

    # ---- orders

    def _tell_order(self, event: Event, record: OrderRecord, fills: dict[tuple[int, int], deque[Fill]]) -> None:
        account = record.account
        self._flush(account)
        is_listened = account in self._hub.accounts
        if record.is_conditional and not record.is_plain_form:
            if is_listened:
                self._tell_algo(event, record)
            return
        if event.kind == EventKind.ACCEPTED and record.parent_id and not record.is_plain_form and is_listened:
            self._tell_released(event, record)
        fill = None
        if event.kind in (EventKind.FILLED, EventKind.TAKEOVER, EventKind.ADL) and not record.is_conditional:
            waiting = fills.get((account, record.order_id))
            fill = waiting.popleft() if waiting else None
            if fill is not None:
                self._image(account).realized_e8[record.symbol, record.position_side] += fill.realized_e8
                self._desk.open_fees.follow(account, record.symbol, fill)
        if not is_listened or self._is_untold(event, record):
            return
        if fill is not None:
            self._tell_lite(event, record, fill)
        self._publish(account, "ORDER_TRADE_UPDATE", event.time_ms, o=self._order(event, record, fill))

    @staticmethod
    def _is_untold(event: Event, record: OrderRecord) -> bool:
        """What an order's owner is not told: that its stop was reached, before the order that it becomes is there."""
        if event.kind == EventKind.TRIGGERED or record.status == OrderStatus.FINISHED:
            return True
        return record.status == OrderStatus.REJECTED and not record.is_conditional

    def _order(self, event: Event, record: OrderRecord, fill: Fill | None) -> dict[str, Any]:
        numbers = self._desk.numbers[record.symbol]
        order = {
            "s": self._symbol(record.symbol),
            "c": client_id_of(record),
            "S": record.side._name_,
            "o": "LIQUIDATION" if record.origin in (Origin.LIQUIDATION, Origin.TAKEOVER) else record.order_type._name_,
            "f": time_in_force_of(record) if record.origin == Origin.OWNER else "IOC",
            "q": quantity_of(record, numbers),
            "p": price_of(record, numbers),
            "ap": average_price(record, numbers) if record.filled_lots else "0",
            "sp": trigger_of(record, numbers),
            "x": "EXPIRED" if record.status == OrderStatus.EXPIRED else _EXECUTION[EventKind(event.kind)],
            "X": status_of(record) if record.status != OrderStatus.REJECTED else "EXPIRED",
            "i": shown_id(record),
            "l": numbers.quantity(fill.lots if fill else 0),
            "z": numbers.quantity(record.filled_lots),
            "L": fill_price(fill, numbers) if fill else "0",
            "n": money(fill.fee_e8 if fill else 0),
            "N": self._desk.rules[record.symbol].margin_asset,
            "T": event.time_ms,
            "t": fill.trade_id if fill else 0,
            "b": "0",
            "a": "0",
            "m": bool(fill and fill.is_maker),
            "R": record.is_reduce_only,
            "wt": WORKING_TYPE[record.working_type],
            "ot": record.original_type._name_ if record.origin == Origin.OWNER else "LIMIT",
            "ps": record.position_side._name_,
            "cp": record.is_close_position,
            "rp": money(fill.realized_e8 if fill else 0),
            "pP": record.is_price_protected,
            "si": 0,
            "ss": 0,
            "V": record.self_trade_prevention._name_,
            "pm": "NONE",
            "gtd": record.expire_ms,
            "er": "0",
        }
        if record.callback_rate_e8:
            order["AP"] = activation_of(record, numbers)
            order["cr"] = callback_of(record)
        return order

    def _tell_lite(self, event: Event, record: OrderRecord, fill: Fill) -> None:
        numbers = self._desk.numbers[record.symbol]
        self._publish(
            record.account,
            "TRADE_LITE",
            event.time_ms,
            s=self._symbol(record.symbol),
            q=quantity_of(record, numbers),
            p=price_of(record, numbers),
            m=fill.is_maker,
            c=client_id_of(record),
            S=record.side._name_,
            L=fill_price(fill, numbers),
            l=numbers.quantity(fill.lots),
            t=fill.trade_id,
            i=shown_id(record),
        )

    def _tell_algo(self, event: Event, record: OrderRecord) -> None:
        """A conditional at its own endpoint."""
        status = "TRIGGERING" if event.kind == EventKind.TRIGGERED else ALGO_STATUS[record.status]
        self._publish(record.account, "ALGO_UPDATE", event.time_ms, o=self._algo(record, status, actual_id=0))

    def _tell_released(self, event: Event, released: OrderRecord) -> None:
        """Its order is there."""
        conditional = self._desk.core.orders.get(released.parent_id)
        if conditional is not None:
            unfilled = msgspec.structs.replace(conditional, filled_lots=0, filled_value_e8=0)
            order = self._algo(unfilled, "TRIGGERED", actual_id=released.order_id)
            self._publish(released.account, "ALGO_UPDATE", event.time_ms, o=order)

    def _algo(self, record: OrderRecord, status: str, actual_id: int) -> dict[str, Any]:
        numbers = self._desk.numbers[record.symbol]
        is_limit = record.order_type in LIMIT_CONDITIONAL_TYPES
        order: dict[str, Any] = {
            "caid": client_id_of(record),
            "aid": record.order_id,
            "at": "CONDITIONAL",
            "o": record.order_type._name_,
            "s": self._symbol(record.symbol),
            "S": record.side._name_,
            "ps": record.position_side._name_,
            "f": time_in_force_of(record),
            "q": quantity_of(record, numbers),
            "X": status,
            "ai": "",
            "ap": "0",
            "aq": "0",
            "act": "",
            "tp": trigger_of(record, numbers),
            "p": numbers.price(record.price_ticks) if is_limit else "0",
            "V": record.self_trade_prevention._name_,
            "wt": WORKING_TYPE[record.working_type],
            "pm": "NONE",
            "cp": record.is_close_position,
            "pP": record.is_price_protected,
            "R": record.is_reduce_only,
            "tt": record.triggered_ms,
            "gtd": record.expire_ms,
            "rm": record.refusal._name_ if record.refusal else "",
        }
        if actual_id or status == "FINISHED":
            order["ai"] = str(actual_id or record.released_id)
            order["ap"] = average_price(record, numbers) if record.filled_lots else "0"
            order["aq"] = numbers.quantity(record.filled_lots)
            order["act"] = "LIMIT" if is_limit else "MARKET"
        if record.callback_rate_e8:
            order["cr"] = callback_of(record)
            order["ia"] = not record.trigger_ticks
        return order

    # ---- accounts

    def _update(self, account: int, reason: str, time_ms: int) -> _Update:
        """The update that is being gathered; one of another reason is told first."""
        update = self._pending.get(account)
        if update is not None and update.reason != reason:
            self._flush(account)
            update = None
        if update is None:
            update = self._pending[account] = _Update(reason, time_ms)
        return update

    def _flush_all(self) -> None:
        for account in list(self._pending):
            self._flush(account)

    def _flush(self, account: int) -> None:
        update = self._pending.pop(account, None)
        if update is None or account not in self._hub.accounts:
            return
        image = self._image(account)
        body = {
            "m": update.reason,
            "B": [
                {
                    "a": self._desk.exchange.assets[asset],
                    "wb": money(image.cross_e8.get(asset, 0) + self._isolated_e8(image, asset)),
                    "cw": money(image.cross_e8.get(asset, 0)),
                    "bc": money(change),
                }
                for asset, change in update.changes_e8.items()
            ],
            "P": [self._position(account, image, place) for place in update.places],
        }
        self._publish(account, "ACCOUNT_UPDATE", update.time_ms, a=body)

    def _isolated_e8(self, image: _Image, asset: int) -> int:
        return sum(
            wallet for (symbol, _, _), (_, _, wallet) in image.positions.items() if self._assets[symbol] == asset
        )

    def _position(self, account: int, image: _Image, place: Place) -> dict[str, Any]:
        symbol, side, mode = place
        lots, cost_e8, isolated_e8 = image.positions.get(place, (0, 0, 0))
        numbers = self._desk.numbers[symbol]
        entry = numbers.average(cost_e8, lots) if lots else "0"
        return {
            "s": self._symbol(symbol),
            "pa": numbers.quantity(lots) if lots else "0",
            "ep": entry,
            "bep": self._desk.break_even(account, symbol, side, lots, cost_e8) if lots else "0",
            "cr": money(image.realized_e8[symbol, side]),
            "up": money(self._pnl_e8(symbol, lots, cost_e8)),
            "mt": MARGIN_TYPE_LOW[MarginMode(mode)],
            "iw": money(isolated_e8) if mode == MarginMode.ISOLATED else "0",
            "ps": PositionSide(side).name,
            "ma": self._desk.rules[symbol].margin_asset,
        }

    def _pnl_e8(self, symbol: int, lots: int, cost_e8: int) -> int:
        return self._desk.exchange.unrealized_pnl_e8(symbol, lots, cost_e8, self._marks_e8[symbol])

    def _tell_margin_call(self, event: Event) -> None:
        account = event.account
        if account not in self._hub.accounts:
            return
        image, mode = self._image(account), MarginMode(event.margin_mode)
        positions = []
        for (symbol, side, place_mode), (lots, cost_e8, isolated_e8) in image.positions.items():
            if not lots or place_mode != mode or event.symbol not in (-1, symbol):
                continue
            positions.append(
                {
                    "s": self._symbol(symbol),
                    "ps": PositionSide(side).name,
                    "pa": self._desk.numbers[symbol].quantity(lots),
                    "mt": MARGIN_TYPE[mode],
                    "iw": money(isolated_e8) if mode == MarginMode.ISOLATED else "0",
                    "mp": money(self._marks_e8[symbol]),
                    "up": money(self._pnl_e8(symbol, lots, cost_e8)),
                    "mm": money(self._desk.exchange.maintenance_of_e8(symbol, lots, self._marks_e8[symbol])),
                }
            )
        fields: dict[str, Any] = {"p": positions}
        if mode == MarginMode.CROSS:
            fields["cw"] = money(image.cross_e8.get(event.asset, 0))
        self._publish(account, "MARGIN_CALL", event.time_ms, **fields)

    def _publish(self, account: int, name: str, time_ms: int, **fields: Any) -> None:
        if account not in self._hub.accounts:
            return
        head = {"e": name, "E": time_ms} if name in ("MARGIN_CALL",) else {"e": name, "E": time_ms, "T": time_ms}
        self._hub.publish_user(account, head | fields)

    def _symbol(self, row: int) -> str:
        return self._desk.symbols[row]
