"""What goes wrong when people are to be told."""

from watcher.errors import GptwatchError


class DeliveryError(GptwatchError):
    """A channel did not take a notice; its message holds no secret."""
