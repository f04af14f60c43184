"""Answers that reach the page late, when it already asks for something else."""

import re

import pytest
from oracle import Bench, append, lines
from pages import Served
from tabs import (
    MARKS,
    OVERFITTING,
    BrowserContext,
    Late,
    Page,
    bench,
    browser,
    context,
    expect,
    go,
    page,
    ready,
    served,
    settle,
)

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, Alert
from watcher.outputs.text.findings import as_dict


pytestmark = MARKS
__all__ = ["bench", "browser", "context", "page", "served"]
CURVES = r"api/1/series.*[?&]w="
FACTS = r"api/1/run\?"
# Resolves when an event of the run reaches the tab.
EVENT = """(wanted) => ({ came: new Promise((done) => {
  new BroadcastChannel("gptwatch").onmessage = ({ data }) => {
    if (data.runs && data.runs["train.log"] && data.runs["train.log"][wanted]) done();
  };
}) })"""


def grow(page: Page, bench: Bench, text: bytes) -> None:
    """A log grows, and the page hears of it."""
    event = page.evaluate_handle(EVENT, "lines")
    append(bench.logs / "train.log", text)
    bench.look()
    event.evaluate("(event) => event.came")


def fire(bench: Bench) -> None:
    """An alert of the run fires."""
    finding = as_dict(OVERFITTING, "en")
    alert = Alert("overfitting@600", "overfitting", "warning", FIRING, finding, 0.0)
    with bench.store.transaction():
        outbox.save(bench.store.outbox, bench.rows()["train.log"].id, {"": alert})


def test_curves_of_the_axis_before(page: Page) -> None:
    """They change nothing: their window is one of steps, not of lines."""
    late = Late(page, r"api/1/series.*x=step")
    go(page, "#/run/train.log")
    late.wait()
    page.keyboard.press("x")
    late.release()
    page.keyboard.press("End")

    expect(page.locator(".readout")).to_contain_text("step 999 · line 1,010")


def test_a_line_that_came_while_curves_were_on_their_way(
    page: Page, bench: Bench
) -> None:
    """It is not lost, and does not make the page ask for the curves again."""
    go(page, "#/run/train.log?smooth=0")
    ready(page)
    settle(page)
    late = Late(page, CURVES)
    page.keyboard.press("y")
    late.wait()
    grow(page, bench, b"iter 1000: loss 3.2500, time 25.00ms\n")
    expect(page.locator(".figures")).to_contain_text("3.2500")
    asked = [route.request.url for route, _ in late.answers]
    assert len(asked) == len(set(asked))
    late.release()

    expect(page.locator(".hero .key b").first).to_have_text("3.2500")


def test_a_line_that_came_before_the_facts(page: Page, bench: Bench) -> None:
    """The answer is older than the event."""
    late = Late(page, FACTS)
    go(page, "#/run/train.log")
    late.wait()
    grow(page, bench, b"iter 1000: loss 3.2500, time 25.00ms\n")
    late.release()

    expect(page.locator(".figures")).to_contain_text("1,000")
    expect(page.locator(".hero .key b").first).to_have_text("3.2500")


def test_a_list_that_is_older_than_an_event(page: Page, bench: Bench) -> None:
    """The list is asked for again with a new alert, and a line comes meanwhile."""
    row = page.locator(".row", has_text="train.log")
    expect(row).to_contain_text("999 / 2,000")
    late = Late(page, r"api/1/runs\?")
    fire(bench)
    late.wait()
    grow(page, bench, lines(1000, 1004))
    expect(row).to_contain_text("1,003 / 2,000")
    late.release()

    expect(row).to_contain_text("1,003 / 2,000")


def test_the_first_evaluation(page: Page, bench: Bench) -> None:
    """Its curve comes without a reload."""
    append(bench.logs / "young.log", lines(0, 50))
    bench.look()
    go(page, "#/run/young.log")
    ready(page)
    expect(page.locator(".hero .key")).to_have_count(1)
    append(bench.logs / "young.log", b"step 50: train loss 4.5, val loss 4.6000\n")
    bench.look()

    expect(page.locator(".hero .key[data-colour=val]")).to_contain_text("4.6000")


def test_keys_before_there_is_a_run(page: Page) -> None:
    """They do nothing, and break nothing."""
    late = Late(page, FACTS)
    go(page, "#/run/train.log")
    late.wait()
    for key in ("x", "l", "s", "a", "f", "Enter", "ArrowLeft"):
        page.keyboard.press(key)
    late.release()

    ready(page)


def test_colours_before_there_is_a_comparison(page: Page) -> None:
    """They are used when it comes."""
    late = Late(page, r"api/1/compare")
    go(page, "#/compare?run=train.log&run=sub%2Fother.log")
    late.wait()
    page.get_by_role("button", name="theme").click()
    page.keyboard.press("+")
    late.release()

    expect(page.locator(".hero .key")).to_have_count(2)


def test_a_click_whose_pointer_moved_on(page: Page) -> None:
    """The line that was clicked opens."""
    go(page, "#/run/train.log?from=500&to=520")
    ready(page)
    settle(page)
    box = page.locator(".hero canvas").bounding_box()
    assert box
    late = Late(page, r"api/1/point")
    y = box["y"] + box["height"] / 2
    page.mouse.click(box["x"] + box["width"] * 0.5, y)
    late.wait()
    page.mouse.move(box["x"] + box["width"] * 0.9, y)
    late.release()

    expect(page.locator(".lens .here .text")).to_have_text(re.compile(r"^iter 5(09|1)"))


def test_lines_for_another_place_of_the_log(page: Page) -> None:
    """The lens has moved on; no line is missing in it."""
    go(page, "#/run/train.log?at=500")
    expect(page.locator(".lens .here")).to_have_attribute("data-line", "500")
    late = Late(page, r"api/1/lines.*n=300")
    page.locator(".lines").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    late.wait()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator(".lens .here")).to_have_attribute("data-line", "2")
    late.release()

    numbers = page.locator(".lens li").evaluate_all(
        "(rows) => rows.map((row) => Number(row.dataset.line))"
    )
    assert list(range(1, len(numbers) + 1)) == numbers


def test_a_page_that_was_left(page: Page) -> None:
    """It writes nothing into the address of the next one."""
    late = Late(page, r"api/1/point.*line=700")
    go(page, "#/run/train.log?at=700")
    late.wait()
    go(page, "#/run/train.log?from=100&to=200")
    expect(page).to_have_url(re.compile("from=100&to=200$"))
    ready(page)
    late.release()

    expect(page).to_have_url(re.compile("from=100&to=200$"))


@pytest.mark.parametrize("code", [503, 401])
def test_a_stream_that_is_refused(
    context: BrowserContext, served: Served, code: int
) -> None:
    """A browser gives up then; the page asks again by itself."""
    tab = context.new_page()
    tab.route(re.compile("api/1/events"), lambda route: route.fulfill(status=code))
    tab.goto(served.address)
    expect(tab.locator("body.lost")).to_be_attached()
    tab.unroute(re.compile("api/1/events"))

    expect(tab.locator("body.lost")).to_have_count(0)
