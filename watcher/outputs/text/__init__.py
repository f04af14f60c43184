"""What findings say to people: a sentence, what to do, and the title of the picture."""

from watcher.outputs.text.findings import advice, sentence
from watcher.outputs.text.headline import headline


__all__ = ["advice", "headline", "sentence"]
