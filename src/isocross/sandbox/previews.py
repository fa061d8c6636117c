"""Previews: what an order would do, asked in both margin modes before it is sent.

Responsible for: Previews, an account's `preview`: the words of an order, sized and asked in each mode's world. Must not:
shape what is shown (preview_result.py), change the sandbox.
"""

from __future__ import annotations

from typing import Any

from ..codes import PositionSide, Refusal, Side
from ..errors import InputError, RefusedError
from ..exchange import Exchange
from ..units import Amount
from ..worlds.preview import Basis, Setting, branches_of, preview_in, settings_of
from .ordering import Wish
from .preview_result import ModePreview, PreviewResult
from .refusing import Command, refused
from .sending import Sender


class Previews:
    """The orders of one account, each asked instead of sent. Arguments as in Account."""

    def __init__(self, exchange: Exchange, sender: Sender, name: str, number: int) -> None:
        self._exchange = exchange
        self._sender = sender
        self._name = name
        self._number = number

    def buy(self, symbol: str, **order: Any) -> PreviewResult:
        """A buy: `qty` or `margin`, and what else `Account.order` takes."""
        return self.order(symbol, Side.BUY, **order)

    def sell(self, symbol: str, **order: Any) -> PreviewResult:
        """A sell."""
        return self.order(symbol, Side.SELL, **order)

    def order(self, symbol: str, side: Side | str, **order: Any) -> PreviewResult:
        """An order, as `Account.order` takes it.

        Returns  PreviewResult: isolated and cross side by side, hybrid where other positions exist. What the exchange would
                 refuse is in it, not raised.
        Errors   InputError, AmountError for what cannot be sent in any mode.
        """
        return self._ask(Wish.of(self._exchange, self._number, self._name, symbol, side, **order))

    def close(
        self, symbol: str, qty: Amount | None = None, *, position_side: PositionSide | str | None = None
    ) -> PreviewResult:
        """Closing the position, or `qty` of it, at market. Errors   RefusedError when there is none."""
        return self._ask(Wish.to_close(self._exchange, self._number, self._name, symbol, qty, position_side))

    def __repr__(self) -> str:
        return f"previews of {self._name}: buy(…), sell(…), order(…), close(…)"

    def _ask(self, wish: Wish) -> PreviewResult:
        elsewhere = branches_of(self._sender.world, self._number, upkeep=self._sender.exits.copy)
        settings = settings_of(self._exchange, self._number, wish.rules.symbol, elsewhere)
        others = self._exchange.open_modes(self._number).keys() - {wish.rules.symbol}
        has_others = any(self._exchange.rules(one).margin_asset == wish.rules.margin_asset for one in others)
        return PreviewResult(
            rulebook=self._exchange.rulebook,
            rules=wish.rules,
            side="buy" if wish.side == Side.BUY else "sell",
            margin_e8=wish.margin_e8,
            price_ticks=wish.fields["price_ticks"] or None,
            exits=wish.exits,
            time_ms=self._exchange.time_ms,
            mark_e8=self._exchange.mark_e8(wish.rules.symbol),
            has_others=has_others,
            modes=tuple(self._in(one, wish) for one in settings),
        )

    def _in(self, setting: Setting, wish: Wish) -> ModePreview:
        """The order in one world, sized there."""
        if setting.basis is Basis.NONE:
            return ModePreview.of(setting, wish.rules, None, None, None, "")
        switches = [Command(kind, dict(fields), f"{self._name}: margin mode") for kind, fields in setting.switches]
        try:
            sized = wish.sized(setting.exchange, switches)
        except RefusedError as error:
            return ModePreview.of(setting, wish.rules, None, None, Refusal(error.refusal), str(error))
        except InputError as error:
            return ModePreview.of(setting, wish.rules, None, None, None, str(error))
        commands = [one._replace(what=f"{self._name}: {one.what}") for one in sized.commands]
        symbol = wish.rules.symbol
        outcome = preview_in(setting, self._number, symbol, [(one.kind, one.fields) for one in commands]).outcome
        assert outcome is not None
        reason = ""
        if outcome.refusal != Refusal.NONE:
            place = len(switches) + len(outcome.results) - 1
            reason = str(refused(setting.exchange, [*switches, *commands], place, outcome.refusal))
        return ModePreview.of(setting, wish.rules, sized.lots, outcome, outcome.refusal, reason)
