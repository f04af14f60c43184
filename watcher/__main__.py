"""`python -m watcher` is `gptwatch`."""

from watcher.cli import main


main()
