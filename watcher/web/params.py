"""What a request asks for: its parameters, checked."""

from typing import Final

from starlette.requests import Request

from watcher.errors import GptwatchError
from watcher.outputs.text import catalog
from watcher.views.clocks import ACTIVE, TIME
from watcher.views.series import MAX_WIDTH, Window


_MAX_METRICS: Final = 64
# Axes of the page, and the keys of the points that they are made from.
AXES: Final = {"step": "steps", "line": "lines", TIME: "lines", ACTIVE: "lines"}


class BadRequestError(GptwatchError):
    """A parameter of a request is invalid."""


def language(request: Request) -> str:
    """The language: that of the parameter, else that of the browser."""
    chosen = request.query_params.get("lang")
    return catalog.language(chosen or request.headers.get("accept-language", "en"))


def text(request: Request, name: str) -> str:
    """A parameter that must be there.

    Raises:
        BadRequestError: it is missing or invalid.
    """
    value = request.query_params.get(name)
    if not value:
        raise BadRequestError("the parameter {name} is missing", name=name)
    return value


def metrics(request: Request) -> list[str]:
    """The metrics that are named, each once.

    Raises:
        BadRequestError: it is missing or invalid.
    """
    found = request.query_params.getlist("m")
    if not found:
        raise BadRequestError("the parameter {name} is missing", name="m")
    return list(dict.fromkeys(found))[:_MAX_METRICS]


def number(request: Request, name: str, default: float | None) -> float | None:
    """A finite number.

    Raises:
        BadRequestError: it is missing or invalid.
    """
    given = request.query_params.get(name)
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        raise BadRequestError(
            "{name} must be a number, got {given}", name=name, given=repr(given)
        ) from None
    if not abs(value) < 1e18:  # noqa: PLR2004 - NaN and infinities, too
        raise BadRequestError(
            "{name} must be finite, got {given}", name=name, given=repr(given)
        )
    return value


def integer(request: Request, name: str, default: int) -> int:
    """A whole number.

    Raises:
        BadRequestError: it is missing or invalid.
    """
    value = number(request, name, default)
    assert value is not None
    return int(value)


def axis(request: Request) -> str:
    """One of `AXES`.

    Raises:
        BadRequestError: it is missing or invalid.
    """
    name = request.query_params.get("x", "step")
    if name not in AXES:
        raise BadRequestError(
            "x must be one of {axes}, got {name}", axes=", ".join(AXES), name=repr(name)
        )
    return name


def window(request: Request) -> Window:
    """The part of a curve that is looked at, without its clock.

    Raises:
        BadRequestError: it is missing or invalid.
    """
    width = integer(request, "w", 1200)
    if not 1 <= width <= MAX_WIDTH:
        raise BadRequestError(
            "w must be from 1 to {most}, got {width}", most=MAX_WIDTH, width=width
        )
    return Window(
        axis=AXES[axis(request)],
        start=number(request, "from", None),
        stop=number(request, "to", None),
        width=width,
        log=request.query_params.get("log") == "1",
        smooth=max(integer(request, "smooth", 0), 0),
    )
