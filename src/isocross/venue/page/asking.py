"""Asking: an order before it is sent, in both margin modes side by side, in one call.

Responsible for: the worlds that it is asked in, the answer as the page shows it: texts for people, exact numbers beside them. Must not:
compute a margin: every number is read off the engine after it has carried the order out, and is rolled back.

A mode that cannot be set now, because a position or an order is there, is asked in the twin that lives along in that mode; where there
is none it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...answer.words import percent_text, price_text, signed_text
from ...codes import CommandKind, MarginMode, Refusal, Side
from ...errors import InputError, RefusedError
from ...exchange import Exchange
from ...sandbox.ordering import Wish
from ...sandbox.preview_result import ModePreview, PreviewResult
from ...sandbox.refusing import Command, refused
from ...units import ONE_E8, format_money, to_e8
from ...worlds.preview import Basis, Setting, preview_in, settings_of
from ...worlds.world import World
from ..accounts import Account
from ..sequencer import VenueCore
from .forms import Order
from .hall import Hall
from .risking import EXITS, won_at_e8
from .wishes import Wanted, wanted

MODES = ("isolated", "cross")


async def preview(hall: Hall, account: Account, order: Order) -> dict[str, Any]:
    """An order in both margin modes, as the page shows it. Errors   InputError for what cannot be sent in any mode."""
    core = hall.core
    core.time_ms()
    exchange = core.exchange
    asked = wanted(exchange, account, order)
    wish = asked.wish
    settings = [one for one in settings_of(exchange, account.row, wish.rules.symbol) if one.name in MODES]
    there = exchange.margin_mode(account.row, wish.rules.symbol)
    modes = [column(one, asked, order.leverage) for one in settings]
    result = _result(exchange, account, wish, modes)
    blocked = [number for number, one in enumerate(settings) if one.basis is Basis.NONE]
    for number in blocked:
        told = await _in_twin(hall, account, order, settings[number])
        if told is not None:
            modes[number] = told
    if blocked:
        result = replace(result, modes=tuple(modes))
    answer = shown(result, there, core.position)
    answer["rows"] += [*_exit_rows(result), *_funding_rows(core, result)]
    return answer | {"is_waiting": asked.waiting is not None}


def settling(
    exchange: Exchange, account: int, symbol: str, mode: MarginMode | None, leverage: int | None
) -> list[Command]:
    """The commands that bring a contract to a mode and a leverage, where it is otherwise."""
    fields = {"account": account, "symbol": exchange.symbol_row(symbol)}
    found = []
    if mode is not None and exchange.margin_mode(account, symbol) != mode:
        name = f"{symbol} to {mode.name.lower()}"
        found.append(Command(CommandKind.SET_MARGIN_MODE, fields | {"margin_mode": mode}, name))
    if leverage is not None and exchange.leverage(account, symbol) != leverage:
        name = f"{symbol} to {leverage}x"
        found.append(Command(CommandKind.SET_LEVERAGE, fields | {"leverage": leverage}, name))
    return found


def column(setting: Setting, asked: Wanted, leverage: int | None) -> ModePreview:
    """The order in one world, with the leverage of the form."""
    rules, exchange, account = asked.wish.rules, setting.exchange, asked.wish.fields["account"]
    if setting.basis is Basis.NONE:
        return ModePreview.of(setting, rules, None, None, None, "")
    before = [Command(kind, dict(fields), f"{rules.symbol}: margin mode") for kind, fields in setting.switches]
    before += settling(exchange, account, rules.symbol, None, leverage)
    try:
        _accepted(exchange, before)
        sized = asked.sized(exchange, before)
    except RefusedError as error:
        return ModePreview.of(setting, rules, None, None, Refusal(error.refusal), str(error))
    except InputError as error:
        return ModePreview.of(setting, rules, None, None, None, str(error))
    commands = sized.commands
    world = replace(setting, switches=tuple((one.kind, one.fields) for one in before))
    outcome = preview_in(world, account, rules.symbol, [(one.kind, one.fields) for one in commands]).outcome
    assert outcome is not None
    reason = ""
    if outcome.refusal != Refusal.NONE:
        reason = str(refused(exchange, [*before, *commands], len(before) + len(outcome.results) - 1, outcome.refusal))
    return ModePreview.of(setting, rules, sized.lots, outcome, outcome.refusal, reason)


def _accepted(exchange: Exchange, commands: Sequence[Command]) -> None:
    """Errors   RefusedError for the first that is refused."""
    with exchange.previewing():
        results = [exchange.submit(one.kind, **one.fields) for one in commands]
    for place, result in enumerate(results):
        if not result.is_accepted:
            raise refused(exchange, commands, place, result.refusal)


async def _in_twin(hall: Hall, account: Account, order: Order, blocked: Setting) -> ModePreview | None:
    """The column of a mode that cannot be set now, in the twin that has it. None: there is none."""

    def ask(world: World) -> ModePreview | None:
        exchange = world.exchange
        asked = wanted(exchange, account, order)
        for setting in settings_of(exchange, account.row, asked.wish.rules.symbol):
            if setting.name == blocked.name and setting.basis is Basis.AS_IT_IS:
                branch = replace(setting, basis=Basis.BRANCH, refusals=blocked.refusals, world=world)
                return column(branch, asked, order.leverage)
        return None

    return await hall.twins.ask(account, blocked.exchange.rules(order.symbol).symbol, ask)


def _result(exchange: Exchange, account: Account, wish: Wish, modes: Sequence[ModePreview]) -> PreviewResult:
    others = exchange.open_modes(account.row).keys() - {wish.rules.symbol}
    return PreviewResult(
        rulebook=exchange.rulebook,
        rules=wish.rules,
        side="buy" if wish.side == Side.BUY else "sell",
        margin_e8=wish.margin_e8,
        price_ticks=wish.fields["price_ticks"] or None,
        exits=wish.exits,
        time_ms=exchange.time_ms,
        mark_e8=exchange.mark_e8(wish.rules.symbol),
        has_others=any(exchange.rules(one).margin_asset == wish.rules.margin_asset for one in others),
        modes=tuple(modes),
    )


def shown(result: PreviewResult, there: MarginMode, position: int) -> dict[str, Any]:
    """What the page shows of it: `rows` are a label and a cell per column."""
    told = result.shown()
    exact = result.to_dict()
    return {
        "title": told.title,
        "sentence": told.sentence,
        "notes": list(told.notes),
        "rows": [list(row) for row in told.tables[0].rows],
        "position": position,
        "mark": exact["mark"],
        "columns": [
            {
                **exact["modes"][one.name],
                "name": one.name,
                "is_current": one.setting.mode == there,
                "is_accepted": one.is_accepted,
                "liquidation_price": None if one.liquidation_price is None else f"{one.liquidation_price:f}",
                "liquidation_text": _liquidation(one, result),
                "distance_text": distance_text(
                    None if one.liquidation_price is None else to_e8(one.liquidation_price), result.mark_e8
                ),
            }
            for one in result.modes
        ],
    }


def _exit_rows(result: PreviewResult) -> list[list[str]]:
    """What is won or lost at each exit, fees included, and the one against the other."""
    won: dict[str, list[int | None]] = {}
    for kind, ticks in result.exits:
        won[EXITS[kind]] = [
            None
            if one.outcome is None or not one.is_accepted
            else won_at_e8(one.setting.exchange, one.outcome, ticks * result.rules.tick_e8)
            for one in result.modes
        ]
    names = {"stop": "At the stop, fees in", "take_profit": "At the target, fees in"}
    rows = [[names[name], *("" if one is None else signed_text(one) for one in cells)] for name, cells in won.items()]
    if len(won) == len(names):
        pairs = zip(won["take_profit"], won["stop"], strict=True)
        rows.append(["Reward to risk", *(_against(reward, risk) for reward, risk in pairs)])
    return rows


def _against(reward_e8: int | None, risk_e8: int | None) -> str:
    if reward_e8 is None or risk_e8 is None or risk_e8 >= 0 or reward_e8 <= 0:
        return ""
    return f"{format_money(reward_e8 * ONE_E8 // -risk_e8)} : 1"


def _funding_rows(core: VenueCore, result: PreviewResult) -> list[list[str]]:
    """What the position pays or gets at the settlement ahead, at the rate and the mark as they are now."""
    rate_e8, time_ms = core.funding.ahead(core.exchange.symbol_row(result.rules.symbol))
    if not time_ms:
        return []
    cells = []
    for one in result.modes:
        lots = 0 if one.outcome is None or not one.is_accepted else one.outcome.position.after.lots
        paid_e8 = core.exchange.notional_e8(result.rules.symbol, lots) * rate_e8 // ONE_E8 if lots else 0
        cells.append(signed_text(-paid_e8 if lots > 0 else paid_e8) if lots else "")
    return [["Funding ahead, as of now", *cells]]


def distance_text(price_e8: int | None, mark_e8: int) -> str:
    """'-9.64 %' from the mark; nothing where there is no price."""
    if price_e8 is None or mark_e8 <= 0:
        return ""
    part_e8 = abs(price_e8 - mark_e8) * ONE_E8 // mark_e8
    return percent_text(part_e8 if price_e8 > mark_e8 else -part_e8)


def _liquidation(one: ModePreview, result: PreviewResult) -> str:
    price = one.liquidation_price
    return price_text(None if price is None else to_e8(price), result.rules.tick_e8)
