"""python -m trainer.check: whether every path of the trainer works on this machine."""
