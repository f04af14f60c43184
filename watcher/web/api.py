"""The data that the page asks for, under /api/1: read only, versioned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from watcher.errors import InputError, StorageError, Text
from watcher.outputs.text.errors import said
from watcher.outputs.text.escape import utf8 as shown
from watcher.storage.rows import Row
from watcher.views.clock import Clock
from watcher.views.clocks import ACTIVE, TIME
from watcher.views.lines import excerpt
from watcher.web import describe, params, wire
from watcher.web.events import Hub
from watcher.web.fleet import ordered
from watcher.web.masks import masked
from watcher.web.params import BadRequestError
from watcher.web.reader import Desk, Reader


T = TypeVar("T")
_MAX_LINES: Final = 1000
_MAX_LINE: Final = 4000
_MAX_TAIL: Final = 2000
_MAX_RUNS: Final = 32


@dataclass(frozen=True, slots=True)
class Api:
    """Answers to the page's questions.

    Attributes:
        reader: of the database.
        hub: of events.
        lines: whether lines of logs are shown.
    """

    reader: Reader
    hub: Hub
    lines: bool = True

    def routes(self) -> list[Route]:
        """All addresses."""
        handlers = {
            "runs": self._runs,
            "run": self._run,
            "series": self._series,
            "point": self._point,
            "lines": self._lines,
            "alerts": self._alerts,
            "compare": self._compare,
            "export": self._export,
            "events": self._events,
        }
        return [
            Route(f"/api/1/{name}", _answering(handler))
            for name, handler in handlers.items()
        ]

    async def _runs(self, request: Request) -> Response:
        since, lang = params.integer(request, "since", 0), params.language(request)

        def question(desk: Desk) -> dict[str, Any]:
            desk.fleet.refresh()
            found = ordered(desk.fleet.since(since))
            return {
                "rev": desk.fleet.rev,
                "pid": desk.fleet.pid,
                "notes": _notes(desk),
                "runs": [describe.entry(entry, lang) for entry in found],
            }

        return _json(request, await self.reader.ask(question))

    async def _run(self, request: Request) -> Response:
        name, lang = params.text(request, "run"), params.language(request)

        def question(desk: Desk) -> dict[str, Any]:
            return describe.run(desk, desk.fleet.named(name), lang)

        return _json(request, await self.reader.ask(question))

    async def _series(self, request: Request) -> Response:
        name, metrics = params.text(request, "run"), params.metrics(request)
        if "after" in request.query_params:
            line = params.number(request, "after", 0.0) or 0.0
            return _json(request, await self._tail(name, metrics, line))
        window, axis = params.window(request), params.axis(request)

        def question(desk: Desk) -> bytes:
            row = desk.fleet.named(name)
            desk.fleet.look_at(row.id)
            clock = _clock(desk, row, axis)
            curves = desk.series.curves(row.id, metrics, replace(window, clock=clock))
            return wire.encoded(curves, window.axis, {"lines": row.lines}, clock)

        body = await self.reader.ask(question)
        return _tagged(request, body, "application/octet-stream")

    async def _tail(self, name: str, metrics: list[str], line: float) -> dict[str, Any]:
        def question(desk: Desk) -> dict[str, Any]:
            row = desk.fleet.named(name)
            desk.fleet.look_at(row.id)
            found = desk.series.after(row.id, metrics, line, _MAX_TAIL)
            return {"lines": row.lines, "points": wire.points(found)}

        return await self.reader.ask(question)

    async def _point(self, request: Request) -> Response:
        name, metrics = params.text(request, "run"), params.metrics(request)
        given = [n for n in params.AXES if n in request.query_params]
        key = params.number(request, given[0], None) if given else None
        if key is None:
            raise BadRequestError("name a step, a line, a time or an active time")

        def question(desk: Desk) -> dict[str, Any]:
            row = desk.fleet.named(name)
            clock = _clock(desk, row, given[0])
            at = key if clock is None else float(clock.line(np.array([key]))[0])
            found = desk.series.near(row.id, metrics, params.AXES[given[0]], at)
            return describe.points(found, desk.clocks.of(row), given[0], at)

        return _json(request, await self.reader.ask(question))

    async def _lines(self, request: Request) -> Response:
        if not self.lines:
            raise InputError("lines of logs are not shown here: [web] lines = false")
        name = params.text(request, "run")
        at, n = params.integer(request, "at", 1), params.integer(request, "n", 200)
        n = min(max(n, 0), _MAX_LINES)

        def question(desk: Desk) -> tuple[Row, Any]:
            row = desk.fleet.named(name)
            return row, desk.database.places.of(row.id)

        row, places = await self.reader.ask(question)
        found = await self.reader.read(
            lambda: excerpt(row, places, at - n // 2, at + n // 2, width=_MAX_LINE)
        )
        return _json(
            request,
            {
                "path": shown(str(found.path)),
                "first": found.first,
                "at": at,
                "lines": [masked(text) for text in found.lines],
                "of": row.lines,
            },
        )

    async def _alerts(self, request: Request) -> Response:
        lang = params.language(request)

        def question(desk: Desk) -> list[dict[str, Any]]:
            desk.fleet.refresh()
            return [
                describe.translated(alert, lang) | {"run": entry["run"]}
                for entry in desk.fleet.entries.values()
                for alert in entry["alerts"]
            ]

        return _json(request, {"alerts": await self.reader.ask(question)})

    async def _compare(self, request: Request) -> Response:
        names = request.query_params.getlist("run")[:_MAX_RUNS]

        def question(desk: Desk) -> dict[str, Any]:
            return describe.compared([desk.fleet.named(name) for name in names])

        return _json(request, await self.reader.ask(question))

    async def _export(self, request: Request) -> Response:
        from watcher.web.export import rows

        name = params.text(request, "run")
        metrics = request.query_params.getlist("m")
        low, high = (
            params.number(request, "from", None),
            params.number(request, "to", None),
        )
        row, known = await self.reader.ask(
            lambda desk: (
                (row := desk.fleet.named(name)),
                list(desk.series.metrics(row.id)),
            )
        )
        chosen = [metric for metric in known if not metrics or metric in metrics]
        return StreamingResponse(
            rows(self.reader, row.id, chosen, (low, high)),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="points.csv"'},
        )

    async def _events(self, request: Request) -> Response:
        last = request.headers.get("last-event-id", "")
        since = int(last) if last.isdecimal() else params.integer(request, "since", 0)
        return StreamingResponse(
            self.hub.events(since),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )


def _answering(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """A handler whose expected errors become answers."""

    async def answer(request: Request) -> Response:
        try:
            found: Response = await handler(request)
        except LookupError:
            problem, code = Text("there is no such run"), 404
        except BadRequestError as error:
            problem, code = error.message, 400
        except InputError as error:
            problem, code = error.message, 404
        except StorageError as error:
            problem, code = error.message, 503
        else:
            return found
        body = {"error": shown(said(problem, params.language(request)))}
        return JSONResponse(body, code, headers={"cache-control": "no-store"})

    return answer


def _json(request: Request, value: Mapping[str, Any]) -> Response:
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return _tagged(request, orjson.dumps(value, option=option), "application/json")


def _tagged(request: Request, body: bytes, kind: str) -> Response:
    """An answer that need not be sent twice."""
    from hashlib import blake2b

    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=kind)


def _notes(desk: Desk) -> list[str]:
    notes = desk.database.note("daemon") or {}
    return [shown(text) for text in notes.get("problems", []) if text]


def _clock(desk: Desk, row: Row, axis: str) -> Clock | None:
    """The clock of an axis of time.

    Raises:
        InputError: no times of this run are known.
    """
    if axis not in {TIME, ACTIVE}:
        return None
    found = desk.clocks.of(row).get(axis)
    if found is None:
        raise InputError(
            "no times are known: the log was read at once and prints no time stamps"
        )
    return found
