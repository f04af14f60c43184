"""The data behind the page, over HTTP, without a browser."""

import csv
import http.client
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import Bench, append, lines
from pages import Answer, Served

from watcher.analysis.finding import Finding
from watcher.outputs.text.findings import as_dict


pytestmark = pytest.mark.process

FINDING = Finding(
    "not_finite", "critical", 150, evidence={"metric": "loss", "value": "nan"}
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log with a restart, one below a folder, and one with a hostile name."""
    made = Bench(tmp_path_factory.mktemp("web"))
    append(made.logs / "train.log", lines(0, 2000) + lines(1500, 2500))
    (made.logs / "sub").mkdir()
    append(made.logs / "sub" / "a b.log", lines(0, 50))
    append(made.logs / "caf\udce9.log", lines(0, 5))
    made.look()
    run = made.rows()["train.log"].id
    summary = {"final_val": None, "best_val": None, "max_steps": 5000}
    diagnosis = {
        "summary": summary,
        "headline": "h",
        "findings": [as_dict(FINDING, "en")],
    }
    with made.store.transaction():
        made.store.set(run, diagnosis=diagnosis, state={"state": "running"})
    yield made
    made.stop()


@pytest.fixture(scope="module")
def page(bench: Bench) -> Iterator[Served]:
    """The page of it."""
    with Served(bench.state) as served:
        yield served


def columns(answer: Answer) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Head and numbers of curves."""
    assert 200 == answer.status, answer.body
    size = int.from_bytes(answer.body[:4], "little")
    assert 0 == (4 + size) % 8
    return json.loads(answer.body[4 : 4 + size]), np.frombuffer(answer.body[4 + size :])


def test_all_runs(page: Served) -> None:
    """An entry for each, whatever its name; only changed ones after a revision."""
    found = page.get("/api/1/runs").json

    assert {"train.log", "sub/a b.log", "caf\\udce9.log"} == {
        entry["run"] for entry in found["runs"]
    }
    [entry] = [e for e in found["runs"] if e["run"] == "train.log"]
    assert ("running", 2499, 5000) == (
        entry["state"],
        entry["step"],
        entry["max_steps"],
    )
    assert entry["spark"]
    assert [] == page.get("/api/1/runs", since=found["rev"]).json["runs"]


def test_a_run(page: Served) -> None:
    """Findings in the language that is asked for, with the line they stand on."""
    found = page.get("/api/1/run", run="train.log", lang="ru").json

    [finding] = found["findings"]
    assert "с шага 150" in finding["message"]
    assert 151 == finding["line"]
    assert {"loss", "iter_ms", "mfu"} == set(found["metrics"])
    assert 3000 == found["metrics"]["loss"]["records"]
    assert [1, 2001] == [s["first_line"] for s in found["stretches"]]


def test_curves_are_columns_of_cells(page: Served) -> None:
    """First, low, high and last of each pixel, one part for each stretch."""
    head, numbers = columns(
        page.get("/api/1/series", run="train.log", m=["loss", "mfu"], w=100)
    )

    assert ["loss", "mfu"] == [curve["metric"] for curve in head["curves"]]
    assert 3000 == head["lines"]
    cells = [part["cells"] for curve in head["curves"] for part in curve["parts"]]
    assert 6 * sum(cells) == len(numbers)
    x0, x1, first, low, high, last = numbers[: 6 * cells[0]].reshape(6, -1)
    assert (0.0, 1999.0) == (x0[0], x1[-1])
    assert (low <= np.minimum(first, last)).all()
    assert (high >= np.maximum(first, last)).all()


def test_an_axis_of_training_time(page: Served) -> None:
    """Seconds without pauses, by the times of iterations; zoomed as any other axis."""
    head, numbers = columns(
        page.get("/api/1/series", run="train.log", m="loss", x="active", w=4000)
    )
    facts = page.get("/api/1/run", run="train.log").json

    [curve] = head["curves"]
    cells = curve["parts"][0]["cells"]
    x0 = numbers[:cells]
    assert (np.diff(x0) >= 0).all()
    clock = facts["clocks"]["active"]
    assert curve["span"][1] == pytest.approx(clock["seconds"][-1])
    low, high = x0[100], x0[200]
    head, numbers = columns(
        page.get(
            f"/api/1/series?from={low}&to={high}&run=train.log&m=loss&x=active&w=4000"
        )
    )
    inside = numbers[: head["curves"][0]["parts"][0]["cells"]]
    assert low <= inside[1] <= inside[-2] <= high
    point = page.get("/api/1/point", run="train.log", m="loss", active=low).json
    assert point["points"]["loss"][0] == point["line"]
    assert low == pytest.approx(point["trained"], abs=0.1)


def test_a_log_that_was_read_at_once_has_no_times(page: Served) -> None:
    """An axis of the day is refused, with the reason."""
    answer = page.get("/api/1/series", run="train.log", m="loss", x="time")
    facts = page.get("/api/1/run", run="train.log").json

    assert 404 == answer.status
    assert b"no times are known" in answer.body
    assert {"active"} == set(facts["clocks"])


def test_a_smoothing_that_is_too_long_says_how_long_it_is(page: Served) -> None:
    """Each curve names the points that its average was made of."""
    head, _ = columns(page.get("/api/1/series", run="train.log", m="loss", smooth=50))
    long, _ = columns(
        page.get("/api/1/series", run="train.log", m="loss", smooth=900_000)
    )

    assert 50 == head["curves"][0]["smooth"]
    assert 0 < long["curves"][0]["smooth"] < 900_000


def test_a_window_of_curves_has_every_point(page: Served) -> None:
    """Narrow windows show points themselves, by step or by line."""
    head, numbers = columns(
        page.get("/api/1/series?run=train.log&m=loss&x=line&from=10&to=20")
    )

    [part] = head["curves"][0]["parts"]
    assert [*range(9, 22)] == numbers[: part["cells"]].tolist()


def test_what_came_after_a_line(page: Served) -> None:
    """As the page asks when it hears of new lines."""
    found = page.get("/api/1/series", run="train.log", m="loss", after=2998).json

    assert [[2999, 2498], [3000, 2499]] == [p[:2] for p in found["points"]["loss"]]


def test_the_point_at_a_step(page: Served) -> None:
    """Of a step that was trained twice, the one that counts."""
    found = page.get("/api/1/point", run="train.log", m="loss", step=1600).json

    assert [2101, 1600] == found["points"]["loss"][:2]


def test_lines_of_the_log(page: Served, bench: Bench) -> None:
    """By their numbers, with the file they stand in."""
    found = page.get("/api/1/lines", run="train.log", at=100, n=4).json

    assert 98 == found["first"]
    assert ["iter 97:", "iter 98:", "iter 99:", "iter 100", "iter 101"] == [
        text[:8] for text in found["lines"]
    ]
    assert str(bench.logs / "train.log") == found["path"]


def test_secrets_in_a_log_are_not_shown(bench: Bench, page: Served) -> None:
    """Tokens of known shapes, and passwords in addresses."""
    secret = b"hf_" + b"abcdefghij" * 3
    append(
        bench.logs / "sub" / "a b.log",
        b"token " + secret + b"\npip https://me:pass12@host/x\n" + lines(50, 52),
    )
    bench.look()

    found = page.get("/api/1/lines", run="sub/a b.log", at=52, n=4).json

    assert ["token •••", "pip https://•••@host/x"] == found["lines"][1:3]


def test_runs_compared(page: Served) -> None:
    """Side by side, in the order that was asked for."""
    found = page.get("/api/1/compare", run=["sub/a b.log", "train.log"]).json

    assert ["sub/a b.log", "train.log"] == found["runs"]
    assert 5000 == found["results"][1]["max_steps"]


def test_all_points_as_csv(page: Served) -> None:
    """The long form, of all metrics or some, of all steps or a window."""
    whole = page.get("/api/1/export", run="train.log")
    part = page.get("/api/1/export?run=train.log&m=loss&from=3&to=5")

    rows = list(csv.reader(io.StringIO(whole.body.decode())))
    assert ["metric", "step", "value", "line"] == rows[0]
    assert 3 * 3000 + 1 == len(rows)
    assert b"metric,step,value,line\nloss,3,9.0003,4\n" in part.body
    assert 4 == part.body.count(b"\n")


def test_alerts_are_those_that_fire(page: Served) -> None:
    """None here: a finding is no alert before the daemon made it one."""
    assert [] == page.get("/api/1/alerts").json["alerts"]


def test_links_of_alertmanager_lead_to_a_page(page: Served) -> None:
    """To the run that they name, else to the list, whose first part are alerts."""
    from_outside = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }

    whole = page.get("/alerts", headers=from_outside)
    one = page.get("/alerts", headers=from_outside, run="sub/a b.log")

    assert (303, "/#/") == (whole.status, whole.headers["location"])
    assert "/#/run/sub/a%20b.log" == one.headers["location"]
    assert 403 == page.get("/alerts", headers={"sec-fetch-site": "cross-site"}).status


def test_words_follow_the_browser(page: Served) -> None:
    """Russian or English, with the same phrases."""
    russian = page.get("/api/1/words", headers={"accept-language": "ru-RU,ru"}).json
    english = page.get("/api/1/words", headers={"accept-language": "de"}).json

    assert ("ru", "en") == (russian["lang"], english["lang"])
    assert set(russian["words"]) == set(english["words"])


def test_nothing_is_sent_twice(page: Served) -> None:
    """An answer that did not change has no body; the page's own files, too."""
    for path in ("/api/1/run?run=train.log", "/", "/app/main.js", "/app/style.css"):
        first = page.get(path)
        again = page.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (200, 304, b"") == (first.status, again.status, again.body)


def test_answers_are_compressed(page: Served) -> None:
    """Where the browser takes it."""
    plain = page.get("/app/style.css")
    packed = page.get("/app/style.css", headers={"accept-encoding": "gzip"})

    assert "gzip" == packed.headers["content-encoding"]
    assert len(packed.body) * 2 < len(plain.body)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/1/run", 400),
        ("/api/1/run?run=nothing", 404),
        ("/api/1/run?run=../../etc/passwd", 404),
        ("/api/1/series?run=train.log", 400),
        ("/api/1/series?run=train.log&m=loss&w=0", 400),
        ("/api/1/series?run=train.log&m=loss&w=5000", 400),
        ("/api/1/series?run=train.log&m=loss&from=nan", 400),
        ("/api/1/series?run=train.log&m=loss&from=x", 400),
        ("/api/1/series?run=train.log&m=loss&x=y", 400),
        ("/api/1/lines?run=nothing&at=1", 404),
        ("/app/../guard.py", 404),
        ("/app/%2e%2e/guard.py", 404),
        ("/etc/passwd", 404),
        ("/app/", 404),
    ],
)
def test_what_cannot_be_answered(page: Served, path: str, status: int) -> None:
    """It is said what is wrong; no name leads to a file."""
    answer = page.get(path)

    assert status == answer.status
    assert b"Traceback" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("run", "не хватает параметра run"),
        ("run?run=nothing", "такого прогона нет"),
        ("series?run=train.log&m=loss&w=x", "w должен быть числом, получено 'x'"),
        (
            "series?run=train.log&m=loss&x=time",
            "времена неизвестны: лог прочитан целиком и не печатает меток времени",
        ),
    ],
)
def test_what_is_wrong_is_said_in_russian(page: Served, path: str, said: str) -> None:
    """As the browser asks, and as the page that has chosen a language does."""
    path = f"/api/1/{path}"
    by_browser = page.get(path, headers={"accept-language": "ru-RU,ru;q=0.9"})
    by_page = page.get(f"{path}{'&' if '?' in path else '?'}lang=ru")

    assert said == json.loads(by_browser.body)["error"]
    assert by_browser.body == by_page.body


def test_events_bring_what_changed(bench: Bench, page: Served) -> None:
    """Only the fields that changed, of the runs that changed."""
    line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    line.request("GET", "/api/1/events")
    stream = line.getresponse()
    assert "text/event-stream" in (stream.getheader("content-type") or "")
    first = event(stream)
    assert {} == first["runs"]

    append(bench.logs / "train.log", lines(2500, 2501))
    bench.look()
    second = event(stream)
    line.close()

    assert ["train.log"] == list(second["runs"])
    changed = second["runs"]["train.log"]
    assert (3001, 2500) == (changed["lines"], changed["step"])
    assert "path" not in changed
    assert second["rev"] > first["rev"]


def test_a_request_takes_no_event_from_others(bench: Bench, page: Served) -> None:
    """Whoever sees a change first: the stream has it, too."""
    line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    line.request("GET", "/api/1/events")
    stream = line.getresponse()
    event(stream)
    steps = []
    for step in range(60, 80):
        append(bench.logs / "sub" / "a b.log", lines(step, step + 1))
        bench.look()
        assert page.get("/api/1/run", run="sub/a b.log").json["step"] == step
    while 79 not in steps:
        steps += [e["step"] for e in event(stream)["runs"].values() if "step" in e]
    line.close()


def event(stream: Any) -> dict[str, Any]:
    """The next event of a stream."""
    while True:
        text = stream.readline().decode()
        assert text, "the stream ended"
        if text.startswith("data: "):
            found: dict[str, Any] = json.loads(text[6:])
            return found


def test_what_was_missed_comes_first(bench: Bench, page: Served) -> None:
    """A page that lost its connection gets the events that it missed."""
    rev = page.get("/api/1/runs").json["rev"]
    append(bench.logs / "sub" / "a b.log", lines(52, 60))
    bench.look()
    line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    line.request("GET", "/api/1/events", headers={"last-event-id": str(rev)})

    found = event(line.getresponse())
    line.close()

    assert ["sub/a b.log"] == list(found["runs"])


def test_the_page_comes_before_the_daemon(tmp_path: Path) -> None:
    """Without a database it says what is missing."""
    with Served(tmp_path / "nothing") as served:
        assert "" == served.address
        assert 1 == served.process.wait(timeout=30)
        assert "gptwatch start" in served.said


def test_an_event_brings_points_of_a_run_that_is_looked_at(
    bench: Bench, page: Served
) -> None:
    """Those that came since the event before: no page need ask for them."""
    line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    line.request("GET", "/api/1/events")
    stream = line.getresponse()
    event(stream)
    page.get("/api/1/series", run="train.log", m="loss", w=10)
    found = []
    for step in (2600, 2601, 2602):
        append(bench.logs / "train.log", lines(step, step + 1))
        bench.look()
        found.append(event(stream)["runs"]["train.log"].get("tail"))
    line.close()

    for step, tail in enumerate(found[1:], 2601):
        [[at, *point]] = tail["points"]["loss"]
        assert (tail["lines"], tail["after"]) == (at, at - 1)
        assert point[0] == step


def test_a_stream_says_in_all_languages_what_is_wrong(tmp_path: Path) -> None:
    """Its readers may have chosen different ones; the store is replaced."""
    bench = Bench(tmp_path)
    append(bench.logs / "train.log", lines(0, 5))
    bench.look()
    with Served(bench.state) as served:
        bench.stop()
        line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        line.request("GET", "/api/1/events")
        stream = line.getresponse()
        event(stream)
        other = bench.state / "other"
        other.write_bytes(b"no database " * 1000)
        other.replace(bench.state / "store.db")
        error = event(stream)["error"]
        line.close()

    assert "deleted or replaced" in error["en"]
    assert "удалена или заменена" in error["ru"]
