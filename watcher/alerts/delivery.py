"""Sends notices, each channel in a thread of its own: none waits for another."""

import queue
import threading
from collections.abc import Callable, Sequence

from watcher.alerts.channels import Channel, DeliveryError
from watcher.alerts.outbox import Delivery


class Deliverer:
    """Takes deliveries, and tells how each went.

    `done(delivery, error)` is called in the thread of the channel; "" is no error.
    """

    def __init__(
        self, channels: Sequence[Channel], done: Callable[[Delivery, str], None]
    ) -> None:
        self._done = done
        self._channels = {channel.name: channel for channel in channels}
        self._queues: dict[str, queue.SimpleQueue[Delivery | None]] = {}
        self._under_way: set[tuple[int, str]] = set()
        self._stopped = threading.Event()

    @property
    def names(self) -> Sequence[str]:
        """The channels."""
        return list(self._channels)

    def take(self, delivery: Delivery) -> None:
        """Sends it soon, unless it is on its way already."""
        key = delivery.notice, delivery.channel
        if key in self._under_way:
            return
        if delivery.channel not in self._channels:
            self._done(delivery, "this channel is not set up any more")
            return
        self._under_way.add(key)
        self._queue(delivery.channel).put(delivery)

    def forget(self, delivery: Delivery) -> None:
        """It is noted how it went: from now on it may be taken again."""
        self._under_way.discard((delivery.notice, delivery.channel))

    def is_busy(self) -> bool:
        """Whether a notice is on its way."""
        return bool(self._under_way)

    def stop(self) -> None:
        """Begins nothing more; what hangs is left behind, and is sent again later."""
        self._stopped.set()
        for waiting in self._queues.values():
            waiting.put(None)

    def _queue(self, channel: str) -> "queue.SimpleQueue[Delivery | None]":
        if channel not in self._queues:
            self._queues[channel] = queue.SimpleQueue()
            thread = threading.Thread(
                target=self._work, args=(channel,), name=f"to {channel}", daemon=True
            )
            thread.start()
        return self._queues[channel]

    def _work(self, name: str) -> None:
        waiting = self._queues[name]
        while (delivery := waiting.get()) is not None:
            if self._stopped.is_set():
                return
            error = self._sent(self._channels[name], delivery)
            self._done(delivery, error)

    def _sent(self, channel: Channel, delivery: Delivery) -> str:
        try:
            channel.send(delivery.payload)
        except DeliveryError as error:
            return str(error) or "failed"
        except Exception as error:  # noqa: BLE001 - no channel may end the thread
            return f"{channel.name}: {type(error).__name__}"
        return ""
