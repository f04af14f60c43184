"""A traceback ends a run whatever its exception is called, and its cause is quoted."""

import json

import pytest

from parsers.causes import quotation
from parsers.parser import Parser
from watcher.analysis.pipeline import analyse
from watcher.outputs.text.headline import headline
from watcher.storage.columns import Run


RECORDS = "".join(
    f"iter {i}: loss {3 - i / 50:.4f}, time 9.00ms, mfu 30.00%\n" for i in range(40)
)

# What stands behind an exception without a message.
EXPLAINED = {"StopIteration": " (the data ran out)"}


def traceback(last: str, prefix: str = "") -> str:
    """A traceback with its last line, each line behind a prefix."""
    lines = [
        "Traceback (most recent call last):",
        '  File "train.py", line 9, in <module>',
        "    main()",
        "    ^^^^^^",
        last,
    ]
    return "".join(f"{prefix}{line}\n" for line in lines)


def title(log: str, cuts: tuple[int, ...] = ()) -> str:
    """The headline of a log, read in pieces that end at some characters."""
    parser, run = Parser(), Run()
    data = log.encode()
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        run.add(parser.feed(data[start:end]))
        parser = Parser.restore(json.loads(json.dumps(parser.state())))
    run.add(parser.flush())
    return headline(analyse(run, name="run", path="run"))


@pytest.mark.parametrize(
    "last",
    [
        "Exception: the optimizer gave up",
        "StopIteration",
        "queue.Empty",
        "socket.timeout: timed out",
        "subprocess.TimeoutExpired: Command 'ls' timed out after 5 seconds",
        "triton.runtime.errors.OutOfResources: out of resource: shared memory",
        "mylib.Halt: see above",
    ],
)
@pytest.mark.parametrize("prefix", ["", "[rank3]: ", "3: "])
def test_any_exception_that_ends_a_log_is_a_crash(last: str, prefix: str) -> None:
    """The class need not be called an error."""
    found = title(RECORDS + traceback(last, prefix))

    whole = f"Crashed at step 39: {last}{EXPLAINED.get(last, '')}"
    assert found.removesuffix("\N{HORIZONTAL ELLIPSIS}") in whole
    assert found.startswith(f"Crashed at step 39: {last[:20]}")


def test_a_traceback_may_be_cut_anywhere() -> None:
    """What is found depends on the bytes alone."""
    log = RECORDS + traceback("mylib.Halt: see above")
    whole = title(log)

    assert "Crashed at step 39: mylib.Halt: see above" == whole
    for cut in range(len(RECORDS), len(log)):
        assert whole == title(log, (cut,)), cut


def test_a_traceback_without_its_last_line_is_a_crash() -> None:
    """The disk was full, or the process was killed while it printed."""
    log = RECORDS + traceback("x").rsplit("\n", 3)[0] + "\n"

    assert title(log).startswith("Crashed at step 39: Traceback")


def test_an_exception_that_python_ignores_is_no_crash() -> None:
    """It is printed when an object is deleted, after all is done."""
    ignored = "Exception ignored in: <function Pool.__del__ at 0x7f>\n"
    log = RECORDS + "Training completed\n" + ignored + traceback("OSError: closed")

    assert "Training loss" in title(log)
    assert "Crashed" in title(log.replace(ignored, ""))


def test_a_key_and_its_value_are_no_exception() -> None:
    """Only the last line of a traceback is read so."""
    assert "Crashed" not in title(RECORDS + "Speed: 3\nDone\n")


@pytest.mark.parametrize(
    ("line", "quoted"),
    [
        (
            (
                "  3%|▎ | 20/800 [00:40<26:00,  2.00s/it][rank1]:[E511 09:12:4 P.cpp:6]"
                " [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(Seq=9"
                ", OpType=ALLGATHER, NumelIn=4, Timeout(ms)=900000) ran for 900044"
                " milliseconds before timing out."
            ),
            "NCCL timeout: ALLGATHER ran for 900 s",
        ),
        (
            " 12%|█▏ | 96/800 [01:40<12:00,  1.00it/s]RuntimeError: bad shape",
            "RuntimeError: bad shape",
        ),
        (
            "[rank0]: 2026-01-02 10:11:12,345 ERROR: torch.OutOfMemoryError: CUDA",
            "torch.OutOfMemoryError: CUDA",
        ),
        ("[NCCL ERROR] at file zero.cuh:12", "[NCCL ERROR] at file zero.cuh:12"),
        ("Killed", "Killed"),
        (
            "step 9/99 | loss 3.1slurmstepd: error: *** JOB 7 CANCELLED AT 10:00",
            "*** JOB 7 CANCELLED AT 10:00",
        ),
        ("srun: error: node7: task 0: Out Of Memory", "node7: task 0: Out Of Memory"),
    ],
)
def test_a_quotation_begins_with_the_cause(line: str, quoted: str) -> None:
    """Not with bars, ranks and clocks."""
    assert quoted == quotation("error", line.encode()).decode().strip()


def test_other_milestones_keep_their_line() -> None:
    """A checkpoint's path may stand anywhere."""
    line = b"[rank0]: saving checkpoint to out"

    assert line == quotation("checkpoint", line)


@pytest.mark.parametrize(
    ("line", "crashed"),
    [
        ("Loss is nan, stopping training", True),
        ("NaN loss detected at step 39, skipping the batch", False),
    ],
)
def test_a_program_that_gives_up_at_nan_has_crashed(
    line: str, *, crashed: bool
) -> None:
    """One that only reports it has not."""
    assert crashed == title(f"{RECORDS}{line}\n").startswith("Crashed at step 39: ")


@pytest.mark.parametrize(
    ("last", "crashed"), [("KeyboardInterrupt", False), ("StopIteration", True)]
)
def test_a_last_line_without_an_end_is_read(last: str, *, crashed: bool) -> None:
    """It holds no number that could be cut."""
    log = RECORDS + traceback(last).removesuffix("\n")

    whole = f"Crashed at step 39: {last}{EXPLAINED.get(last, '')}"
    assert crashed is (title(log) == whole)
    assert "Traceback" not in title(log)
