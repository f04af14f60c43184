"""All tables of Russian texts."""

from collections import ChainMap
from typing import Final

from watcher.outputs.text.finding_templates import ADVICE, PARTS
from watcher.outputs.text.rule_docs import MEANINGS
from watcher.outputs.text.russian import (
    click,
    commands,
    doctor,
    errors,
    findings,
    fleet,
    log,
    plot,
    report,
    top,
)
from watcher.outputs.text.russian import help as help_texts


TABLES: Final = (
    report.RUSSIAN,
    plot.RUSSIAN,
    findings.RUSSIAN,
    commands.RUSSIAN,
    doctor.RUSSIAN,
    help_texts.RUSSIAN,
    fleet.RUSSIAN,
    top.RUSSIAN,
    click.RUSSIAN,
    errors.RUSSIAN,
    log.RUSSIAN,
    dict(PARTS.values()),
    dict(ADVICE.values()),
    dict(MEANINGS.values()),
)
RUSSIAN: Final = ChainMap(*map(dict, TABLES))
