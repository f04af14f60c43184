"""Check every path of the trainer on this machine: python -m trainer.check [ROW ...].

One line per row: `right`, `WRONG`, or `no` where a row is not possible here, then what
was measured.  On a CUDA GPU the models are the real ones, each row is a process with a
time limit, and all take some eight minutes; on a CPU they are small.  Nothing is
downloaded, all files go to a temporary folder.  The exit code is 1 if a row is wrong.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import traceback

from trainer.errors import guarded, require_torch


require_torch(__name__)

import torch

from trainer.check import losses, runs, speed
from trainer.check.rows import Impossible, Setup, Wrong


BUDGET_S = 480  # of all rows on a GPU
LATE = ("char_21m", "sampling", "knobs")  # those that a check may miss
ROWS = {  # the goals come first, so that a check cut short answers them
    name: function
    for late in (False, True)
    for module in (speed, losses, runs)
    for name, function in vars(module).items()
    if hasattr(function, "time_limit_s") and late == (name in LATE)
}


def main(arguments=None):
    """Run the rows named, else all; return the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(arguments) or not set(arguments) <= ROWS.keys():
        print(__doc__, "Rows: ", ", ".join(ROWS), sep="\n")
        return 0 if {"-h", "--help"} & set(arguments) else 2
    alone = len(arguments) == 1
    started = time.perf_counter()
    cuda = torch.cuda.is_available()
    results = []
    for name in arguments or ROWS:
        if not cuda or alone:
            results.append(run_row(name))
        else:
            left = BUDGET_S - (time.perf_counter() - started)
            results.append(run_in_process(name, left))
    if not alone:
        counts = ", ".join(f"{results.count(s)} {s}" for s in ("right", "WRONG", "no"))
        seconds = time.perf_counter() - started
        print(f"{counts} in {seconds:.0f} s" + ("" if cuda else "; no GPU was at hand"))
    return 1 if "WRONG" in results else 0


def run_row(name):
    """Run a row in this process, in a temporary folder; print and return its status."""
    started = time.perf_counter()
    threads = torch.get_num_threads()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # small models are fastest so
    torch.compiler.reset()  # dynamo compiles a function eight times, then no more
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            status, text = "right", ROWS[name](Setup())
        except Wrong as error:
            status, text = "WRONG", str(error)
        except Impossible as error:
            status, text = "no", str(error)
        except Exception as error:  # noqa: BLE001 - one row must not end the others
            status, text = "WRONG", f"{type(error).__name__}: {str(error)[:200]}"
            traceback.print_exc()
    torch.set_num_threads(threads)
    seconds = time.perf_counter() - started
    print(f"{status:5} {name:12} {seconds:5.1f} s  {text}", flush=True)
    return status


def run_in_process(name, left=BUDGET_S):
    """Run a row in a process with a time limit, `left` seconds at most; its status."""
    limit = min(ROWS[name].time_limit_s, left)
    if left <= 0:
        print(f"no    {name:12}   0.0 s  no time left", flush=True)
        return "no"
    environment = {**os.environ, "TORCH_LOGS": "recompiles,graph_breaks,cudagraphs"}
    command = [sys.executable, "-m", "trainer.check", name]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"WRONG {name:12} {limit:5.1f} s  time limit", flush=True)
        return "WRONG"
    line = (done.stdout.splitlines() or [f"WRONG {name:12} exit {done.returncode}"])[-1]
    skipped = done.stderr.count("skipping cudagraphs")
    recompiled = done.stderr.count("Recompiling function")
    notes = f"  [{recompiled} recompiles, {skipped} x graphs skipped]"
    print(line + (notes if recompiled or skipped else ""), flush=True)
    if line.startswith("WRONG"):
        print(done.stderr[-2000:], file=sys.stderr)
    return line.split()[0]


if __name__ == "__main__":
    sys.exit(guarded(main))
