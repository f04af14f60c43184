"""A nanoGPT-compatible trainer: same log lines, same checkpoints, faster.

Start reading at `loop.py`.  `model.py` is the network, `config.py` all settings,
`data.py` the batches.  Nothing is imported from the watcher: they share only the log.
"""
