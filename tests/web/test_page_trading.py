"""The page in a browser as a trader's desk: kinds of orders, lines moved by pointer and key, closing, exits, history, alarms, themes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.web.conftest import PHONE, Venue
from tests.web.test_page_browser import faults_of, state_of, to_liquidation

pytest.importorskip("playwright", reason="pip install playwright")
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page


def open_demo(page: Page, stop: str = "") -> None:
    """The demo trade, time standing still."""
    page.get_by_label("Stop, mark").fill(stop)
    page.get_by_role("button", name="Place it, time stays still").click()
    expect(page.get_by_test_id("liquidation-BTCUSDT")).to_be_visible()


def trigger_of(page: Page) -> str:
    """Of the only stop there is."""
    (stop,) = (one for one in state_of(page)["orders"] if one["order_type"] == "stop market")
    price: str = stop["trigger_price"]
    return price


def drag_up(page: Page, line: Locator) -> None:
    """Take hold of a line and move it twelve pixels up. The scale may move under a pointer that has not taken hold yet: try again."""
    for _ in range(10):
        line.hover()
        box = line.bounding_box()
        assert box is not None
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 12, steps=4)
        page.wait_for_timeout(200)
        if "not sent" in (line.get_attribute("aria-valuetext") or ""):
            return
        page.mouse.up()


def test_the_line_of_an_order_is_moved_by_key_and_by_pointer(page: Page) -> None:
    stop = page.get_by_role("slider", name="Move new stop, BTCUSDT")
    page.get_by_label("Stop, mark").fill("57500")
    stop.press("ArrowUp")  # of the form: at once
    expect(page.get_by_label("Stop, mark")).to_have_value("57557.5")
    open_demo(page, "57500")
    line = page.get_by_role("slider", name="Move stop, BTCUSDT")
    line.focus()
    line.press("PageUp")
    expect(line).to_have_attribute("aria-valuetext", re.compile(r"58,075.0, not sent"))
    line.press("Escape")
    expect(line).to_have_attribute("aria-valuetext", "57,500.0")
    line.press("Shift+ArrowUp")  # a tick
    line.press("Enter")
    expect(line).to_have_attribute("aria-valuetext", "57,500.1")
    assert trigger_of(page) == "57500.1"
    drag_up(page, line)
    expect(line).to_have_attribute("aria-valuetext", re.compile("not sent"))
    page.mouse.up()
    expect(page.get_by_text("The stop is at")).to_be_visible()
    assert float(trigger_of(page)) > 57_600
    for _ in range(6):
        line.press("PageUp")
    before = trigger_of(page)
    line.press("Enter")  # beyond the mark: refused, and back where it was
    expect(page.get_by_text("it would trigger at once")).to_be_visible()
    assert trigger_of(page) == before
    expect(line).not_to_have_attribute("aria-valuetext", re.compile("not sent"))


@pytest.mark.full
def test_a_quarter_of_a_position_is_closed_as_the_dialog_says(page: Page) -> None:
    open_demo(page)
    page.get_by_role("button", name="Close BTCUSDT").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="25 %").click()
    told = dialog.get_by_test_id("close-preview")
    expect(told).to_contain_text("0.208 BTC at")
    after = re.search(r"Position after\s*([0-9.]+)", told.inner_text())
    assert after is not None
    dialog.get_by_role("button", name="Close 25 %").click()
    expect(dialog).not_to_be_visible()
    expect(page.get_by_test_id("positions")).to_contain_text(f"{after.group(1)} BTC")
    expect(page.get_by_role("button", name="Close BTCUSDT")).to_be_focused()


@pytest.mark.full
def test_every_kind_of_order_is_asked_in_both_modes_and_placed(page: Page) -> None:
    open_demo(page)
    page.get_by_role("group", name="Share of the most").get_by_role("button", name="100 %").click()
    place = page.get_by_test_id("place")
    expect(place).to_be_enabled()
    kind = page.get_by_label("Order that waits for a trigger")
    kind.select_option("stop_limit")
    page.get_by_label("Trigger, mark").fill("61000")
    page.get_by_label("Price", exact=True).fill("61100")
    expect(place).to_be_enabled()
    place.click()
    page.get_by_role("tab", name="Orders").click()
    orders = page.get_by_test_id("orders")
    expect(orders).to_contain_text("Stop")
    kind.select_option("trailing")
    page.get_by_label("Reduce-only").check()
    expect(page.get_by_role("button", name="Short", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(place).to_contain_text("Sell off")
    place.click()
    expect(orders).to_contain_text("Trailing stop market")
    page.get_by_label("Reduce-only").uncheck()
    page.get_by_role("button", name="Limit", exact=True).click()
    page.get_by_label("How long the order lives").select_option("GTX")
    page.get_by_role("button", name="Long", exact=True).click()
    page.get_by_label("Price", exact=True).fill("61000")
    expect(page.get_by_test_id("preview")).to_contain_text("post-only")
    expect(place).to_be_disabled()
    page.get_by_label("Price", exact=True).fill("59000")
    place.click()
    expect(orders).to_contain_text("post-only")
    page.get_by_role("tab", name="Positions").click()
    page.get_by_role("button", name="Exits of BTCUSDT").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Stop").fill("54000")
    expect(dialog).to_contain_text("it protects nothing")
    dialog.get_by_label("Stop").fill("57000")
    expect(dialog.get_by_test_id("exits-preview")).to_contain_text("Stopped out at 57,000.00")
    assert faults_of(page) == []
    dialog.get_by_role("button", name="Place").click()
    expect(page.get_by_role("slider", name="Move stop, BTCUSDT").first).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_test_id("history-orders")).to_contain_text("Filled")
    page.get_by_role("group", name="History of").get_by_role("button", name="Wallet").click()
    expect(page.get_by_test_id("history-income")).to_contain_text("Trading fee")
    assert faults_of(page) == []
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV, all of it").click()
    assert file.value.path().read_text().startswith("time,time_ms,symbol,what,amount")


@pytest.mark.full
def test_modes_and_leverage_of_all_contracts_are_on_one_screen(page: Page) -> None:
    page.get_by_role("button", name="Contracts").click()
    table = page.get_by_test_id("contracts")
    row = table.get_by_role("row", name=re.compile("ETHUSDT"))
    expect(row).to_contain_text("venue default")
    row.get_by_role("button", name="Isolated").click()
    row.get_by_label(re.compile("Leverage of ETHUSDT")).fill("7")
    row.get_by_role("button", name="Set the leverage of ETHUSDT").click()
    expect(row).not_to_contain_text("venue default")
    settings = state_of(page)["settings"]["ETHUSDT"]
    assert (settings["mode"], settings["leverage"]) == ("isolated", 7)
    row.get_by_label(re.compile("Leverage of ETHUSDT")).fill("500")
    row.get_by_role("button", name="Set the leverage of ETHUSDT").click()
    expect(table.get_by_role("alert")).to_contain_text("500")
    assert faults_of(page) == []


def test_the_book_is_shown_in_wider_rows(page: Page) -> None:
    book = page.get_by_role("region", name="Order book")
    expect(book).to_contain_text("spread")
    book.get_by_label("Prices that a row of the book holds").select_option("100")
    expect(book).not_to_contain_text("spread")
    bids = book.get_by_role("button", name=re.compile("^bid "))
    expect(bids.first).to_have_attribute("aria-label", re.compile(r"^bid [\d,]+0\.0 "))
    bids.first.click()
    assert page.get_by_label("Price", exact=True).input_value().endswith("0")
    assert faults_of(page) == []


@pytest.mark.full
def test_an_alarm_is_told_when_liquidation_comes_near(page: Page) -> None:
    open_demo(page)
    page.get_by_role("button", name="Alarms").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Falls to, %").fill("6")
    dialog.get_by_role("button", name="Set the alarm").click()
    expect(dialog.get_by_test_id("alarms")).to_contain_text("Liquidation comes within 6 %")
    assert faults_of(page) == []
    page.keyboard.press("Escape")
    to_liquidation(page)
    alarm = page.get_by_role("alert").filter(has_text="Alarm.")
    expect(alarm).to_contain_text("your line is 6 %")
    alarm.get_by_role("button", name="Heard").click()
    expect(alarm).not_to_be_visible()


@pytest.mark.full
@pytest.mark.parametrize("size", [None, PHONE], ids=["wide", "phone"])
def test_the_light_theme_shuts_nobody_out_and_is_kept(
    context: BrowserContext, crash: Venue, size: dict[str, int] | None
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme="light")
    if size is not None:
        page.set_viewport_size(size)  # type: ignore[arg-type]
    page.goto(crash.link)
    expect(page.get_by_test_id("play")).to_be_enabled(timeout=30_000)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert faults_of(page) == []
    page.get_by_role("button", name="Place it, time stays still").click()
    expect(page.get_by_test_id("liquidation-BTCUSDT")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    assert faults_of(page) == []
    page.get_by_role("button", name="Dark theme").click()
    page.reload()
    expect(page.get_by_role("button", name="Light theme")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert faults_of(page) == []


@pytest.mark.full
def test_a_world_is_forked_from_before_the_trade_and_left_again(page: Page) -> None:
    page.get_by_role("button", name="+1 min").click()
    page.get_by_role("button", name="+1 min").click()
    open_demo(page)
    page.get_by_role("button", name="Rewind").click()
    assert faults_of(page) == []
    page.get_by_role("dialog").get_by_role("button", name="A minute ago").click()
    expect(page.get_by_text("No position is open.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="back to the venue").click()
    expect(page.get_by_test_id("liquidation-BTCUSDT")).to_be_visible(timeout=30_000)


@pytest.mark.full
def test_the_checklist_says_why_an_order_should_not_be_sent(page: Page) -> None:
    page.get_by_text("Checklist", exact=True).click()
    rules = page.get_by_test_id("checklist")
    expect(rules).to_contain_text("of the equity, over")
    page.get_by_label("Stop, mark").fill("54000")
    expect(rules).to_contain_text("is beyond liquidation")
    page.get_by_label("Stop, mark").fill("59500")
    expect(rules).not_to_contain_text("is beyond liquidation")
    assert faults_of(page) == []


@pytest.mark.full
def test_a_size_for_a_risk_is_asked_with_every_key(page: Page) -> None:
    page.get_by_label("Stop, mark").fill("58500")
    page.get_by_label("Take profit").fill("66000")
    page.get_by_role("button", name="Enter a quantity").click()
    page.get_by_role("button", name="Enter what may be lost").click()
    page.get_by_label("Risk at stop, USDT").fill("100")
    row = page.get_by_role("row", name=re.compile("At the stop, fees in"))
    expect(row).to_contain_text("−9")
    expect(page.get_by_role("row", name=re.compile("Reward to risk")).first).to_contain_text(": 1")
    assert int(page.get_by_test_id("asked-in").text_content() or "999") < 1_000
