"""Keepalive: pings whose payload reads as text, and the end of a peer that answers none."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from isocross.venue.keepalive import KeepaliveProtocol

from .served import Served

EVERY_S, SILENT_S = 0.05, 0.3


async def heard(url: str, *, answers: bool, seconds: float) -> tuple[list[Any], bool]:
    """The frames of a stream that says nothing, and whether the connection is still there at the end."""
    client = ClientProtocol(parse_uri(url))
    reader, writer = await asyncio.open_connection("127.0.0.1", parse_uri(url).port)
    client.send_request(client.connect())
    frames: list[Any] = []
    until = time.monotonic() + seconds
    is_there = True
    while is_there and time.monotonic() < until:
        sent = client.data_to_send()
        if answers or not frames:
            writer.write(b"".join(sent))
        try:
            data = await asyncio.wait_for(reader.read(65_536), max(0.001, until - time.monotonic()))
        except TimeoutError:
            break
        is_there = bool(data)
        if data:
            client.receive_data(data)
            frames += [one for one in client.events_received() if isinstance(one, Frame)]
    writer.close()
    return frames, is_there


@pytest.fixture
def url(venue: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(KeepaliveProtocol, "ping_seconds", EVERY_S)
    monkeypatch.setattr(KeepaliveProtocol, "silent_seconds", SILENT_S)
    return f"{venue.ws}/ws/btcusdt@forceOrder"


def test_a_ping_is_the_time_as_text_and_who_answers_stays(url: str) -> None:
    before = time.time_ns() // 1_000_000
    frames, is_there = asyncio.run(heard(url, answers=True, seconds=3 * SILENT_S))
    pings = [int(one.data.decode()) for one in frames if one.opcode == Opcode.PING]
    assert is_there
    assert len(pings) >= 3
    assert pings == sorted(pings)
    assert before <= pings[0] <= pings[-1] <= time.time_ns() // 1_000_000


def test_who_answers_no_ping_is_let_go(url: str) -> None:
    frames, is_there = asyncio.run(heard(url, answers=False, seconds=20 * SILENT_S))
    assert not is_there
    assert frames[-1].opcode == Opcode.CLOSE
