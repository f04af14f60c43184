"""The application: the page's own files, its data, and the guard before both."""

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from watcher import __version__
from watcher.errors import StorageError
from watcher.html.words import words
from watcher.metrics.collect import exposition
from watcher.metrics.settings import Settings as Metrics
from watcher.metrics.text import CONTENT_TYPE, OPENMETRICS
from watcher.outputs.text.catalog import language
from watcher.storage.database import Database
from watcher.web.api import Api
from watcher.web.events import Hub
from watcher.web.guard import Access, Guard
from watcher.web.reader import Reader


_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
# Below that compression gains nothing.
_SMALL: Final = 1000


def application(
    folder: Path,
    access: Access,
    *,
    lines: bool = True,
    metrics: Metrics | None = None,
) -> Starlette:
    """The page for the database in a state directory."""
    reader = Reader(folder)
    hub = Hub(reader)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(hub.run())
        yield
        watching.cancel()
        hub.close()
        reader.close()

    app = Starlette(
        routes=[
            *Api(reader, hub, lines=lines).routes(),
            Route("/api/1/words", _words),
            Route("/healthz", _health),
            Route("/alerts", _alerts),
            Route("/metrics", _metrics(reader, folder, metrics)),
            *_files(),
        ],
        middleware=[
            Middleware(Guard, access=access),
            Middleware(GZipMiddleware, minimum_size=_SMALL, compresslevel=1),
        ],
        lifespan=lifespan,
    )
    app.state.hub = hub
    return app


def _files() -> list[Route]:
    """The page's own files: read once, so that no request reaches the file system."""
    folder = resources.files("watcher.web") / "app"
    found = []
    for file in folder.iterdir():
        kind = _KINDS.get(Path(file.name).suffix)
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/app/{file.name}"
            found.append(Route(path, _file(file.read_text("utf-8"), kind)))
    return found


def _file(text: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers with a file, or that it did not change."""
    body = "\n".join(_stripped(text)).encode()
    packed = gzip.compress(body, mtime=0)
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "no-cache", "vary": "accept-encoding"}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(body, headers=headers, media_type=kind)
        encoded = {**headers, "content-encoding": "gzip"}
        return Response(packed, headers=encoded, media_type=kind)

    return answer


def _stripped(text: str) -> Iterator[str]:
    """Its lines without indentation and comments, which a browser need not get."""
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("//"):
            yield line


async def _words(request: Request) -> Response:
    lang = language(
        request.query_params.get("lang") or request.headers.get("accept-language", "en")
    )
    body = orjson.dumps({"lang": lang, "words": words(lang), "version": __version__})
    headers = {"cache-control": "no-cache", "vary": "accept-language"}
    return Response(body, headers=headers, media_type="application/json")


def _metrics(
    reader: Reader, folder: Path, settings: Metrics | None
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for Prometheus; the curves of the page do not wait for it."""

    def read(*, openmetrics: bool) -> bytes:
        with contextlib.closing(Database(folder, read_only=True)) as database:
            now = time.time()
            return exposition(
                database, now=now, settings=settings, openmetrics=openmetrics
            )

    async def answer(request: Request) -> Response:
        accepted = request.headers.get("accept", "")
        openmetrics = "application/openmetrics-text" in accepted
        try:
            body = await reader.read(partial(read, openmetrics=openmetrics))
        except StorageError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        headers = {"cache-control": "no-store", "vary": "accept"}
        kind = OPENMETRICS if openmetrics else CONTENT_TYPE
        return Response(body, headers=headers, media_type=kind)

    return answer


async def _alerts(request: Request) -> Response:
    """Where links of Alertmanager lead: to a run, else to what needs somebody."""
    run = request.query_params.get("run")
    return RedirectResponse(f"/#/run/{quote(run)}" if run else "/#/", 303)


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})
