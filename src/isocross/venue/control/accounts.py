"""Accounts: who trades here, their keys and balances.

Responsible for: these endpoints. Must not: make a key (accounts.py of the venue does).
"""

from __future__ import annotations

import msgspec

from ...codes import CommandKind
from ..accounts import Account
from .forms import Given, Money, accepted, e8, text
from .place import Place
from .routes import endpoint


class Balance(msgspec.Struct):
    """What an account has in one margin asset."""

    asset: str
    wallet: Money  # cross and isolated
    cross_wallet: Money
    unrealized_pnl: Money
    available: Money
    max_withdraw: Money


class OwnFees(msgspec.Struct):
    """What an account pays in every contract, as fractions."""

    maker: Money
    taker: Money


class Holder(msgspec.Struct):
    """An account."""

    name: str
    account: int
    balances: list[Balance]
    own_fees: OwnFees | None  # in place of every contract's; null: it has none


class Keys(msgspec.Struct):
    """What opens an account."""

    name: str
    api_key: str
    secret: str


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    """A name, and what is deposited at once, by asset."""

    name: str
    balances: dict[str, Given] = {}


class NewOwnFees(msgspec.Struct, forbid_unknown_fields=True):
    """Fees of an account's own, as fractions: 0.0004 is 0.04 %."""

    maker: Given
    taker: Given


class Transfer(msgspec.Struct, forbid_unknown_fields=True):
    """An amount of an asset."""

    asset: str
    amount: Given


@endpoint("GET", "/accounts", answer=list[Holder], of_world=True)
def list_accounts(place: Place) -> list[Holder]:
    """Every account and its balances; keys are asked for one by one."""
    return [_holder(place, account) for account in place.world.core.accounts if _is_open(place, account)]


@endpoint("POST", "/accounts", request=NewAccount, answer=Keys)
def new_account(place: Place, request: NewAccount) -> Keys:
    """Open an account: its keys are written down before it is there."""
    core = place.world.core
    amounts = {
        core.exchange.asset_row(asset): e8(amount, f"balance of {asset}") for asset, amount in request.balances.items()
    }
    account = core.accounts.new(request.name)
    commands = [(CommandKind.CREATE_ACCOUNT, {"account": account.row})]
    commands += [
        (CommandKind.DEPOSIT, {"account": account.row, "asset": asset, "amount_e8": amount})
        for asset, amount in amounts.items()
    ]
    for done in core.apply_many(commands):
        accepted(done)
    return _keys(account)


@endpoint("GET", "/accounts/{name}", answer=Holder, of_world=True)
def read_account(place: Place, name: str) -> Holder:
    """One account and its balances."""
    return _holder(place, place.world.core.accounts.by_name(name))


@endpoint("GET", "/accounts/{name}/keys", answer=Keys)
def read_keys(place: Place, name: str) -> Keys:
    """The keys of an account."""
    return _keys(place.world.core.accounts.by_name(name))


@endpoint("POST", "/accounts/{name}/keys", answer=Keys)
def renew_keys(place: Place, name: str) -> Keys:
    """Other keys for an account; the old ones open nothing any more."""
    return _keys(place.world.core.accounts.renew(name))


@endpoint("POST", "/accounts/{name}/deposit", request=Transfer, answer=Holder, of_world=True)
def deposit(place: Place, request: Transfer, name: str) -> Holder:
    """Money into the cross wallet."""
    return _transferred(place, CommandKind.DEPOSIT, request, name)


@endpoint("POST", "/accounts/{name}/withdraw", request=Transfer, answer=Holder, of_world=True)
def withdraw(place: Place, request: Transfer, name: str) -> Holder:
    """Money out of the cross wallet, as far as margin allows."""
    return _transferred(place, CommandKind.WITHDRAW, request, name)


@endpoint("POST", "/accounts/{name}/fees", request=NewOwnFees, answer=Holder, of_world=True)
def set_own_fees(place: Place, request: NewOwnFees, name: str) -> Holder:
    """Fees of its own, in every contract."""
    core = place.world.core
    account = core.accounts.by_name(name)
    records = [{"rate_e8": e8(request.maker, "maker fee")}, {"rate_e8": e8(request.taker, "taker fee")}]
    accepted(core.apply(CommandKind.SET_FEES, account=account.row, records=records))
    return _holder(place, account)


def _transferred(place: Place, kind: CommandKind, request: Transfer, name: str) -> Holder:
    core = place.world.core
    account = core.accounts.by_name(name)
    asset = core.exchange.asset_row(request.asset)
    accepted(core.apply(kind, account=account.row, asset=asset, amount_e8=e8(request.amount, "amount")))
    return _holder(place, account)


def _is_open(place: Place, account: Account) -> bool:
    table = place.world.core.exchange.table("accounts")
    return account.row < len(table) and bool(table["is_open"][account.row])


def _holder(place: Place, account: Account) -> Holder:
    exchange = place.world.core.exchange
    balances = []
    for asset in exchange.assets if _is_open(place, account) else ():
        wallet = exchange.wallet(account.row, asset)
        balances.append(
            Balance(
                asset,
                text(wallet.cross_wallet_e8 + wallet.isolated_wallets_e8),
                text(wallet.cross_wallet_e8),
                text(wallet.unrealized_pnl_e8),
                text(wallet.available_e8),
                text(wallet.max_withdraw_e8),
            )
        )
    return Holder(account.name, account.row, balances, _own_fees(place, account))


def _own_fees(place: Place, account: Account) -> OwnFees | None:
    if not _is_open(place, account):
        return None
    own = place.world.core.exchange.table("accounts")[account.row]
    if not own["has_own_fees"]:
        return None
    return OwnFees(text(int(own["maker_fee_rate_e8"])), text(int(own["taker_fee_rate_e8"])))


def _keys(account: Account) -> Keys:
    return Keys(account.name, account.api_key, account.secret)
