"""A figure has one form, in every output of one run."""

import re
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.text import Text

from parsers.parser import Parser
from watcher.analysis import pipeline
from watcher.analysis.model import Analysis
from watcher.analysis.rules import Settings
from watcher.outputs.plot.axis_range import steps_scale
from watcher.outputs.plot.figure import draw
from watcher.outputs.plot.lines import Look
from watcher.outputs.plot.theme import THEMES, rc
from watcher.outputs.report import json as data
from watcher.outputs.report import terminal
from watcher.outputs.report.text import report
from watcher.outputs.text import numbers
from watcher.outputs.text.findings import advice, sentence
from watcher.outputs.text.headline import headline


LOG = Path(__file__).parent / "data/demo/demo.log"
LOSSES = ("first_loss", "final_loss", "best_loss", "best_val", "final_val")


@pytest.fixture(scope="module")
def run() -> Analysis:
    """A real run that overfits."""
    return pipeline.read(
        LOG, window=None, settings=Settings(), parser=Parser()
    ).analysis


def picture(run: Analysis, lang: str) -> str:
    """All words of the picture but the numbers of its axes."""
    look = Look(THEMES["light"], lang, steps_scale([run], log=False))
    with mpl.rc_context(rc(look.theme)):
        sheet = draw(run, look, headline=headline(run, lang), drawn_by="test")
    return "\n".join(text.get_text() for text in sheet.figure.findobj(Text)
                     if text.axes is None)  # fmt: skip


def outputs(run: Analysis, lang: str) -> dict[str, str]:
    """What each output says of the run, by its name."""
    document = data.document(run, {}, lang=lang)
    return {
        "report": report(run, lang=lang),
        "terminal": terminal.summary(run, {}, lang=lang, width=80, colour=False),
        "headline": headline(run, lang),
        "picture": picture(run, lang),
        "json": "\n".join(finding["message"] for finding in document["findings"]),
    }


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_one_form(run: Analysis, name: str, lang: str) -> None:
    """No output rounds a loss of the summary to other decimals than the others."""
    value = asdict(run.summary)[name]
    form = numbers.loss(value, lang)
    texts = outputs(run, lang)
    found = {
        (output, number)
        for output, text in texts.items()
        for number in re.findall(r"(?<![\d.,])\d+\.\d{2,}(?![\d,])", text)
        if float(number) == round(value, len(number.partition(".")[2]))
    }

    assert found
    assert {form} == {number for _, number in found}


def test_the_best_evaluation_stands_in_every_output(run: Analysis) -> None:
    """The number that people compare, and where it was."""
    texts = outputs(run, "en")
    text = numbers.loss(asdict(run.summary)["best_val"], "en")

    assert {"report", "terminal", "picture", "json"} == {
        name for name, shown in texts.items() if text in shown
    }


def test_shares_stand_with_their_sign(run: Analysis) -> None:
    """`33%` in English: nothing between that could break a line."""
    texts = outputs(run, "en")

    assert all(re.search(r"\d%", texts[name]) for name in ("report", "terminal"))
    assert {} == {n: t for n, t in texts.items() if re.search(r"\d\s+%", t)}


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_no_line_breaks_inside_a_quantity(run: Analysis, lang: str) -> None:
    """A number and its unit stay on one line of the report."""
    sentences = [sentence(f, lang) + advice(f, lang) for f in run.findings]
    quantity = r"[\d.,]+\N{NO-BREAK SPACE}\S+?(?=[ ,.;:)]|$)"
    quantities = {q for text in sentences for q in re.findall(quantity, text)}
    text = report(run, lang=lang)

    assert quantities
    assert set() == {q for q in quantities if numbers.plain(q) not in text}
