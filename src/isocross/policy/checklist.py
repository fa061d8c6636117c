"""Checklist: the pre-trade checklist, which any order path can ask before it sends an order.

Responsible for: Checklist: a session with an exchange; each rule's verdict and its reason in numbers; every contract of an
account at once. Must not: send an order, contain a formula, read a clock.

    checklist = ix.Checklist(exchange)                        # a session begins
    checklist.acknowledge("BTCUSDT")
    result = checklist.check("BTCUSDT long 0.083 stop 57500")
    if result.is_negative: …                                  # blocked; result.reasons says why
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..answer.words import leverage_text, money_in, money_text, percent_text, price_text
from ..codes import MarginMode, Refusal
from ..errors import InputError
from ..exchange import Exchange
from ..kernel import margin
from ..rulebook.model import SymbolRules
from ..units import ONE_E8, Amount, format_e8, format_rate, to_rate_e8
from ..views import PositionView, SettingsView
from . import inputs
from .aftermath import Aftermath, aftermath, cross_positions, notional_of, stop_of
from .check_result import CheckResult, Contract, ContractsResult, Pool, RuleResult
from .checklist_file import DEFAULT, Bounds, FundingRule, Policy, StopRule, Verdict, load_policy
from .planned import PlannedOrder, to_order
from .session import Session

_HOUR_MS = 3_600_000
_ACTIVE = ("mode", "size", "stop", "funding", "exposure", "leverage")


class Checklist:
    """A session with an exchange. A new one asks for every contract's margin mode anew.

    Takes    exchange: an Exchange, or anything that has one as `.exchange` (a Sandbox, its account). policy: a checklist
             file, or a Policy. session: one that goes on; else one begins with the exchange's next command.
    """

    def __init__(self, exchange: Any, policy: str | Path | Policy = DEFAULT, *, session: Session | None = None) -> None:
        self.exchange: Exchange = exchange if isinstance(exchange, Exchange) else exchange.exchange
        self.policy = policy if isinstance(policy, Policy) else load_policy(policy)
        self.session = Session("this one", self.exchange.next_sequence) if session is None else session

    def acknowledge(self, symbol: str | int, account: int | None = None) -> SettingsView:
        """Say that you have seen which margin mode a contract is in; it holds for this session and this contract."""
        number = self._account(account)
        settings = self._settings(number, symbol)
        self.session.acknowledge(number, settings.symbol, settings.margin_mode)
        return settings

    def check(
        self,
        order: str | PlannedOrder | Mapping[str, Any],
        account: int | None = None,
        *,
        stop: Amount | None = None,
        risk: Amount | None = None,
        hold: str | None = None,
        funding_rate: Amount | None = None,
    ) -> CheckResult:
        """Ask every rule about an order. Nothing is sent, and the exchange is left as it was.

        Takes    order: 'BTCUSDT long 0.083 @ 60000 stop 57500', or the fields of a PLACE_ORDER command. account: its
                 number; needed where there are several. stop: where the order does not say it. risk: what may be lost,
                 as money or as a share of the equity, in place of the policy's bounds. hold: '24h', '3d'.
                 funding_rate: per settlement, '0.01%'.
        Errors   InputError and its subclasses.
        """
        if account is None and isinstance(order, Mapping):
            account = order.get("account")
        number = self._account(account)
        planned = to_order(order, self.exchange, stop)
        found = aftermath(self.exchange, number, planned)
        _check_stop_side(found)
        settings = self._settings(number, planned.symbol)
        confirmed_by = self.session.confirmed_by(settings)
        policy = self._policy(hold, funding_rate)
        budget_e8 = None if risk is None else _budget_e8(risk, found.wallet_before.equity_e8)
        with money_in(found.rules.margin_asset):
            rules = _judge(policy, found, budget_e8, settings, confirmed_by)
        return CheckResult(
            policy=policy.name,
            session=self.session.name,
            account=number,
            aftermath=found,
            settings=settings,
            confirmed_by=confirmed_by,
            rules=rules,
        )

    def contracts(self, account: int | None = None) -> ContractsResult:
        """Every contract of an account: mode and whose choice it is, leverage, effective leverage, worst loss."""
        exchange, number = self.exchange, self._account(account)
        positions: dict[str, list[PositionView | None]] = {}
        for one in exchange.positions(number):
            positions.setdefault(one.symbol, []).append(one)
        orders = exchange.orders(number)
        pools = tuple(_pool(exchange, number, asset) for asset in exchange.assets)
        by_asset = {one.asset: one for one in pools}
        contracts = []
        for settings in exchange.settings(number):
            rules = exchange.rules(settings.symbol)
            for position in positions.get(settings.symbol, [None]):  # a hedge has a line for either side
                contracts.append(
                    Contract(
                        rules=rules,
                        settings=settings,
                        confirmed_by=self.session.confirmed_by(settings),
                        lots=position.lots if position else 0,
                        notional_e8=notional_of(position, rules) if position else 0,
                        effective_leverage_e8=_effective_e8(position, rules, by_asset) if position else None,
                        liquidation_e8=position.liquidation_mark_e8 if position else None,
                        stop_ticks=stop.trigger_ticks if position and (stop := stop_of(orders, position)) else None,
                        worst_loss_e8=max(0, position.margin_balance_e8) if position else None,
                        order_count=sum(
                            one.symbol == settings.symbol and (not position or one.position_side == position.position_side)
                            for one in orders
                        ),
                    )
                )
        return ContractsResult(
            rulebook=exchange.rulebook.name,
            session=self.session.name,
            account=number,
            time_ms=exchange.time_ms,
            contracts=tuple(contracts),
            pools=tuple(one for one in pools if one.equity_e8 or one.position_count),
        )

    # ---- private

    def _account(self, account: int | None) -> int:
        """The account meant: the only one there is, unless it is said."""
        accounts = self.exchange.table("accounts")
        is_user = (accounts["is_open"] != 0) & (accounts["is_house"] == 0)
        if account is not None and 0 <= account < len(is_user) and is_user[account]:
            return account
        users = np.flatnonzero(is_user).tolist()
        if not users:
            raise InputError("account: none is here; expected an exchange with an account")
        if account is not None:
            raise InputError(f"account: {account!r} is none of this exchange's, which has {users[0]} … {users[-1]}")
        if len(users) > 1:
            raise InputError(f"account: {len(users)} are here; say which one, by its number")
        return int(users[0])

    def _settings(self, account: int, symbol: str | int) -> SettingsView:
        return self.exchange.settings(account)[self.exchange.symbol_row(symbol)]

    def _policy(self, hold: str | None, funding_rate: Amount | None) -> Policy:
        """The policy with what was said for this order alone."""
        policy = self.policy
        if hold is None and funding_rate is None:
            return policy
        rule = policy.funding or FundingRule(Bounds(None, None), 0, "interest", 0)
        if hold is not None:
            rule = replace(rule, holding_ms=inputs.to_duration_ms(hold, "hold"))
        if funding_rate is not None:
            rate_e8 = to_rate_e8(funding_rate, "funding-rate")
            if abs(rate_e8) > ONE_E8:
                raise InputError(f"funding-rate: {funding_rate} is beyond ±100 %")
            rule = replace(rule, rate="", rate_e8=rate_e8)
        return replace(policy, funding=rule)


def _budget_e8(risk: Amount, equity_e8: int) -> int:
    """What may be lost, as money: a share of the equity is rounded down."""
    if isinstance(risk, str) and risk.strip().endswith("%"):
        return max(0, equity_e8) * inputs.to_share_e8(risk, "risk") // ONE_E8
    return inputs.to_money_e8(risk, "risk")


def _check_stop_side(found: Aftermath) -> None:
    order = found.order
    if order.stop_ticks is None or found.filled_lots == 0:
        return
    if not found.is_opening:
        raise InputError(f"stop: the order opens nothing in {order.symbol} that a stop could close; leave it out")
    tick_e8 = found.rules.tick_e8
    stop_e8 = order.stop_ticks * tick_e8
    entry_ticks = order.price_ticks or found.after.mark_e8 // tick_e8  # triggers watch the mark cut to whole ticks
    entry_e8 = entry_ticks * tick_e8
    if (entry_e8 - stop_e8) * found.sign <= 0:
        side, where = ("long", "below") if found.sign > 0 else ("short", "above")
        raise InputError(
            f"stop: {format_e8(stop_e8)} is on the wrong side: for a {side} it lies {where} {format_e8(entry_e8)}"
        )


# ---- the rules


def _judge(
    policy: Policy, found: Aftermath, budget_e8: int | None, settings: SettingsView, confirmed_by: str | None
) -> tuple[RuleResult, ...]:
    """The order itself first; a refused order is judged by nothing else, one that only reduces passes the rest."""
    results = [_order(found)]
    if found.refusal != Refusal.NONE:
        return tuple(results)
    asked: dict[str, Callable[[], RuleResult] | None] = {
        "mode": _asks(policy.unconfirmed, lambda level: _mode(level, settings, confirmed_by)),
        "size": _asks(policy.size if budget_e8 is None else budget_e8, lambda limit: _size(limit, found)),
        "stop": _asks(policy.stop, lambda rule: _stop(rule, found)),
        "funding": _asks(policy.funding, lambda rule: _funding(rule, found)),
        "exposure": _asks(policy.exposure, lambda bounds: _exposure(bounds, found)),
        "leverage": _asks(policy.leverage, lambda bounds: _leverage(bounds, found)),
    }
    assert tuple(asked) == _ACTIVE
    for name, rule in asked.items():
        if rule is not None:
            results.append(rule() if found.is_opening else RuleResult(name, Verdict.PASS, "it opens nothing"))
    return tuple(results)


def _asks(rule: Any, ask: Callable[[Any], RuleResult]) -> Callable[[], RuleResult] | None:
    return None if rule is None else lambda: ask(rule)


def _order(found: Aftermath) -> RuleResult:
    """Whether the exchange takes it, and all of it."""
    rules = found.rules
    if found.refusal != Refusal.NONE:
        return RuleResult("order", Verdict.BLOCK, found.refusal_text)
    if found.was_liquidated:
        when = "on the way to its price" if found.rests else "by its fill"
        return RuleResult("order", Verdict.BLOCK, f"something of this account is liquidated {when}")
    filled = f"{format_e8(found.filled_lots * rules.step_e8)} {rules.quantity_asset}"
    if found.expired_lots:
        rest = format_e8(found.expired_lots * rules.step_e8)
        return RuleResult(
            "order", Verdict.WARN, f"{filled} would be filled, {rest} would not ({found.expired_reason.name})"
        )
    if found.rests and not found.filled_lots:
        return RuleResult("order", Verdict.BLOCK, "it would rest, and could not be tried as filled")
    how = "rests, tried as filled at its price" if found.rests else "is accepted and filled"
    return RuleResult("order", Verdict.PASS, f"{filled} {how}")


def _mode(level: Verdict, settings: SettingsView, confirmed_by: str | None) -> RuleResult:
    mode, symbol = settings.margin_mode.name.lower(), settings.symbol
    if confirmed_by is not None:
        return RuleResult("mode", Verdict.PASS, f"{symbol} is {mode}, {confirmed_by}")
    whose = "the venue's default" if settings.margin_mode_sequence is None else "set by you before this session"
    return RuleResult("mode", level, f"{symbol} is {mode}, {whose}: set it or acknowledge it in this session")


def _size(limit: Bounds | int, found: Aftermath) -> RuleResult:
    """Against the policy's shares of the equity, or against a budget × 10^8."""
    equity_e8, loss_e8 = found.wallet_before.equity_e8, found.loss_e8
    what = "at the stop" if found.is_stop_first else "all that is at stake"
    if equity_e8 <= 0:
        return RuleResult("size", Verdict.BLOCK, f"the equity is {money_text(equity_e8)}: nothing may be risked")
    share_e8 = -(-loss_e8 * ONE_E8 // equity_e8)
    text = f"{money_text(loss_e8)} can be lost, {what}: {_percent(share_e8)} of the equity"
    if isinstance(limit, Bounds):
        return _bounded("size", limit, share_e8, text, _percent)
    if loss_e8 > limit:
        return RuleResult("size", Verdict.BLOCK, f"{text}, over the budget of {money_text(limit)}", share_e8)
    return RuleResult("size", Verdict.PASS, f"{text}, within the budget of {money_text(limit)}", share_e8)


def _stop(rule: StopRule, found: Aftermath) -> RuleResult:
    rules, due_e8 = found.rules, found.after.liquidation_mark_e8
    if found.stop_ticks is None:
        return RuleResult("stop", rule.missing, "there is none that closes it at market at a price")
    stop_e8 = found.stop_ticks * rules.tick_e8
    stop, due = price_text(stop_e8, rules.tick_e8), price_text(due_e8, rules.tick_e8)
    if not found.is_stop_first:
        return RuleResult("stop", rule.beyond_liquidation, f"{stop} is beyond liquidation, which comes at {due}")
    if found.is_stop_on_last:
        return RuleResult("stop", Verdict.WARN, f"{stop} watches the last price; liquidation goes by mark, at {due}")
    if due_e8 is None:
        return RuleResult("stop", Verdict.PASS, f"{stop} comes first: there is no liquidation price")
    room_e8 = abs(stop_e8 - due_e8) * ONE_E8 // found.after.mark_e8
    text = f"{stop} comes first, liquidation at {due}, {_percent(room_e8)} of the mark further on"
    if rule.warn_closer_e8 is not None and room_e8 < rule.warn_closer_e8:
        return RuleResult("stop", Verdict.WARN, f"{text}: closer than {_percent(rule.warn_closer_e8)}", room_e8)
    return RuleResult("stop", Verdict.PASS, text, room_e8)


def _funding(rule: FundingRule, found: Aftermath) -> RuleResult:
    rules, balance_e8 = found.rules, found.after.margin_balance_e8
    settlements = -(-rule.holding_ms // (rules.funding_interval_hours * _HOUR_MS))
    rate_e8 = _funding_rate_e8(rule, found)
    times = f"{settlements} settlement{'' if settlements == 1 else 's'} at {format_rate(rate_e8, 4)}"
    if rate_e8 * found.sign <= 0:
        return RuleResult("funding", Verdict.PASS, f"{times}: this side pays nothing")
    cost_e8 = settlements * int(margin.funding_payment_e8(found.notional_e8, abs(rate_e8)))
    if balance_e8 <= 0:
        return RuleResult("funding", Verdict.BLOCK, f"{times} cost {money_text(cost_e8)}, and nothing is behind it")
    share_e8 = -(-cost_e8 * ONE_E8 // balance_e8)
    behind = "the pool" if found.is_cross else "its margin"
    return _bounded(
        "funding",
        rule.bounds,
        share_e8,
        f"{times} cost {money_text(cost_e8)}: {_percent(share_e8)} of {behind}",
        _percent,
    )


def _funding_rate_e8(rule: FundingRule, found: Aftermath) -> int:
    """What is expected per settlement; a cap is taken against the position."""
    rules = found.rules
    if rule.rate == "interest":  # the interest rate is per eight hours
        return -(-rules.interest_rate_e8 * rules.funding_interval_hours // 8)
    if rule.rate == "cap":
        return rules.funding_cap_rate_e8 if found.sign > 0 else rules.funding_floor_rate_e8
    return rule.rate_e8


def _exposure(bounds: Bounds, found: Aftermath) -> RuleResult:
    """What else the pool carries; an isolated order does not join it."""
    others = found.others
    if not found.is_cross:
        return RuleResult("exposure", Verdict.PASS, "isolated: what is in the pool is not touched")
    if not others:
        return RuleResult("exposure", Verdict.PASS, "nothing else is in the pool", 0)
    notional_e8, balance_e8 = found.others_notional_e8, found.after.margin_balance_e8
    names = ", ".join(f"{one.symbol} {'long' if one.lots > 0 else 'short'}" for one in others)
    if balance_e8 <= 0:
        return RuleResult("exposure", Verdict.BLOCK, f"{names}: and the pool's balance is {money_text(balance_e8)}")
    share_e8 = -(-notional_e8 * ONE_E8 // balance_e8)
    return _bounded(
        "exposure",
        bounds,
        share_e8,
        f"the pool carries {names}, {money_text(notional_e8)}: {_percent(share_e8)} of its balance",
        _percent,
    )


def _leverage(bounds: Bounds, found: Aftermath) -> RuleResult:
    notional_e8, balance_e8 = found.notional_e8, found.after.margin_balance_e8
    what = "the position"
    if found.is_cross and found.others:
        notional_e8 += found.others_notional_e8
        what = "the pool"
    if balance_e8 <= 0:
        return RuleResult("leverage", Verdict.BLOCK, f"{money_text(notional_e8)} is open and nothing is behind it")
    multiple_e8 = -(-notional_e8 * ONE_E8 // balance_e8)
    return _bounded(
        "leverage",
        bounds,
        multiple_e8,
        f"{what} is {money_text(notional_e8)} on {money_text(balance_e8)}: {leverage_text(multiple_e8)} effective",
        leverage_text,
    )


def _bounded(rule: str, bounds: Bounds, value_e8: int, text: str, say: Callable[[int], str]) -> RuleResult:
    """The verdict of a number, and the bound that it is over."""
    verdict = bounds.judge(value_e8)
    over_e8 = {Verdict.WARN: bounds.warn_above_e8, Verdict.BLOCK: bounds.block_above_e8}.get(verdict)
    return RuleResult(rule, verdict, text if over_e8 is None else f"{text}, over {say(over_e8)}", value_e8)


def _percent(share_e8: int) -> str:
    return percent_text(share_e8, is_signed=False)


# ---- reading the account


def _pool(exchange: Exchange, account: int, asset: str) -> Pool:
    wallet = exchange.wallet(account, asset)
    there = cross_positions(exchange, account, asset)
    return Pool(
        asset=asset,
        equity_e8=wallet.equity_e8,
        balance_e8=wallet.margin_balance_e8,
        notional_e8=sum(notional_of(one, exchange.rules(one.symbol)) for one in there),
        position_count=len(there),
    )


def _effective_e8(position: PositionView, rules: SymbolRules, pools: Mapping[str, Pool]) -> int | None:
    """What is open ÷ what is behind it, rounded up; of the whole pool in cross."""
    is_cross = position.margin_mode == MarginMode.CROSS
    notional_e8 = pools[rules.margin_asset].notional_e8 if is_cross else notional_of(position, rules)
    if position.margin_balance_e8 <= 0:
        return None
    return -(-notional_e8 * ONE_E8 // position.margin_balance_e8)
