"""Whether one program notifies of alerts, and not two or none."""

from functools import partial
from typing import Final, Protocol

from watcher.outputs.text import catalog
from watcher.outputs.text.catalog import message
from watcher.service.checks import Check, Translate


_ENGLISH: Final[Translate] = partial(catalog.tr, "en")


class Notify(Protocol):
    """The settings below `[notify]`."""

    @property
    def prometheus(self) -> bool:
        """Whether Alertmanager notifies."""

    @property
    def configured(self) -> tuple[str, ...]:
        """Names of the settings that make channels."""


def one_sender(notify: Notify, tr: Translate = _ENGLISH) -> Check:
    """Alertmanager or channels of gptwatch."""
    name, given = message("notifications"), ", ".join(notify.configured)
    if notify.prometheus and given:
        text = "[notify] prometheus = true: what is set by {given} gets no alerts"
        advice = tr("remove them, or set prometheus = false where Alertmanager is off")
        return Check(name, "warning", tr(text, given=given), advice)
    if notify.prometheus:
        return Check(
            name,
            "ok",
            tr("sent by Alertmanager; see: {command}", command="gptwatch alertrules"),
        )
    if given:
        text = "sent by gptwatch ({given}); with Alertmanager, too, each comes twice"
        return Check(name, "ok", tr(text, given=given))
    return Check(name, "ok", tr("only in the log and in alerts.jsonl"))
