"""python -m trainer CONFIG --key=value: train a GPT."""

import os
import sys

from trainer.errors import TrainerError


def main(arguments=None):
    """Train as the command line says; give the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):
        from trainer.config import help_text

        print(help_text())
        return 0
    # Before torch is loaded: threads that wait by spinning cost a busy machine its
    # CPU, up to twenty times the step itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from trainer.loop import train

    return train(arguments)


def guarded(function):
    """Run `function`; say what the user can put right in one line, with exit code 2."""
    try:
        return function()
    except TrainerError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `python -m trainer -h | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:  # the second one, or before training began
        return 130


if __name__ == "__main__":
    sys.exit(guarded(main))
