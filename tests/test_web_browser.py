"""The page in a real browser: what is seen, clicked and typed."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle import Bench, append, lines
from pages import Served
from tabs import (
    HOSTILE,
    MARKS,
    Browser,
    BrowserContext,
    Page,
    bench,
    browser,
    context,
    drawn,
    evaluations,
    expect,
    go,
    page,
    ready,
    served,
)

from watcher.analysis.pipeline import read
from watcher.html.report import document
from watcher.outputs.plot.theme import DARK, LIGHT


pytestmark = MARKS
__all__ = ["bench", "browser", "context", "page", "served"]


def test_the_list_shows_all_runs(page: Page) -> None:
    """With their figures, and a hostile name as the text that it is."""
    rows = page.locator(".table-body .row")

    expect(rows).to_have_count(3)
    expect(page.get_by_role("link", name="train.log")).to_be_visible()
    expect(page.get_by_text(HOSTILE, exact=True)).to_be_visible()
    expect(page.locator("img")).to_have_count(0)
    expect(rows.filter(has_text="train.log")).to_contain_text("999 / 2,000")
    assert "owned" not in page.title()


def test_a_line_of_the_log_changes_the_list(page: Page, bench: Bench) -> None:
    """Without a reload."""
    append(bench.logs / "train.log", lines(1000, 1004))
    bench.look()

    row = page.locator(".row", has_text="train.log")
    expect(row).to_contain_text("1,003 / 2,000")


def test_a_new_run_comes_by_itself(page: Page, bench: Bench) -> None:
    """A log that was not there."""
    append(bench.logs / "fresh.log", lines(0, 3))
    bench.look()

    expect(page.get_by_role("link", name="fresh.log")).to_be_visible()


def test_a_run_is_drawn_and_goes_on(page: Page, bench: Bench) -> None:
    """The curve reaches to the new end; the legend has the new value."""
    go(page, "#/run/train.log")
    ready(page)
    assert drawn(page) > 2000
    append(bench.logs / "train.log", b"iter 1000: loss 3.2500, time 25.00ms\n")
    bench.look()

    expect(page.locator(".hero .key b").first).to_have_text("3.2500")


def test_evaluations_are_no_outliers(page: Page) -> None:
    """Ten of them beside a thousand losses, far from these: all are in the range."""
    go(page, "#/run/train.log")
    ready(page)

    full = page.locator(".hero").get_by_text("full range")
    expect(full).to_be_hidden()


def test_a_zoom_stays_while_points_come(page: Page, bench: Bench) -> None:
    """And it is in the address, which shows the same when it is opened again."""
    go(page, "#/run/train.log")
    ready(page)
    box = page.locator(".hero canvas").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d+.*to=\d+"))
    zoomed = page.url

    append(bench.logs / "train.log", lines(1000, 1010))
    bench.look()
    expect(page.locator(".figures")).to_contain_text("1,009")

    assert zoomed == page.url
    page.reload()
    ready(page)
    assert zoomed == page.url
    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("from="))


def test_a_point_opens_its_line_and_a_line_its_point(page: Page) -> None:
    """The log lens, both ways."""
    go(page, "#/run/train.log?from=500&to=520")
    ready(page)
    box = page.locator(".hero canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)

    here = page.locator(".lens .here .text")
    expect(here).to_have_text(re.compile(r"^iter 5\d\d: loss"))
    step = re.search(r"iter (\d+)", here.inner_text())
    assert step
    readout = page.locator(".readout")
    expect(readout).to_contain_text(f"step {step[1]}")

    page.locator(".lens li", has_text=f"iter {int(step[1]) + 3}:").click()
    expect(readout).to_contain_text(f"step {int(step[1]) + 3} ")


def test_text_of_a_log_stays_text(page: Page) -> None:
    """A log writes no markup into the page."""
    go(page, "#/run/" + "%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D'owned'%3E.log")
    ready(page)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")

    expect(page.locator(".lens")).to_contain_text("<script>document.title")
    assert "owned" not in page.title().replace(HOSTILE, "")


def test_an_alert_leads_to_its_line(page: Page) -> None:
    """The finding's place is zoomed to, and its line is marked."""
    go(page, "#/run/train.log")
    ready(page)
    page.keyboard.press("a")

    expect(page.locator(".lens .here")).to_contain_text(re.compile("step 600|iter 600"))
    expect(page).to_have_url(re.compile("from="))
    expect(page.locator(".alerts")).to_contain_text("Overfitting since step 400")


def test_a_link_of_prometheus_opens_its_run(page: Page, bench: Bench) -> None:
    """It has a plus sign where the name has a space."""
    append(bench.logs / "a b+c.log", lines(0, 20))
    bench.look()
    go(page, "#/run/a+b%2Bc.log")

    expect(page.locator(".heading .name")).to_have_text("a b+c.log")


def test_the_keyboard_is_enough(page: Page) -> None:
    """Through every view, without a mouse."""
    press = page.keyboard.press
    expect(page.locator(".table-body .row")).to_have_count(3)
    press("/")
    page.keyboard.type("sub")
    expect(page.locator(".table-body .row")).to_have_count(1)
    press("Escape")
    press("Escape")
    expect(page.locator(".table-body .row")).to_have_count(3)
    press("1")
    expect(page.locator("[aria-sort=ascending]")).to_contain_text("run")
    press("/")
    page.keyboard.type("train")
    press("Enter")
    press("j")
    press("Enter")
    ready(page)
    expect(page).to_have_url(re.compile("#/run/train.log"))

    press("End")
    expect(page.locator(".readout")).to_contain_text("step 999")
    press("ArrowLeft")
    expect(page.locator(".readout")).to_contain_text("step 998")
    press("+")
    expect(page).to_have_url(re.compile("from="))
    press("l")
    press("y")
    expect(page).to_have_url(re.compile("logx=1&logy=1"))
    press("Enter")
    expect(page.locator(".lens .here")).to_contain_text("iter 998")
    press("ArrowDown")
    expect(page.locator(".lens .here")).to_contain_text("iter 999")
    press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    for _ in range(3):
        press("Escape")
    expect(page.locator(".fleet .table-body .row")).to_have_count(3)

    press("Escape")
    press("j")
    press(" ")
    press("j")
    press(" ")
    press("c")
    expect(page.locator(".compare h1")).to_be_visible()
    expect(page.locator(".compare tbody tr").first).to_be_visible()


def test_two_runs_over_each_other(page: Page) -> None:
    """Both curves, what came of them, and a way to each."""
    go(page, "#/compare?run=train.log&run=sub%2Fother.log")

    keys = page.locator(".hero .key")
    expect(keys).to_have_count(2)
    expect(page.locator("section", has_text="Results").last).to_contain_text("5.0000")
    assert drawn(page) > 1000
    link = page.locator("thead a", has_text="other.log").first
    link.click()
    expect(page).to_have_url(re.compile("#/run/sub/other.log"))


def test_a_run_is_picked_from_its_curve(page: Page) -> None:
    """Where a curve is clicked: the others are faint, and Enter opens it."""
    go(page, "#/compare?run=train.log&run=sub%2Fother.log")
    ready(page)
    canvas = page.locator(".hero canvas")
    box = canvas.bounding_box()
    assert box is not None

    # The table is marked by the click itself, the keys with the next frame: asked for
    # those, a second click could take the curve back.
    for y in range(10, int(box["height"]) - 30, 10):
        canvas.click(position={"x": 90, "y": y})
        if page.locator("th.picked").count():
            break

    expect(page.locator("th.picked")).to_have_count(1)
    expect(page.locator(".hero .key[aria-pressed=true]")).to_have_count(1)
    expect(page).to_have_url(re.compile("pick="))
    page.keyboard.press("Escape")
    expect(page.locator(".hero .key[aria-pressed=true]")).to_have_count(0)
    page.locator(".hero .key").nth(1).click()
    page.locator("main").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/run/sub/other.log"))


PINCH = """c => {
  const box = c.getBoundingClientRect();
  const send = (kind, id, x) => c.dispatchEvent(new PointerEvent(kind, {
    pointerId: id, pointerType: "touch", bubbles: true, isPrimary: id === 1,
    clientX: box.left + x, clientY: box.top + 50 }));
  send("pointerdown", 1, 300); send("pointerdown", 2, 500);
  for (let i = 1; i <= 10; i += 1) {
    send("pointermove", 1, 300 - 10 * i); send("pointermove", 2, 500 + 10 * i);
  }
  send("pointerup", 1, 200); send("pointerup", 2, 600);
}"""


def test_two_fingers_zoom(page: Page) -> None:
    """What lies between them is wider; the page itself does not move."""
    go(page, "#/run/train.log")
    ready(page)

    page.locator(".hero canvas").evaluate(PINCH)

    expect(page).to_have_url(re.compile(r"from=\d"))
    [low] = re.findall(r"from=([\d.]+)", page.url)
    [high] = re.findall(r"to=([\d.]+)", page.url)
    assert 400 < float(high) - float(low) < 700


def test_axes_of_time(page: Page, bench: Bench) -> None:
    """Those that a log has; each keeps the crosshair's line and is in the address."""
    rows = "".join(
        f"2026-03-01 {n // 60 + 10}:{n % 60:02}:00 iter {n}: loss 2.5, time 20.00ms\n"
        for n in range(500)
    )
    append(bench.logs / "stamped.log", rows.encode())
    bench.look()
    go(page, "#/run/stamped.log")
    ready(page)
    press = page.keyboard.press

    for axis in ("line", "time", "active"):
        press("x")
        expect(page).to_have_url(re.compile(f"x={axis}"))
        press("End")
        expect(page.locator(".readout")).to_contain_text("step 499 · line 500")
    expect(page.locator(".readout")).to_contain_text("training time 10.0")
    press("x")
    expect(page).to_have_url(re.compile("stamped.log$"))

    # A backlog without stamps: when its lines were written is not known.
    go(page, "#/run/train.log")
    expect(page.locator(".heading .name")).to_have_text("train.log")
    ready(page)
    expect(page.get_by_role("button", name="training time")).to_have_count(1)
    expect(page.get_by_role("button", name="time", exact=True)).to_have_count(0)


def test_two_tabs_hear_through_one_stream(
    page: Page, context: BrowserContext, bench: Bench, served: Served
) -> None:
    """A browser opens six connections to a server, and may have more tabs."""
    other = context.new_page()
    streams: list[str] = []
    other.on("request", lambda r: streams.append(r.url) if "events" in r.url else None)
    other.goto(served.address)
    expect(other.locator("[data-ready]")).to_be_attached()
    append(bench.logs / "train.log", lines(1000, 1002))
    bench.look()

    for tab in (page, other):
        expect(tab.locator(".row", has_text="train.log")).to_contain_text("1,001 /")
    assert [] == streams
    page.close()
    append(bench.logs / "train.log", lines(1002, 1003))
    bench.look()
    expect(other.locator(".row", has_text="train.log")).to_contain_text("1,002 /")


def test_a_server_that_dies_and_comes_back(
    page: Page, bench: Bench, served: Served
) -> None:
    """The page says so, goes grey, and goes on by itself."""
    served.process.kill()
    served.process.wait()
    expect(page.locator("#banner")).to_contain_text("Connection lost")
    expect(page.locator("body.lost")).to_be_attached()
    append(bench.logs / "train.log", lines(1000, 1008))
    bench.look()

    with Served(bench.state, listen=f"127.0.0.1:{served.port}"):
        expect(page.locator("body.lost")).to_have_count(0)
        expect(page.locator(".row", has_text="train.log")).to_contain_text("1,007 /")


def test_a_daemon_that_is_not_running_is_said(page: Page) -> None:
    """The figures are those that it knew last."""
    expect(page.locator("#banner")).to_contain_text("gptwatch is not running")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
@pytest.mark.parametrize("width", [360, 3840])
def test_every_view_fits_every_screen(
    browser: Browser, served: Served, scheme: str, locale: str, width: int
) -> None:
    """From 360 px on, in both languages, in the colours of the picture."""
    context = browser.new_context(
        locale=locale,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
    )
    page = context.new_page()
    page.goto(served.address)
    expect(page.locator("[data-ready]")).to_be_attached()
    theme = DARK if scheme == "dark" else LIGHT
    red, green, blue = (int(theme.paper[i : i + 2], 16) for i in (1, 3, 5))

    for hash_ in (
        "#/",
        "#/run/train.log",
        "#/compare?run=train.log&run=sub%2Fother.log",
    ):
        go(page, hash_)
        expect(page.locator("main h1, main h2").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, hash_
        assert locale[:2] == page.locator("html").get_attribute("lang")
        colour = page.locator("html").evaluate(
            "e => getComputedStyle(e).backgroundColor"
        )
        assert f"rgb({red}, {green}, {blue})" == colour
    context.close()


RULES = """() => {
  const problems = [];
  const name = (e) => e.getAttribute('aria-label') || e.innerText || e.title ||
    e.placeholder || (e.labels && e.labels[0] && e.labels[0].innerText) || '';
  for (const e of document.querySelectorAll('button, a, input, canvas, select'))
    if (e.checkVisibility() && !name(e).trim())
      problems.push('no name: ' + e.outerHTML);
  for (const e of document.querySelectorAll('canvas'))
    if (e.getAttribute('role') !== 'img') problems.push('canvas without role');
  for (const e of document.querySelectorAll('[role=row]'))
    if (![...e.children].every((c) => /cell|header/.test(c.getAttribute('role'))))
      problems.push('row without cells: ' + e.outerHTML.slice(0, 200));
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size !== ids.length) problems.push('an id is there twice');
  const rgb = (t) => (t.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) =>
    v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((a, v, i) => a + v * [.2126, .7152, .0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5)
      problems.push(contrast.toFixed(1) + ': ' + e.innerText.slice(0, 60));
  }
  return problems;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(
    page: Page, context: BrowserContext, scheme: str
) -> None:
    """Names for screen readers, roles, contrast of at least 4.5."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for hash_ in (
        "#/",
        "#/run/train.log",
        "#/compare?run=train.log&run=sub%2Fother.log",
    ):
        go(page, hash_)
        expect(page.locator("main h1, main h2").first).to_be_visible()
        page.wait_for_load_state("networkidle")

        assert [] == page.evaluate(RULES), hash_
    assert context


def test_the_first_view_is_small(context: BrowserContext, served: Served) -> None:
    """At most 120 kB until the first chart is drawn."""
    page = context.new_page()
    sizes: list[int] = []
    page.on(
        "response",
        lambda r: sizes.append(int(r.headers.get("content-length", 0))),
    )
    page.goto(served.address + "#/run/train.log")
    ready(page)

    assert 10_000 < sum(sizes) < 120_000


def reported(folder: Path, data: bytes) -> tuple[Path, int]:
    """A report of a log in one file, and its size."""
    log = folder / "train.log"
    log.write_bytes(data)
    path = folder / "report.html"
    path.write_bytes(document(read(log).analysis, lang="en"))
    return path, path.stat().st_size


def test_a_report_opens_from_a_file(context: BrowserContext, tmp_path: Path) -> None:
    """With no request at all; it zooms, and its points are those of the log."""
    path, _ = reported(tmp_path, evaluations(0, 1000) + lines(500, 800))
    page = context.new_page()
    requests: list[str] = []
    problems: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    page.on("console", lambda m: problems.append(m.text))
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.goto(path.as_uri())
    ready(page)

    assert drawn(page) > 2000
    page.keyboard.press("End")
    readout = page.locator(".readout")
    expect(readout).to_contain_text("step 999")
    page.keyboard.press("Home")
    expect(readout).to_contain_text("step 0")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".hero .key b").first).to_have_text("9.0001")
    page.keyboard.press("+")
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("logx=1"))
    assert [path.as_uri()] == [url for url in requests if not url.startswith("data:")]
    assert [] == problems


def test_hostile_text_stays_text_in_a_report(
    context: BrowserContext, tmp_path: Path
) -> None:
    """No log ends the element that its text stands in."""
    hostile = b"saving checkpoint to </script><script>document.title='owned'</script>\n"
    path, _ = reported(tmp_path, lines(0, 20) + hostile + lines(20, 40))
    page = context.new_page()
    page.goto(path.as_uri())
    ready(page)

    assert "owned" not in page.title()
    assert b"<script>document" not in path.read_bytes()


def test_a_report_of_a_million_points_is_small(tmp_path: Path) -> None:
    """At most 3 MB, with all of them."""
    noise = np.random.default_rng(0).normal(size=1_000_000) * 0.05
    values = np.round(2 + 3 * np.exp(-np.arange(1_000_000) / 1e5) + noise, 4)
    path, _ = reported(tmp_path, lines(0, 50))
    analysis = read(tmp_path / "train.log").analysis
    steps = np.arange(1_000_000)
    curve = replace(
        analysis.curves["loss"],
        steps=steps,
        lines=steps + 1,
        values=values,
        current=np.ones(1_000_000, bool),
    )

    made = document(replace(analysis, curves={"loss": curve}), lang="en")

    assert len(made) < 3_000_000
    assert path.exists()
