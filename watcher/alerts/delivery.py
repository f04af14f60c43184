"""Sends notifications; each channel has a thread of its own, so none blocks another."""

import queue
import threading
from collections.abc import Callable, Sequence

from watcher.alerts.channels import Channel, DeliveryError
from watcher.storage.outbox import Delivery


class Deliverer:
    """Sends deliveries and reports the result of each.

    `on_result(delivery, error)` is called in the thread of the channel; "" is no error.
    """

    def __init__(
        self, channels: Sequence[Channel], on_result: Callable[[Delivery, str], None]
    ) -> None:
        self._on_result = on_result
        self._channels = {channel.name: channel for channel in channels}
        self._queues: dict[str, queue.SimpleQueue[Delivery | None]] = {}
        self._in_flight: set[tuple[int, str]] = set()
        self._stopped = threading.Event()

    @property
    def names(self) -> Sequence[str]:
        """The identities of the channels."""
        return list(self._channels)

    def send(self, delivery: Delivery) -> None:
        """Queues a delivery, unless it is in flight."""
        key = delivery.notification, delivery.channel
        if key in self._in_flight:
            return
        self._in_flight.add(key)
        if delivery.channel in self._channels:
            self._queue(delivery.channel).put(delivery)
        else:
            error = f"{delivery.channel}: this channel is no longer configured"
            self._on_result(delivery, error)

    def ack(self, delivery: Delivery) -> None:
        """The result is persisted: removes the delivery from the in-flight set."""
        self._in_flight.discard((delivery.notification, delivery.channel))

    def is_busy(self) -> bool:
        """Whether a delivery is in flight."""
        return bool(self._in_flight)

    def stop(self) -> None:
        """Starts nothing more; what hangs is abandoned, and sent after a restart."""
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
            error = self._attempt(self._channels[name], delivery)
            self._on_result(delivery, error)

    def _attempt(self, channel: Channel, delivery: Delivery) -> str:
        try:
            channel.send(delivery.payload)
        except DeliveryError as error:
            return str(error) or "failed"
        except Exception as error:  # noqa: BLE001 - no channel may end the thread
            return f"{channel.name}: {type(error).__name__}"
        return ""
