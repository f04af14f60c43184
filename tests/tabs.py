"""Tabs of a real browser: the page of three runs, and answers that come late."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import Bench, append, lines
from pages import Served

from watcher.analysis.finding import Finding
from watcher.outputs.text.findings import as_dict


playwright = pytest.importorskip("playwright.sync_api")
from playwright.sync_api import (  # noqa: E402 - behind the check
    APIResponse,
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    expect,
)


CHROMIUM = shutil.which("chromium")
# A browser beside other tests on two cores needs seconds to draw.
_PATIENCE_MS = 60_000.0
expect.set_options(timeout=_PATIENCE_MS)
__all__ = ["Browser", "BrowserContext", "Page", "expect"]
MARKS = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium"),
]
HOSTILE = "<img src=x onerror=document.title='owned'>.log"
OVERFITTING = Finding(
    "overfitting",
    "warning",
    600,
    since_step=400,
    evidence={"best": 5.0, "last": 6.0, "rise": 1.0, "unit": "nats/token"},
    confirmed_step=600,
)


def evaluations(start: int, end: int) -> bytes:
    """A log with an evaluation each hundred steps."""
    parts = []
    for step in range(start, end, 100):
        val = 5 + abs(step - 400) / 100
        parts.append(b"step %d: train loss 4.5, val loss %.4f\n" % (step, val))
        parts.append(lines(step, min(step + 100, end)))
    return b"".join(parts)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Three runs: one that overfits, one in a folder, one with a hostile name."""
    made = Bench(tmp_path)
    append(made.logs / "train.log", evaluations(0, 1000))
    (made.logs / "sub").mkdir()
    append(made.logs / "sub" / "other.log", evaluations(0, 300))
    append(made.logs / HOSTILE, b"<script>document.title='owned'</script>\n")
    append(made.logs / HOSTILE, lines(0, 20))
    made.look()
    judge(made, "train.log", OVERFITTING)
    yield made
    made.stop()


def judge(bench: Bench, name: str, *findings: Finding) -> None:
    """What the daemon's worker keeps of a run."""
    best = {"best_val": 5.0, "best_val_step": 400, "final_val": 10.0}
    diagnosis = {
        "summary": {**best, "evaluations": 10, "max_steps": 2000},
        "headline": "Overfitting since step 400",
        "findings": [as_dict(finding, "en") for finding in findings],
    }
    with bench.store.transaction():
        bench.store.set(
            bench.rows()[name].id, diagnosis=diagnosis, state={"state": "running"}
        )


@pytest.fixture
def served(bench: Bench) -> Iterator[Served]:
    """The server of the page."""
    with Served(bench.state) as server:
        yield server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile in English."""
    made = browser.new_context(locale="en-US", viewport={"width": 1400, "height": 900})
    made.set_default_timeout(_PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    """A tab; whatever the page complains of in its console fails the test."""
    tab = context.new_page()
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A lost connection is in the console, whatever the page makes of it.
        if message.type == "error" and "net::ERR" not in message.text:
            problems.append(message.text)

    tab.on("console", note)
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(served.address)
    expect(tab.locator("[data-ready]")).to_be_attached()
    yield tab
    assert [] == problems


def go(page: Page, hash_: str) -> None:
    """Another view of the same page."""
    page.goto(page.url.split("#")[0] + hash_)


def drawn(page: Page, selector: str = ".hero canvas") -> int:
    """How many pixels of a canvas are not empty."""
    return int(
        page.locator(selector).evaluate(
            "c => { const d = c.getContext('2d').getImageData(0, 0, c.width,"
            " c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4)"
            " n += d[i] > 0; return n; }"
        )
    )


def ready(page: Page) -> None:
    """Waits until the curves of a run are there."""
    expect(page.locator(".hero .key b").first).not_to_be_empty()


class Late:
    """Answers of a kind as the server gave them; the page gets them when `release`d.

    Attributes:
        answers: those that are kept back.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.answers: list[tuple[Route, APIResponse]] = []
        self._page = page
        self._released = False
        page.route(re.compile(address), self._keep)

    def _keep(self, route: Route) -> None:
        if self._released:
            route.continue_()
        else:
            self.answers.append((route, route.fetch()))

    def wait(self) -> None:
        """Until the server answered one."""
        while not self.answers:
            self._page.wait_for_timeout(10)

    def release(self) -> None:
        """The page gets them, and draws what it makes of them."""
        self._released = True
        for route, answer in self.answers:
            with self._page.expect_event(
                "requestfinished", predicate=lambda r, route=route: r == route.request
            ):
                route.fulfill(response=answer)
        settle(self._page)


def settle(page: Page) -> None:
    """Waits until nothing is asked any more, and the page is drawn."""
    page.wait_for_load_state("networkidle")
    page.evaluate(
        "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
    )
