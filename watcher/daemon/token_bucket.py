"""How much of a resource may be used: so much a second, and so much at once."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Refills at `rate` tokens a second, up to `burst`; may be overdrawn."""

    rate: float
    burst: float
    refilled_at: float
    tokens: float

    @classmethod
    def full(cls, *, rate: float, burst: float, now: float) -> "TokenBucket":
        """A bucket with all it can hold."""
        return cls(rate, burst, now, burst)

    def refill(self, now: float) -> None:
        """Adds what has accrued since the last time."""
        self.tokens += self.rate * (now - self.refilled_at)
        self.tokens = min(self.tokens, self.burst)
        self.refilled_at = now

    def take(self, tokens: float) -> None:
        """Takes tokens that were used, whether they were there or not."""
        self.tokens -= tokens

    @property
    def filled_at(self) -> float:
        """From when on there are tokens again."""
        return self.refilled_at - min(self.tokens, 0.0) / self.rate
