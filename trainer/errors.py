"""The exception that a user can act on, and how every command reports it."""

import importlib.util
import os
import sys


class TrainerError(Exception):
    """What a user can fix: what, where, and what to do; any function may raise it."""


def guarded(function):
    """Run `function`; print a TrainerError as one line and return exit code 2."""
    try:
        return function()
    except TrainerError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `python -m trainer -h | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a missing permission: file and reason
        print(f"trainer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # the second one, or before training began
        return 130


def require_torch(name):
    """Prepare for importing torch in a module run as a program; exit without torch."""
    if name != "__main__":
        return
    # On a busy machine OpenMP threads that spin while they wait cost up to twenty times
    # the CPU of the step itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if importlib.util.find_spec("torch") is None:
        print("trainer: PyTorch is missing: pip install torch", file=sys.stderr)
        sys.exit(2)
