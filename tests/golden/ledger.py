"""Ledger: who paid whom, added up from the events alone and held against the state.

Responsible for: one line per party and margin asset, the sums, the check that nothing is missing. Must not: read an amount
from the state, except to compare.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from isocross.codes import EventKind, MarginMode, Reason
from isocross.sandbox import Sandbox
from isocross.units import format_e8

COLUMNS = (
    "deposited",
    "realized",
    "trading fees",
    "funding",
    "liquidation fees",
    "cross wallet",
    "isolated",
    "entry cost",
)
FLOWS = COLUMNS[:5]
PAID_IN = (Reason.DEPOSIT, Reason.WITHDRAWAL, Reason.FUND_DEPOSIT)


@dataclass
class Line:
    """One party in one margin asset, × 10^8."""

    party: str
    amounts: dict[str, int]

    @property
    def cash_e8(self) -> int:
        """What it has won in money, its open lots not valued: wallets − entry cost − deposited."""
        kept = self.amounts["cross wallet"] + self.amounts["isolated"]
        return kept - self.amounts["entry cost"] - self.amounts["deposited"]


def ledger(box: Sandbox, asset: str = "USDT") -> list[Line]:
    """Users first, then fund, house and fees. Every line adds up, and the cash of all sums to zero."""
    flows = _flows(box)
    lines = []
    for balance in box.balances(asset):
        own = flows[_number(box, balance.party), asset]
        kept = {
            "cross wallet": balance.cross_wallet,
            "isolated": balance.isolated_wallets,
            "entry cost": balance.entry_cost,
        }
        amounts = {name: own[name] for name in FLOWS} | {name: int(value * 10**8) for name, value in kept.items()}
        paid = sum(amounts[name] for name in FLOWS)
        assert paid == amounts["cross wallet"] + amounts["isolated"], f"{balance.party}: events say {paid}: {amounts}"
        lines.append(Line(balance.party, amounts))
    assert sum(line.cash_e8 for line in lines) == 0
    return lines


def ledger_text(box: Sandbox, parties: list[str] | None = None) -> list[str]:
    """The ledger as a table per margin asset that anybody has, with its sum when it is everybody's."""
    text = []
    for asset in box.exchange.assets:
        lines = ledger(box, asset)
        if not any(any(line.amounts.values()) for line in lines):
            continue
        shown = [line for line in lines if parties is None or line.party in parties]
        rows = [[asset, *COLUMNS, "cash"]]
        rows += [
            [line.party, *(format_e8(line.amounts[c]) for c in COLUMNS), format_e8(line.cash_e8)] for line in shown
        ]
        if parties is None:
            sums = [sum(line.amounts[c] for line in lines) for c in COLUMNS]
            rows.append(["Σ", *map(format_e8, sums), format_e8(sum(line.cash_e8 for line in lines))])
        widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
        text += [
            "  ".join(
                cell.rjust(w) if c else cell.ljust(w) for c, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
    return text


def _number(box: Sandbox, party: str) -> int:
    return (
        {"fund": 0, "house": 1, "fees": -1}.get(party)
        if party in ("fund", "house", "fees")
        else box.accounts[party].number
    )


def _flows(box: Sandbox) -> defaultdict[tuple[int, str], defaultdict[str, int]]:
    """(account, asset) → flow → amount, from the events; −1 is the account of the fees."""
    flows: defaultdict[tuple[int, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    costs: defaultdict[tuple[int, ...], int] = defaultdict(int)
    isolated: defaultdict[tuple[int, ...], int] = defaultdict(int)
    handed: dict[tuple[int, int], int] = {}
    returned: set[int] = set()  # accounts whose isolated wallet of a delisted contract comes back with the next WALLET
    assets = [box.exchange.rules(symbol).margin_asset for symbol in box.symbols]
    for event in box.events:
        account, kind = int(event["account"]), event["kind"]
        if kind == EventKind.WALLET:
            own = flows[account, box.exchange.assets[event["asset"]]]
            if event["code"] in PAID_IN:
                own["deposited"] += int(event["amount_e8"])
            elif event["code"] == Reason.FUNDING_RESIDUE:
                own["funding"] += int(event["amount_e8"])
            elif event["code"] == Reason.DELISTED and account not in returned:
                own["realized"] += int(event["amount_e8"])
            elif event["code"] == Reason.LIQUIDATION_FEE and account == 0:
                own["liquidation fees"] += int(event["amount_e8"])
            returned.discard(account)
            continue
        if event["symbol"] < 0:
            if kind == EventKind.LIQUIDATION_FEE:
                flows[account, box.exchange.assets[event["asset"]]]["liquidation fees"] -= int(event["fee_e8"])
            continue
        asset = assets[event["symbol"]]
        if kind == EventKind.FILLED:
            flows[account, asset]["realized"] += int(event["amount_e8"])
            flows[account, asset]["trading fees"] -= int(event["fee_e8"])
            flows[-1, asset]["trading fees"] += int(event["fee_e8"])
        elif kind == EventKind.FUNDING:
            flows[account, asset]["funding"] += int(event["amount_e8"])
        elif kind == EventKind.LIQUIDATION_FEE:
            flows[account, asset]["liquidation fees"] -= int(event["fee_e8"])
        elif kind == EventKind.MARGIN_MOVED and event["code"] == Reason.DELISTED:
            key = (account, int(event["symbol"]), int(MarginMode.ISOLATED), int(event["position_side"]))
            flows[account, asset]["realized"] -= int(event["amount_e8"]) + isolated[key]
            returned.add(account)
        elif kind in (EventKind.TAKEOVER, EventKind.ADL):
            handed[account, int(event["symbol"])] = int(event["value_e8"])
            handed[int(event["counterparty"]), int(event["symbol"])] = -int(event["value_e8"])
        elif kind == EventKind.POSITION:
            key = (account, int(event["symbol"]), int(event["margin_mode"]), int(event["position_side"]))
            value = handed.pop(key[:2], None)
            if value is not None:
                flows[account, asset]["realized"] += value - costs[key] + int(event["value_e8"])
            costs[key] = int(event["value_e8"])
            isolated[key] = int(event["balance_e8"])
    assert not handed
    return flows
