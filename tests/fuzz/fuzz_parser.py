"""Coverage-guided fuzzing of the parser, with libFuzzer through atheris.

    python tests/fuzz/fuzz_parser.py CORPUS [-max_total_time=60] [-timeout=60]

However bytes are cut, the same is found; nothing raises; no input takes long.  What an
input takes is CPU time, which does not depend on what else runs; what does not end at
all is left to libFuzzer's timeout, which is wall time.
"""

import sys
import time
from pathlib import Path
from typing import Final

import atheris


sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
with atheris.instrument_imports(include=["parsers"]):
    from parsers.parser import Parser

from oracle import known, once  # noqa: E402

from watcher.storage.columns import Run  # noqa: E402


# For 2 KiB with the instrumentation; real logs take less than 0.1 s.
CPU_S: Final = 1.0


def check(data: bytes) -> None:
    """Reads some bytes at once, and cut in three; both must find the same."""
    began = time.process_time()
    first, second = sorted((len(data) // 3, sum(data[:64]) % (len(data) + 1)))
    run, parser = Run(), Parser()
    for piece in (data[:first], data[first:second], data[second:]):
        run.add(parser.feed(piece))
    run.add(parser.flush())
    assert known(run) == once(data)
    taken = time.process_time() - began
    assert taken < CPU_S, f"{len(data)} bytes took {taken:.1f} s of CPU time"


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
