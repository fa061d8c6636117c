"""Receipts: their data, their page, the list of them, and what would have saved the account."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import isocross as ix
from isocross.codes import CommandKind, EventKind, LiquidationStep, MarginMode
from isocross.errors import InputError
from isocross.sandbox import Sandbox
from isocross.units import format_e8
from isocross.worlds import add_margin, after, before, branch, flip_mode, insert, place_stop, set_leverage
from isocross.worlds.receipt import AdlReceipt, Receipt
from isocross.worlds.receipt.rescue import RescueKind, rescues
from isocross.worlds.receipt.text import WIDTH
from tests.golden.scenario import play

STORIES = (
    "receipt_isolated",
    "receipt_cross_three_positions",
    "receipt_gap_fund_adl",
    "hybrid",
    "three_isolated_leverages",
)


@pytest.fixture(scope="module")
def gap() -> Sandbox:
    """Alice's isolated long, handed to the fund, to carol and to the house; then dave's pool."""
    return play("receipt_gap_fund_adl").box


@pytest.fixture(scope="module")
def pool() -> Sandbox:
    """Bob's pool of three positions."""
    return play("receipt_cross_three_positions").box


@pytest.fixture(scope="module")
def steps() -> Sandbox:
    """Alice's isolated long, cut in the book."""
    return play("receipt_isolated").box


# ---- what it says


def test_a_receipt_says_who_what_and_where(gap: Sandbox) -> None:
    one = gap.receipts[0]
    assert isinstance(one, Receipt)
    assert (one.number, one.name(one.account), one.asset) == (1, "alice", "USDT")
    assert one.margin_mode == MarginMode.ISOLATED
    assert one.step == LiquidationStep.TAKEN_OVER
    assert one.backing_e8 + one.positions[0].unrealized_pnl_e8 == one.balance_e8
    assert [part.taker for part in one.handed_over] == [0, 3, 1]
    assert [one.name(skipped.account) for skipped in one.passed_over] == ["dave"]
    assert one.passed_over[0].balance_e8 < 0
    assert sum(part.value_e8 for part in one.handed_over) == one.positions[0].entry_cost_e8 - one.backing_e8


def test_who_is_deleveraged_has_a_receipt_of_her_own(gap: Sandbox) -> None:
    one = gap.receipts[1]
    assert isinstance(one, AdlReceipt)
    assert (one.name(one.account), one.name(one.liquidated), one.liquidation, one.rank) == ("carol", "alice", 1, 1)
    assert (one.lots, one.lots_before) == (500, -500)
    assert len(one.cancelled) == 1
    assert one.realized_e8 == one.parties[1].cross_e8


def test_an_account_told_twice_in_one_command_has_two_receipts(gap: Sandbox) -> None:
    assert [type(one) for one in gap.receipts] == [Receipt, AdlReceipt, Receipt]
    assert [one.number for one in gap.receipts] == [1, 2, 3]
    assert {one.place.sequence for one in gap.receipts} == {25}


def test_the_bracket_is_the_one_of_the_rulebook(pool: Sandbox) -> None:
    one = pool.receipts[0]
    assert isinstance(one, Receipt)
    for judged in one.positions:
        bracket = one.rules(judged.symbol).brackets[judged.bracket - 1]
        assert bracket.rate_e8 == judged.bracket_rate_e8
        notional = abs(judged.entry_cost_e8 + judged.unrealized_pnl_e8)
        assert bracket.floor_e8 <= notional < bracket.cap_e8
        assert judged.maintenance_e8 == -(-notional * bracket.rate_e8 // 10**8) - bracket.deduction_e8


def test_what_used_the_pool_makes_its_balance(pool: Sandbox) -> None:
    one = pool.receipts[0]
    assert isinstance(one, Receipt)
    uses = {use.name: use for use in one.story.uses}
    assert list(uses) == ["start", "BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT", "transfers"]
    assert uses["start"].sum_e8 == 12_000 * 10**8
    assert uses["transfers"].moved_e8 == 500 * 10**8
    assert uses["DOGEUSDT"].moved_e8 == -80_02000000
    assert uses["BTCUSDT"].funding_e8 == -17_10000000
    assert sum(use.sum_e8 for use in one.story.uses) == one.balance_e8


def test_the_marks_begin_at_the_opening_and_end_where_it_fired(steps: Sandbox) -> None:
    one = steps.receipts[0]
    assert isinstance(one, Receipt)
    (path,) = one.story.marks
    assert [mark // 10**8 for mark in path.mark_e8] == [60_000, 58_000, 55_500, 54_200]
    assert path.left_out == 0


def test_very_many_marks_are_thinned_and_the_extremes_stay() -> None:
    box = Sandbox(BTCUSDT=60_000)
    me = box.account("me", USDT=1_000)
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    me.buy("BTCUSDT", qty="0.1")
    for number in range(900):
        box.mark(BTCUSDT=60_000 + (number * 7919) % 900, keep_book=True)
    box.mark(BTCUSDT=57_000)
    one = box.receipts[0]
    assert isinstance(one, Receipt)
    (path,) = one.story.marks
    assert len(path.mark_e8) + path.left_out == 902
    assert len(path.mark_e8) <= 401
    assert max(path.mark_e8) == 60_899 * 10**8
    assert (path.mark_e8[0], path.mark_e8[-1]) == (60_000 * 10**8, 57_000 * 10**8)
    assert "not shown one by one" in one.text()


@pytest.mark.parametrize("story", STORIES)
def test_a_receipt_fits_eighty_columns_and_its_data_sums_to_zero(story: str) -> None:
    box = play(story).box
    assert len(box.receipts) == sum(
        int((box.events["kind"] == kind).sum()) for kind in (EventKind.LIQUIDATION_ENDED, EventKind.ADL)
    )
    assert len(box.receipts)
    for one in box.receipts:
        assert max(map(len, one.text().split("\n"))) <= WIDTH
        data = json.loads(json.dumps(one.to_dict()))
        assert data["schema"] == "isocross.receipt/1"
        assert data["sum"] == "0"
        assert sum(Decimal(line["net"]) for line in data["parties"]) == 0
        for line in data["parties"]:
            wallets = Decimal(line["cross_wallet"]) + Decimal(line["isolated_wallet"])
            assert wallets - Decimal(line["entry_cost"]) == Decimal(line["net"])
        if data["kind"] == "liquidation":
            assert sum(Decimal(use["sum"]) for use in data["uses"]) == Decimal(data["margin_balance"])
        assert one.frame.height == len(one.parties)
        assert one.shown().title.startswith(f"Receipt {one.number}: ")
        assert "<table>" in one._repr_html_()


# ---- the page


class Page(HTMLParser):
    """What a page consists of."""

    VOID = ("meta", "br", "hr", "img", "link", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(one: Any) -> tuple[str, Page]:
    text = one.html()
    return text, Page(text)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_page_needs_nothing_but_itself(gap: Sandbox, number: int) -> None:
    text, page = page_of(gap.receipts.numbered(number))
    outside = {"script", "link", "img", "iframe", "object", "embed", "video", "audio", "base", "form", "use", "image"}
    assert not outside & page.tags.keys()
    assert not [found for found in page.attributes if found[1] in ("src", "href", "xlink:href", "action", "srcset")]
    assert not [found for found in page.attributes if found[1].startswith("on")]
    addresses = set(re.findall(r"[a-z]+://[^\s\"'<>]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "url(" not in text
    assert "@import" not in text
    policy = next(value for tag, name, value in page.attributes if name == "content" and tag == "meta")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_page_can_be_listened_to_and_read_in_the_dark(gap: Sandbox) -> None:
    text, page = page_of(gap.receipts[0])
    assert ("html", "lang", "en") in page.attributes
    assert page.tags["h1"] == 1
    names = [value for _, name, value in page.attributes if name == "id"]
    assert len(names) == len(set(names))
    for _, name, value in page.attributes:
        if name in ("aria-labelledby", "aria-describedby"):
            assert set((value or "").split()) <= set(names)
    assert page.tags["section"] == sum(
        name == "aria-labelledby" and tag == "section" for tag, name, _ in page.attributes
    )
    scopes = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert len(scopes) == page.tags["th"]
    assert ("svg", "role", "img") in page.attributes
    assert text.count("prefers-color-scheme:dark") == 2  # page and picture


def test_the_picture_stands_alone(gap: Sandbox) -> None:
    one = gap.receipts[0]
    assert isinstance(one, Receipt)
    root = ElementTree.fromstring(one.svg())
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title") is not None
    assert root.find(f"{space}desc") is not None
    words = " ".join(element.text or "" for element in root.iter(f"{space}text"))
    for told in (
        "entry 60,008.34",
        "bankruptcy 54,000.00",
        "judged at 50,100.00",
        "Unrealized",
        "insurance fund",
        "1 min from the opening",
    ):
        assert told in words
    width = float(root.attrib["viewBox"].split()[2])
    for bar in root.iter(f"{space}rect"):
        assert float(bar.attrib["x"]) >= 0
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width


def test_names_are_escaped() -> None:
    box = Sandbox(BTCUSDT=60_000)
    me = box.account("<b>&\"'", USDT=1_000)
    me.configure("BTCUSDT", mode="isolated", leverage=20)
    me.buy("BTCUSDT", qty="0.1")
    box.mark(BTCUSDT=50_000)
    text, page = page_of(box.receipts[0])
    assert "<b>" not in text
    assert "b" not in page.tags
    assert "&lt;b&gt;&amp;" in text
    ElementTree.fromstring(box.receipts[0].svg())  # type: ignore[union-attr]


def test_it_is_written_as_its_file_says(gap: Sandbox, tmp_path: Path) -> None:
    one, other = gap.receipts[0], gap.receipts[1]
    assert one.save(tmp_path / "a.html").read_text(encoding="utf-8") == one.html()
    assert json.loads(one.save(tmp_path / "a.json").read_text(encoding="utf-8")) == one.to_dict()
    assert one.save(tmp_path / "a.txt").read_text(encoding="utf-8") == one.text() + "\n"
    assert one.save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg ")
    with pytest.raises(InputError, match=r"a\.doc ends in none of \.html, \.json, \.svg, \.txt"):
        one.save(tmp_path / "a.doc")
    with pytest.raises(InputError, match=r"a\.svg ends in none of \.html, \.json, \.txt"):
        other.save(tmp_path / "a.svg")


def test_a_notebook_gets_a_figure(pool: Sandbox) -> None:
    one = pool.receipts[0]
    figure = one.plot()
    assert len(figure.axes) == 4
    assert pool.receipts[:1].plot() is not None


# ---- the list


def test_the_list_is_a_line_each(gap: Sandbox) -> None:
    lines = repr(gap.receipts).split("\n")
    assert len(lines) == 4
    assert lines[1].split()[-1] == "-9,012.5136"
    assert "deleveraged" in lines[2]
    assert max(map(len, lines)) <= WIDTH
    assert gap.receipts.frame.height == 3
    assert [one.number for one in gap.receipts.of("alice")] == [1]
    assert [one.number for one in gap.receipts[1:]] == [2, 3]
    assert [one["number"] for one in gap.receipts.to_dict()["receipts"]] == [1, 2, 3]


def test_a_number_that_is_not_there_is_named(gap: Sandbox) -> None:
    with pytest.raises(InputError, match=r"receipt 4: expected one of 1 … 3"):
        gap.receipts.numbered(4)
    with pytest.raises(InputError, match=r"receipt 0: expected one of 1 … 3"):
        ix.receipt(gap, 0)
    calm = Sandbox(BTCUSDT=60_000)
    assert repr(calm.receipts) == "No receipts: nobody was liquidated or deleveraged"
    with pytest.raises(InputError, match=r"receipt 1: there is none: nobody was liquidated or deleveraged"):
        ix.receipt(calm, 1)


def test_lived_again_they_are_the_same(gap: Sandbox) -> None:
    again = ix.receipts(gap.world)
    assert again.to_dict() == gap.receipts.to_dict()
    assert ix.receipt(gap.world, 2).to_dict() == gap.receipts[1].to_dict()
    assert ix.receipt(gap.world).to_dict() == gap.receipts[2].to_dict()
    plain = ix.receipt(gap.world.history, 1, names={"Alicia": 2}, compiled=False)
    assert plain.name(plain.account) == "Alicia"


# ---- what would have saved the account


def lives(box: Sandbox, one: Receipt, *changes: Any) -> bool:
    """Whether what was judged is not liquidated in a branch up to there, by the public branch alone."""
    world = branch(box.world, *changes, at=after(one.place.sequence), upkeep=box.upkeep())
    mine = [each for each in world.liquidations if each.account == one.account]
    if one.is_isolated:
        return not [each for each in mine if each.symbol == box.symbols.index(one.positions[0].symbol)]
    return not [each for each in mine if each.margin_mode == MarginMode.CROSS]


@pytest.mark.parametrize("story", ["receipt_isolated", "receipt_gap_fund_adl", "three_isolated_leverages"])
def test_one_unit_less_margin_and_it_does_not_live(story: str) -> None:
    box = play(story).box
    one = next(each for each in box.receipts if isinstance(each, Receipt) and each.is_isolated)
    (found,) = one.what_would_have_saved_you().of("margin")
    assert found.saves
    assert found.amount_e8 is not None
    symbol, at = one.positions[0].symbol, before(one.place.sequence)
    money = []
    if found.deposit_e8:
        money = [insert(CommandKind.DEPOSIT, at=at, account=one.account, asset=0, amount_e8=found.deposit_e8)]
    text = [format_e8(amount) for amount in (found.amount_e8, found.amount_e8 - 1)]
    assert lives(box, one, *money, add_margin(one.account, symbol, text[0], at=at))
    assert not lives(box, one, *money, add_margin(one.account, symbol, text[1], at=at))


def test_one_step_more_leverage_and_it_does_not_live(gap: Sandbox) -> None:
    one = gap.receipts[0]
    assert isinstance(one, Receipt)
    (found,) = one.what_would_have_saved_you().of(RescueKind.LEVERAGE)
    assert not found.saves
    assert "at 10x it is liquidated all the same, at 9x its orders are refused" in found.text  # 10,001 of 10,000
    box = play("receipt_isolated").box
    cut = box.receipts[0]
    assert isinstance(cut, Receipt)
    (found,) = cut.what_would_have_saved_you().of("leverage")
    opened = after(cut.story.opened["BTCUSDT"].sequence)
    assert found.leverage is not None
    assert lives(box, cut, set_leverage(cut.account, "BTCUSDT", found.leverage, since=opened))
    assert not lives(box, cut, set_leverage(cut.account, "BTCUSDT", found.leverage + 1, since=opened))


def test_one_tick_further_and_the_stop_comes_too_late(pool: Sandbox) -> None:
    one = pool.receipts[0]
    assert isinstance(one, Receipt)
    stops = {each.symbol: each for each in one.what_would_have_saved_you().of("stop")}
    assert [symbol for symbol, each in stops.items() if each.saves] == ["BTCUSDT", "ETHUSDT"]
    for symbol in ("BTCUSDT", "ETHUSDT"):
        price_e8, tick_e8 = stops[symbol].amount_e8, one.rules(symbol).tick_e8
        assert price_e8 is not None
        opened = after(one.story.opened[symbol].sequence)
        nearer, further = (Decimal(value) / 10**8 for value in (price_e8, price_e8 - tick_e8))
        assert lives(pool, one, place_stop(one.account, symbol, nearer, at=opened))
        assert not lives(pool, one, place_stop(one.account, symbol, further, at=opened))


def test_the_other_mode_is_what_the_branch_says(pool: Sandbox) -> None:
    one = pool.receipts[0]
    assert isinstance(one, Receipt)
    for found in one.what_would_have_saved_you().of("mode"):
        assert found.mode == MarginMode.ISOLATED
        opened = after(one.story.opened[found.symbol].sequence)
        change = flip_mode(one.account, found.symbol, to="isolated", since=opened)
        assert lives(pool, one, change) == found.saves
        world = branch(pool.world, change, at=after(one.place.sequence), upkeep=pool.upkeep())
        assert world.exchange.wallet(one.account, "USDT").equity_e8 == found.equity_e8


def test_what_would_have_saved_the_account_is_part_of_the_receipt(steps: Sandbox) -> None:
    one = steps.receipts[0]
    assert isinstance(one, Receipt)
    whole = one.with_rescues()
    assert one.to_dict()["what_would_have_saved_you"] is None
    told = whole.to_dict()["what_would_have_saved_you"]
    assert [change["change"] for change in told["changes"]] == ["margin", "leverage", "stop", "mode"]
    assert told["changes"][0]["margin"] == "38.01400001"
    assert "What would have saved you" in whole.text()
    assert "What would have saved you" in whole.html()
    assert whole.what_would_have_saved_you() is whole.rescues
    assert not whole.rescues.is_negative  # type: ignore[union-attr]
    assert whole.rescues.frame.height == 4  # type: ignore[union-attr]
    assert "more margin" in repr(whole.rescues)


def test_of_another_history_there_is_no_answer(gap: Sandbox, pool: Sandbox) -> None:
    one = gap.receipts[0]
    assert isinstance(one, Receipt)
    with pytest.raises(InputError, match=r"receipt 1 is not of this history"):
        rescues(pool.world.history, one)
    with pytest.raises(InputError, match=r"receipt 1 is not of this history"):
        rescues(Sandbox(BTCUSDT=60_000).world.history, one)
