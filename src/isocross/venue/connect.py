"""Connect: what a client has to be told to find this venue instead of the real one, as text to copy and as a dict.

Responsible for: addresses and keys of a running venue; the complete configuration of each client; setting it on an object.
Must not: start anything, talk to a venue, change a file.

    exchange = isocross.connect(ccxt.binanceusdm())        # the running venue of the default data folder, its first account
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from .accounts import KEYS_FILE, Account, Accounts

CcxtExchange = TypeVar("CcxtExchange")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a venue answers, and as whom. `url` without a slash at its end."""

    url: str
    api_key: str
    secret: str = field(repr=False)

    @property
    def ws(self) -> str:
        """The address of its WebSockets."""
        return "ws" + self.url.removeprefix("http")


def running(data: str | Path | None = None, account: str | None = None) -> Place:
    """The venue that runs on a data folder (the default one), and one of its accounts (its first).

    Errors   InputError: no venue runs there, or it has no such account.
    """
    from .settings import default_folder, read_address

    folder = default_folder() if data is None else Path(data)
    url = read_address(folder)
    if url is None:
        raise InputError(f"no venue runs on {folder}: start one with `isocross serve`, or say which with --data")
    if not (folder / KEYS_FILE).exists():
        raise InputError(f"{folder / KEYS_FILE}: is not there; the venue writes it when it starts")
    accounts = Accounts(folder / KEYS_FILE)
    found = _first(accounts) if account is None else accounts.by_name(account)
    return Place(url, found.api_key, found.secret)


def _first(accounts: Accounts) -> Account:
    for account in accounts:
        return account
    raise InputError("the venue has no account yet: make one with `isocross control accounts`")


# ---- setting it on an object


def connect(exchange: CcxtExchange, data: str | Path | None = None, account: str | None = None) -> CcxtExchange:
    """Point a ccxt exchange (binanceusdm or binance, synchronous, async or pro) at the running venue, and return it.

    Takes    data: the venue's data folder; None: the default one. account: None: its first.
    Errors   InputError: no venue runs there, no such account, or an exchange of another kind.
    """
    place = running(data, account)
    return connect_at(exchange, place.url, place.api_key, place.secret)


def connect_at(exchange: CcxtExchange, url: str, api_key: str, secret: str) -> CcxtExchange:
    """The same for a venue whose address and keys are known. Errors  InputError: an exchange of another kind."""
    known: Any = exchange
    if getattr(known, "id", None) not in ("binance", "binanceusdm"):
        raise InputError(
            f"exchange: {getattr(known, 'id', type(known).__name__)}: expected ccxt's binanceusdm or binance"
        )
    place = Place(url.rstrip("/"), api_key, secret)
    _merge(known.urls["api"], ccxt_addresses(place))
    known.apiKey, known.secret = api_key, secret
    if "linear" in known.exceptions:  # ccxt picks its futures table by address; it is not at a known one here
        known.exceptions["exact"].update(known.exceptions["linear"]["exact"])
    return exchange


def set_python_binance_addresses(url: str) -> None:
    """Point every client of python-binance that is made from now on at a venue. Its addresses belong to classes."""
    from binance import AsyncClient, BinanceSocketManager, Client  # type: ignore[import-untyped, unused-ignore]

    place = Place(url.rstrip("/"), "", "")
    for kind in (Client, AsyncClient):
        for name, value in python_binance_addresses(place).items():
            setattr(kind, name, value)
    BinanceSocketManager.FSTREAM_URL = f"{place.ws}/"


def _merge(into: dict[str, Any], addresses: dict[str, Any]) -> None:
    for name, value in addresses.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


# ---- addresses


def ccxt_addresses(place: Place) -> dict[str, Any]:
    """`urls.api` of ccxt, its pro part too, under the names of every release: streams were `future`, then `linear`."""
    url = place.url
    stream, calls = f"{place.ws}/ws", f"{place.ws}/ws-fapi/v1"
    return {
        "fapiPublic": f"{url}/fapi/v1",
        "fapiPrivate": f"{url}/fapi/v1",
        "fapiPublicV2": f"{url}/fapi/v2",
        "fapiPrivateV2": f"{url}/fapi/v2",
        "fapiPublicV3": f"{url}/fapi/v3",
        "fapiPrivateV3": f"{url}/fapi/v3",
        "fapiData": f"{url}/futures/data",
        "public": f"{url}/api/v3",
        "private": f"{url}/api/v3",
        "sapi": f"{url}/sapi/v1",
        "dapiPublic": f"{url}/dapi/v1",
        "dapiPrivate": f"{url}/dapi/v1",
        "eapiPublic": f"{url}/eapi/v1",
        "eapiPrivate": f"{url}/eapi/v1",
        "ws": {"linear": stream, "future": stream, "ws-api": {"linear": calls, "future": calls}},
    }


def python_binance_addresses(place: Place) -> dict[str, str]:
    """Class attributes of python-binance's clients."""
    return {
        "API_URL": f"{place.url}/api",
        "FUTURES_URL": f"{place.url}/fapi",
        "FUTURES_DATA_URL": f"{place.url}/futures/data",
        "WS_FUTURES_URL": f"{place.ws}/ws-fapi/v1",
    }


# ---- one configuration per client


def _ccxt(place: Place) -> dict[str, Any]:
    return {
        "apiKey": place.api_key,
        "secret": place.secret,
        "urls": {"api": ccxt_addresses(place)},
        "options": {"fetchCurrencies": False, "fetchMarkets": {"types": ["linear"]}},
    }


def _freqtrade(place: Place) -> dict[str, Any]:
    addresses = ccxt_addresses(place)
    ws = addresses.pop("ws")
    return {
        "dry_run": False,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": "USDT",
        "exchange": {
            "name": "binance",
            "key": place.api_key,
            "secret": place.secret,
            "enable_ws": False,
            "ccxt_config": {"urls": {"api": addresses | {"ws": ws}}},
            "ccxt_async_config": {"urls": {"api": addresses | {"ws": ws}}},
            "pair_whitelist": ["BTC/USDT:USDT", "ETH/USDT:USDT"],
        },
    }


def _nautilus(place: Place) -> dict[str, Any]:
    shared = {
        "api_key": place.api_key,
        "api_secret": place.secret,
        "account_type": "USDT_FUTURES",
        "base_url_http": place.url,
    }
    return {
        "data": shared | {"base_url_ws": place.ws},
        "exec": shared | {"base_url_ws": f"{place.ws}/ws-fapi/v1", "base_url_ws_stream": place.ws},
    }


def _python_binance(place: Place) -> dict[str, Any]:
    return {
        "Client": python_binance_addresses(place),
        "AsyncClient": python_binance_addresses(place),
        "BinanceSocketManager": {"FSTREAM_URL": f"{place.ws}/"},
        "api_key": place.api_key,
        "api_secret": place.secret,
    }


def _connector(place: Place) -> dict[str, Any]:
    return {"key": place.api_key, "secret": place.secret, "base_url": place.url, "stream_url": place.ws}


def _sdk(place: Place) -> dict[str, Any]:
    return {
        "rest": {"api_key": place.api_key, "api_secret": place.secret, "base_path": place.url},
        "websocket_api": {"api_key": place.api_key, "api_secret": place.secret, "stream_url": f"{place.ws}/ws-fapi/v1"},
        "websocket_streams": {"stream_url": place.ws},
    }


def _ccxt_text(place: Place) -> str:
    return f"""\
# ccxt, also ccxt.async_support and ccxt.pro. With isocross installed beside it: exchange = isocross.connect(ccxt.binanceusdm())
import ccxt

exchange = ccxt.binanceusdm({_literal(_ccxt(place))})
exchange.exceptions["exact"].update(exchange.exceptions["linear"]["exact"])  # futures errors as their own classes
"""


def _freqtrade_text(place: Place) -> str:
    return json.dumps(_freqtrade(place), indent=4) + "\n"


def _nautilus_text(place: Place) -> str:
    return f"""\
# NautilusTrader: client configurations for a TradingNodeConfig
from nautilus_trader.adapters.binance import BinanceAccountType, BinanceDataClientConfig, BinanceExecClientConfig

account = {{
    "api_key": {place.api_key!r},
    "api_secret": {place.secret!r},
    "account_type": BinanceAccountType.USDT_FUTURES,
    "base_url_http": {place.url!r},
}}
data = BinanceDataClientConfig(**account, base_url_ws={place.ws!r})
if "base_url_ws_stream" in BinanceExecClientConfig.__struct_fields__:
    execution = BinanceExecClientConfig(**account, base_url_ws={place.ws + "/ws-fapi/v1"!r}, base_url_ws_stream={place.ws!r})
else:  # older releases: the user stream alone
    execution = BinanceExecClientConfig(**account, base_url_ws={place.ws!r})
"""


def _python_binance_text(place: Place) -> str:
    lines = "".join(f"    kind.{name} = {value!r}\n" for name, value in python_binance_addresses(place).items())
    return f"""\
# python-binance: its addresses belong to its classes, so they are set before a client is made
from binance import AsyncClient, BinanceSocketManager, Client

for kind in (Client, AsyncClient):
{lines}BinanceSocketManager.FSTREAM_URL = {place.ws + "/"!r}

client = Client({place.api_key!r}, {place.secret!r})
"""


def _connector_text(place: Place) -> str:
    return f"""\
# binance-futures-connector
from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient

client = UMFutures(key={place.api_key!r}, secret={place.secret!r}, base_url={place.url!r})


def listen(on_message):
    return UMFuturesWebsocketClient(stream_url={place.ws!r}, on_message=on_message)
"""


def _sdk_text(place: Place) -> str:
    return f"""\
# binance-sdk-derivatives-trading-usds-futures
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

key, secret = {place.api_key!r}, {place.secret!r}
client = DerivativesTradingUsdsFutures(
    config_rest_api=ConfigurationRestAPI(api_key=key, api_secret=secret, base_path={place.url!r}),
    config_ws_api=ConfigurationWebSocketAPI(api_key=key, api_secret=secret, stream_url={place.ws + "/ws-fapi/v1"!r}),
    config_ws_streams=ConfigurationWebSocketStreams(stream_url={place.ws!r}),
)
"""


def _literal(value: dict[str, Any]) -> str:
    """A dict as Python writes it, over several lines."""
    return json.dumps(value, indent=4).replace("true", "True").replace("false", "False")


_CLIENTS: dict[str, tuple[Callable[[Place], dict[str, Any]], Callable[[Place], str]]] = {
    "ccxt": (_ccxt, _ccxt_text),
    "freqtrade": (_freqtrade, _freqtrade_text),
    "nautilus": (_nautilus, _nautilus_text),
    "python-binance": (_python_binance, _python_binance_text),
    "connector": (_connector, _connector_text),
    "sdk": (_sdk, _sdk_text),
}
CLIENTS = tuple(_CLIENTS)


def configuration(client: str, place: Place) -> dict[str, Any]:
    """What a client has to be told. Errors  InputError names the clients that are known."""
    return _known(client)[0](place)


def configuration_text(client: str, place: Place) -> str:
    """The same as it is written down: a program's beginning, or a configuration file. Errors  as `configuration`."""
    return _known(client)[1](place)


def _known(client: str) -> tuple[Callable[[Place], dict[str, Any]], Callable[[Place], str]]:
    if client not in _CLIENTS:
        raise InputError(f"client {client!r}: is not known; expected one of {', '.join(CLIENTS)}")
    return _CLIENTS[client]
