"""The one exception this package raises on purpose."""


class TrainerError(Exception):
    """Something only the user can put right: what, where, and what to do about it."""
