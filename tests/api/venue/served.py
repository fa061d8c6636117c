"""A venue of this dialect that is really served: by uvicorn, on a free port, from a thread of this process.

Prices and ladders are set by the test; a past of two days comes from a seed, so that candles are there. No wire name here.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import uvicorn

from isocross import rulebook
from isocross.codes import CommandKind
from isocross.exchange import Exchange
from isocross.journal.history import Genesis
from isocross.market.synthetic import Synthetic
from isocross.units import ONE_E8
from isocross.venue.accounts import Account, Accounts
from isocross.venue.binance.app import BinanceApp
from isocross.venue.binance.desk import Settings
from isocross.venue.clock import VenueClock
from isocross.venue.engine import EphemeralExchange
from isocross.venue.keepalive import KeepaliveProtocol
from isocross.venue.readmodels.models import ReadModels
from isocross.venue.sequencer import Done, VenueCore

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BTCUSDC")
PRICES = {"BTCUSDT": 50_000, "ETHUSDT": 2_500, "BTCUSDC": 50_000}
DEPOSIT = 10_000
Answer = TypeVar("Answer")


class Served:
    """The venue, its accounts `alice` and `bob` with 10,000 USDT each, and `.url`, `.ws`."""

    def __init__(self, settings: Settings | None = None, past_days: int = 2) -> None:
        self._settings = settings or Settings()
        self._past_days = past_days
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="served venue", daemon=True)
        self._failure: BaseException | None = None
        self.accounts: dict[str, Account] = {}
        self._clients: list[Client] = []

    def __enter__(self) -> Served:
        Exchange(rulebook.load("binance-usdm"), SYMBOLS).submit(
            CommandKind.ADVANCE_CLOCK
        )  # compiles where nobody waits
        self._thread.start()
        assert self._ready.wait(60), "the venue did not start"
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.http.close()
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    # ---- what a test does to the market

    def call(self, function: Callable[[], Answer]) -> Answer:
        """Run something in the venue's thread, and wait until what it did is committed."""

        async def run() -> Answer:
            answer = function()
            await self.core.gate.passed(self.core.position)
            return answer

        return self.wait(run())

    def wait(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def do(self, kind: CommandKind, **fields: Any) -> Done:
        done = self.call(lambda: self.core.apply(kind, **fields))
        assert done.is_accepted, done.refusal
        return done

    def price(self, symbol: str, price: float, ladder: bool = True) -> None:
        """Index and mark, and the maker's ladder around them."""
        row, e8 = SYMBOLS.index(symbol), round(price * ONE_E8)
        if ladder:
            self.quote(symbol, price)
        self.do(CommandKind.PRICES, records=[{"symbol": row, "index_e8": e8, "mark_e8": e8}])

    def quote(self, symbol: str, price: float, scale: float = 1.0) -> None:
        self.do(
            CommandKind.QUOTE,
            symbol=SYMBOLS.index(symbol),
            mid_e8=round(price * ONE_E8),
            half_spread_rate_e8=2_000,
            spacing_rate_e8=2_000,
            level_notional_e8=100_000 * ONE_E8,
            level_count=20,
            scale_e8=round(scale * ONE_E8),
        )

    def fund(self, symbol: str, rate: float) -> None:
        self.do(
            CommandKind.SETTLE_FUNDING, records=[{"symbol": SYMBOLS.index(symbol), "rate_e8": round(rate * ONE_E8)}]
        )

    def new_account(self, name: str, deposit: int = DEPOSIT, asset: int = 0) -> Account:
        def make() -> Account:
            account = self.core.accounts.new(name)
            self.core.apply(CommandKind.CREATE_ACCOUNT, account=account.row)
            self.core.apply(CommandKind.DEPOSIT, account=account.row, asset=asset, amount_e8=deposit * ONE_E8)
            return account

        self.accounts[name] = self.call(make)
        return self.accounts[name]

    def do_deposit(self, account: Account, asset: int = 0, amount: int = DEPOSIT) -> None:
        self.do(CommandKind.DEPOSIT, account=account.row, asset=asset, amount_e8=amount * ONE_E8)

    # ---- what a test asks

    def client(self, name: str) -> Client:
        self._clients.append(Client(self, self.accounts[name]))
        return self._clients[-1]

    # ---- the thread

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self._failure = failure
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        book = rulebook.load("binance-usdm")
        genesis = Genesis(book, SYMBOLS)
        start_ms = int(time.time() * 1000) - 1_000
        self.core = VenueCore.ephemeral(EphemeralExchange(genesis), VenueClock(start_ms), Accounts())
        self.core.models = ReadModels(self.core)
        rules = [book.symbols[symbol] for symbol in SYMBOLS]
        prices_e8 = {symbol: price * ONE_E8 for symbol, price in PRICES.items()}
        source = Synthetic(rules, seed=1, start_ms=start_ms - start_ms % 60_000, prices_e8=prices_e8)
        if self._past_days:
            self.core.models.put(source.past(self._past_days))
        for symbol, price in PRICES.items():
            row, e8 = SYMBOLS.index(symbol), price * ONE_E8
            self.core.apply(CommandKind.PRICES, records=[{"symbol": row, "index_e8": e8, "mark_e8": e8}])
        await self.core.gate.passed(self.core.position)
        self.app = BinanceApp(self.core, self._settings)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else no TCP_NODELAY
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            log_level="warning",
            lifespan="off",
            ws=KeepaliveProtocol,
            ws_max_size=1 << 20,
            ws_ping_interval=None,
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        running = asyncio.ensure_future(self._server.serve(sockets=[listener]))
        while not self._server.started:
            await asyncio.sleep(0.01)
        threading.Thread(target=self._fill, daemon=True).start()
        await running
        await self.app.close()

    def _fill(self) -> None:
        """Ladders and accounts, through the running loop."""
        try:
            for symbol, price in PRICES.items():
                self.quote(symbol, price)
            self.do(CommandKind.FUND_DEPOSIT, amount_e8=1_000_000 * ONE_E8)
            self.new_account("alice")
            self.new_account("bob")
        except BaseException as failure:
            self._failure = failure
        self._ready.set()


class Refused(Exception):
    """An answer with a code."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.code, self.text = status, body["code"], body["msg"]


class Client:
    """A plain signed client."""

    def __init__(self, venue: Served, account: Account) -> None:
        self.venue, self.account = venue, account
        self.http = httpx.Client(base_url=venue.url, headers={"X-MBX-APIKEY": account.api_key})

    def ask(self, method: str, path: str, **parameters: Any) -> Any:
        answer = self.send(method, path, **parameters)
        body = answer.json()
        assert answer.headers["content-type"].startswith("application/json")
        if answer.status_code != 200:
            raise Refused(answer.status_code, body)
        return body

    def send(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        parameters.setdefault("timestamp", int(time.time() * 1000))
        query = urlencode(parameters)
        return self.http.request(method, f"{path}?{query}&signature={self.signature(query)}")

    def signature(self, payload: str) -> str:
        return hmac.new(self.account.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    def get(self, path: str, **parameters: Any) -> Any:
        return self.ask("GET", path, **parameters)

    def post(self, path: str, **parameters: Any) -> Any:
        return self.ask("POST", path, **parameters)

    def put(self, path: str, **parameters: Any) -> Any:
        return self.ask("PUT", path, **parameters)

    def delete(self, path: str, **parameters: Any) -> Any:
        return self.ask("DELETE", path, **parameters)

    def refused(self, method: str, path: str, **parameters: Any) -> tuple[int, str]:
        """Code and text of a refusal."""
        try:
            answer = self.ask(method, path, **parameters)
        except Refused as refused:
            return refused.code, refused.text
        raise AssertionError(f"{method} {path} {parameters} was not refused: {answer}")

    def order(
        self, symbol: str, side: str, quantity: float | str, price: float | str | None = None, **more: Any
    ) -> Any:
        if price is None:
            return self.post("/fapi/v1/order", symbol=symbol, side=side, type="MARKET", quantity=quantity, **more)
        more.setdefault("timeInForce", "GTC")
        return self.post(
            "/fapi/v1/order", symbol=symbol, side=side, type="LIMIT", quantity=quantity, price=price, **more
        )
