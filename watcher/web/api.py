"""The data that the page asks for, under /api/1: read only, versioned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from watcher.errors import GptwatchError, InputError, StorageError
from watcher.outputs.text.catalog import language
from watcher.outputs.text.escape import utf8 as shown
from watcher.storage.rows import Row
from watcher.views.lines import excerpt
from watcher.views.series import MAX_WIDTH, Window
from watcher.web import describe, wire
from watcher.web.events import Hub
from watcher.web.fleet import ordered
from watcher.web.masks import masked
from watcher.web.reader import Desk, Reader


T = TypeVar("T")
_MAX_METRICS: Final = 64
_MAX_LINES: Final = 1000
_MAX_LINE: Final = 4000
_MAX_TAIL: Final = 2000
_MAX_RUNS: Final = 32
_AXES: Final = {"step": "steps", "line": "lines"}


class BadRequestError(GptwatchError):
    """A parameter of a request is invalid."""


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
        since, lang = _integer(request, "since", 0), _language(request)

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
        name, lang = _text(request, "run"), _language(request)

        def question(desk: Desk) -> dict[str, Any]:
            return describe.run(desk, desk.fleet.named(name), lang)

        return _json(request, await self.reader.ask(question))

    async def _series(self, request: Request) -> Response:
        name, metrics = _text(request, "run"), _metrics(request)
        if "after" in request.query_params:
            line = _number(request, "after", 0.0) or 0.0
            return _json(request, await self._tail(name, metrics, line))
        window = _window(request)

        def question(desk: Desk) -> bytes:
            row = desk.fleet.named(name)
            curves = desk.series.curves(row.id, metrics, window)
            return wire.encoded(curves, window.axis, {"lines": row.lines})

        body = await self.reader.ask(question)
        return _tagged(request, body, "application/octet-stream")

    async def _tail(self, name: str, metrics: list[str], line: float) -> dict[str, Any]:
        def question(desk: Desk) -> dict[str, Any]:
            row = desk.fleet.named(name)
            found = desk.series.after(row.id, metrics, line, _MAX_TAIL)
            return {"lines": row.lines, "points": wire.points(found)}

        return await self.reader.ask(question)

    async def _point(self, request: Request) -> Response:
        name, metrics = _text(request, "run"), _metrics(request)
        axis = "lines" if "line" in request.query_params else "steps"
        key = _number(request, axis.removesuffix("s"), None)
        if key is None:
            raise BadRequestError("name a step or a line")

        def question(desk: Desk) -> dict[str, Any]:
            row = desk.fleet.named(name)
            found = wire.points(desk.series.near(row.id, metrics, axis, key))
            at = max((p[0][0] or 0 for p in found.values()), default=None)
            return {
                "points": {metric: p[0] for metric, p in found.items()},
                "seen_at": None if at is None else _seen_at(desk, row, at),
            }

        return _json(request, await self.reader.ask(question))

    async def _lines(self, request: Request) -> Response:
        if not self.lines:
            raise InputError("lines of logs are not shown here: [web] lines = false")
        name = _text(request, "run")
        at, n = _integer(request, "at", 1), _integer(request, "n", 200)
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
        lang = _language(request)

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

        name = _text(request, "run")
        metrics = request.query_params.getlist("m")
        low, high = _number(request, "from", None), _number(request, "to", None)
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
        since = int(last) if last.isdecimal() else _integer(request, "since", 0)
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
            return _error(404, "there is no such run")
        except (BadRequestError, InputError) as error:
            return _error(400 if isinstance(error, BadRequestError) else 404, error)
        except StorageError as error:
            return _error(503, error)
        return found

    return answer


def _error(code: int, problem: object) -> Response:
    body = orjson.dumps({"error": shown(str(problem))})
    headers = {"cache-control": "no-store"}
    return Response(body, code, headers=headers, media_type="application/json")


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


def _seen_at(desk: Desk, row: Row, line: float) -> float | None:
    from watcher.views.timeline import seen_at

    return seen_at(desk.database.places.of(row.id), row, line)


def _language(request: Request) -> str:
    chosen = request.query_params.get("lang")
    return language(chosen or request.headers.get("accept-language", "en"))


def _text(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if not value:
        raise BadRequestError(f"the parameter {name!r} is missing")
    return value


def _metrics(request: Request) -> list[str]:
    found = request.query_params.getlist("m")
    if not found:
        raise BadRequestError("the parameter 'm' is missing")
    return list(dict.fromkeys(found))[:_MAX_METRICS]


def _number(request: Request, name: str, default: float | None) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        raise BadRequestError(f"{name} must be a number, got {text!r}") from None
    if not abs(value) < 1e18:  # noqa: PLR2004 - NaN and infinities, too
        raise BadRequestError(f"{name} must be finite, got {text!r}")
    return value


def _integer(request: Request, name: str, default: int) -> int:
    value = _number(request, name, default)
    assert value is not None
    return int(value)


def _window(request: Request) -> Window:
    axis = request.query_params.get("x", "step")
    if axis not in _AXES:
        raise BadRequestError(f"x must be one of {', '.join(_AXES)}, got {axis!r}")
    width = _integer(request, "w", 1200)
    if not 1 <= width <= MAX_WIDTH:
        raise BadRequestError(f"w must be from 1 to {MAX_WIDTH}, got {width}")
    return Window(
        axis=_AXES[axis],
        start=_number(request, "from", None),
        stop=_number(request, "to", None),
        width=width,
        log=request.query_params.get("log") == "1",
        smooth=max(_integer(request, "smooth", 0), 0),
    )
