"""Funding: what a position pays or receives when a real exchange settles.

Responsible for: payments of one or several settlements. Must not: multiply quantity, mark and rate itself.
The premium of a book is asked of the engine's own samples; averages by other weights than the engine's are named as such.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from isocross.codes import CommandKind, EventKind, Side
from isocross.units import to_time_ms
from tests.vectors.vector import NotApplicable, Vector, cannot, handles, number
from tests.vectors.world import HOUSE, RICH, Market, World, money, sign_of

PREMIUM = "another average of premium samples than the engine's (weights 1 … n, a clamp around the interest rate)"
PPM_E8 = 100

cannot(
    PREMIUM,
    "funding_tick",
    "trim_sample_tails",
    "funding_rate_from_interest",
    "funding_rate_hourly_twap_spread",
    "funding_divergence_cap",
)
cannot("a rate spread over part of its period (cumulative index): here a settlement is one rate", "funding_index_delta")


@handles("premium_from_book")
def _premium(vector: Vector) -> dict[str, Any]:
    """One sample of a book of the house's own orders; the engine counts in 10⁻⁸, the source in millionths, both toward zero."""
    inputs = vector.inputs
    inputs.only("bids", "asks", "impact_notional", "index_price", "cap_ppm")
    index, impact = number(inputs["index_price"]), number(inputs["impact_notional"])
    if impact <= 0:
        raise NotApplicable("no impact notional of 0")
    levels = [(side, number(row["price"]), number(row["qty"])) for side, name in ((Side.BUY, "bids"), (Side.SELL, "asks")) for row in inputs[name]]
    prices = (index, *(price for _, price, _ in levels))
    market = Market("X", prices, tuple(quantity for _, _, quantity in levels), price_max=20 * max(prices), impact=impact)
    world = World([market])
    world.marks({"X": index}, 5_000)
    for side, price, quantity in levels:
        world.place(HOUSE, "X", side, quantity, price)
    world.submit(CommandKind.ADVANCE_CLOCK, time_ms=10_000)
    row = world.exchange.table("pricing")[0]
    assert int(row["premium_count"]) == 1
    sample = int(row["premium_sum_e8"])
    if abs(sample) > number(inputs["cap_ppm"]) * PPM_E8:
        raise NotApplicable("no column for a cap on a premium sample")
    return {"premium_ppm": Fraction(abs(sample) // PPM_E8 * (-1 if sample < 0 else 1))}


class _Holder:
    """Accounts of signed quantities in one contract, opened at a mark."""

    def __init__(self, quantities: list[Fraction], mark: Fraction, price_max: Fraction | None = None) -> None:
        opening = Fraction(max(1, int(mark)))
        self.world = World([Market("X", (opening,), tuple(quantities), price_max=price_max or 20 * opening)])
        self.quantities, self.opening = quantities, opening
        self.accounts = [self.world.account(RICH) for _ in quantities]

    def open(self) -> None:
        self.world.marks({"X": self.opening})
        for account, quantity in zip(self.accounts, self.quantities, strict=True):
            self.world.open(account, "X", quantity, self.opening)

    def received(self, account: int) -> Fraction:
        settled = self.world.of_kind(self.world.events, EventKind.FUNDING, account)
        return money(sum(int(one["amount_e8"]) for one in settled))


@handles("funding_payment")
def _payment(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("side", "qty", "rate", "mark_price")
    holder = _Holder([sign_of(inputs["side"]) * number(inputs["qty"])], number(inputs["mark_price"]))
    holder.open()
    holder.world.marks({"X": number(inputs["mark_price"])})
    holder.world.settle_funding("X", number(inputs["rate"]))
    return {"received": holder.received(holder.accounts[0])}


@handles("funding_payment_price_index")
def _periods(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("positions", "price", "rate", "periods")
    periods = number(inputs["periods"])
    if periods.denominator != 1 or not 0 <= periods <= 10_000:
        raise NotApplicable("a whole number of settlements, 10,000 at most, is expected")
    holder = _Holder([number(one) for one in inputs["positions"]], number(inputs["price"]))
    holder.open()
    holder.world.marks({"X": number(inputs["price"])})
    for _ in range(int(periods)):
        holder.world.settle_funding("X", number(inputs["rate"]))
    return {"payments": [holder.received(account) for account in holder.accounts]}


@handles("funding_settlement_index")
def _index(vector: Vector) -> dict[str, Any]:
    """One settlement whose mark × rate is the difference of the index.

    In the source a base unit is a power of ten of the base asset and the index counts millionths of 0.000001 quote per
    base unit; with a lot of 0.00000001 as base unit the mark is difference × 0.0001.
    """
    inputs = vector.inputs
    inputs.only("current_index", "entry_index", "qty")
    difference = number(inputs["current_index"]) - number(inputs["entry_index"])
    lots = number(inputs["qty"])
    if lots.denominator != 1:
        raise NotApplicable("a part of a base unit")
    quantity = lots / 10**8
    mark = abs(difference) / 10**4
    holder = _Holder([quantity], Fraction(1), max(Fraction(20), 2 * mark))
    holder.open()
    if difference:
        holder.world.marks({"X": mark})
    holder.world.settle_funding("X", Fraction((difference > 0) - (difference < 0)))
    settlement = holder.received(holder.accounts[0]) * 10**12
    if abs(lots * difference) % 10**4:
        raise NotApplicable("the payment is finer than 0.00000001, the engine's unit")
    return {"settlement": settlement}


@handles("funding_over_time")
def _over_time(vector: Vector) -> dict[str, Any]:
    inputs = vector.inputs
    inputs.only("side", "qty", "open_time", "close_time", "grace_s", "rates", "marks", "interval_hours")
    opened, closed = to_time_ms(inputs["open_time"]), to_time_ms(inputs["close_time"])
    late_ms = opened % 3_600_000
    if 0 < late_ms <= number(inputs.get("grace_s", 0)) * 1000:
        raise NotApplicable("no column for a grace after a funding time: who is not there pays nothing")
    rates = {to_time_ms(one["ts"]): number(one["rate"]) for one in inputs["rates"]}
    marks = {to_time_ms(one["ts"]): number(one["mark_price"]) for one in inputs["marks"]}
    quantity = sign_of(inputs["side"]) * number(inputs["qty"])
    first = next(iter(marks.values()), Fraction(1))
    holder = _Holder([quantity], first, 100 * max(marks.values(), default=Fraction(1)))
    world = holder.world
    # at one moment: first what opens, then the settlement, then what closes
    line = sorted([(opened, 0), (closed, 2), *((moment, 1) for moment in rates)])
    for moment, what in line:
        if what == 0:
            world.marks({"X": holder.opening}, moment)
            holder.open()
        elif what == 2:
            world.marks({"X": holder.opening}, moment)
            world.open(holder.accounts[0], "X", -quantity, holder.opening)
        elif moment not in marks:
            raise NotApplicable("the mark at a funding time is missing")
        else:
            world.marks({"X": marks[moment]}, moment)
            world.settle_funding("X", rates[moment], moment)
    return {"received": holder.received(holder.accounts[0])}
