"""python -m trainer CONFIG --key=value: train a GPT."""

import sys

from trainer.errors import guarded, require_torch


def main(arguments=None):
    """Train as the command line asks; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):
        from trainer.config import help_text

        print(help_text())
        return 0
    require_torch(__name__)
    from trainer.loop import train

    return train(arguments)


if __name__ == "__main__":
    sys.exit(guarded(main))
