"""All points of a run as CSV, a part at a time."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from watcher.views.source import Points
from watcher.web.reader import Desk, Reader


_PART: Final = 1 << 15
_BEGIN: Final = -1.0


async def rows(
    reader: Reader,
    run: int,
    metrics: Sequence[str],
    steps: tuple[float | None, float | None],
) -> AsyncIterator[bytes]:
    """The long form: metric, step, value, line; `steps`: first and last, inclusive."""
    yield b"metric,step,value,line\n"
    for metric in metrics:
        line = _BEGIN
        while True:
            found = await reader.ask(_following(run, metric, line))
            if not len(found):
                break
            line = float(found.lines[-1])
            yield "".join(
                f"{metric},{step:.0f},{value!r},{at:.0f}\n"
                for at, step, value in zip(
                    found.lines.tolist(),
                    found.steps.tolist(),
                    found.values.tolist(),
                    strict=True,
                )
                if (steps[0] is None or step >= steps[0])
                and (steps[1] is None or step <= steps[1])
            ).encode()


def _following(run: int, metric: str, line: float) -> Callable[[Desk], Points]:
    return lambda desk: desk.series.next(run, metric, line, _PART)
