"""A nanoGPT of our own: same lines, same checkpoints, faster, and honest about time.

Start reading at `loop.py`.  `model.py` is the network, `config.py` all that a run can
be told, `data.py` how a batch comes about.  Nothing here knows the watcher: the two
share only the text of the log.
"""
