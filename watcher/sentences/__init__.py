"""What findings say to people: a sentence, what to do, and the title of the picture."""

from watcher.sentences.speech import advice, sentence
from watcher.sentences.title import headline


__all__ = ["advice", "headline", "sentence"]
