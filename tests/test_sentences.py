"""Sentences, advice and titles: what people read of a finding."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import analyses
import numpy as np
import pytest
from analyses import with_summary

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.outputs.text.finding_templates import PARTS
from watcher.outputs.text.findings import advice, sentence
from watcher.outputs.text.headline import headline
from watcher.outputs.text.numbers import (
    count,
    difference,
    integer,
    loss,
    percent,
    plain,
)
from watcher.storage.columns import Run


NBSP = "\N{NO-BREAK SPACE}"
OVERFITTING = Finding(
    "overfitting",
    "warning",
    step=2250,
    since_step=1750,
    evidence={
        "best": 1.472,
        "rise": 0.25,
        "rise_share": 0.1698,
        "train_fall_share": 0.38,
        "share_after": 0.65,
        "unit": "nats/token",
    },
    confirmed_step=2500,
)
ALL: dict[str, Mapping[str, float | int | str | None]] = {
    "overfitting": OVERFITTING.evidence,
    "not_finite": {"metric": "loss", "value": "NaN", "last": 2.5, "last_step": 20},
    "divergence": {"metric": "loss", "best": 2.0, "level": 6.5, "start": 10.9},
    "spike": {"peak": 7.25, "usual": 3.5, "records": 2},
    "plateau": {"change": 0.005, "evaluations": 21, "level": 1.5},
    "slowdown": {"now_ms": 150.0, "before_ms": 118.0},
    "resume_jump": {"before": 1.94, "after": 2.93, "end": "killed", "end_step": 890},
    "rising_loss": {"before": 1.41, "after": 1.67, "rise_share": 0.18},
    "zero_loss": {"before": 0.34, "grad": "NaN"},
    "gradient_not_finite": {"records": 110},
    "gradient_spike": {"peak": 9410.0, "usual": 1.01},
    "skipped_steps": {"skipped": 60},
    "no_movement": {"level": 10.825, "classes": 50_257},
    "constant_metric": {"metric": "val_loss", "level": 0.7},
    "zero_learning_rate": {"records": 200},
    "validation_jump": {"best": 2.1, "before": 2.2, "level": 9.5},
    "evaluation_cost": {"share": 0.4, "eval_ms": 35_392.0, "every": 250},
    "best_checkpoint_lost": {"best": 1.47, "saved": 1.72, "saved_step": 12_000},
    "crashed": {"outcome": "killed", "text": "Killed"},
    "finished": {"outcome": "finished"},
    "stalled": {"silent_s": 4000.0, "longest_s": 35.0},
}


def finding(rule: str, **changed: Any) -> Finding:
    """A finding of a rule with all its numbers."""
    return replace(Finding(rule, "warning", 12_500, 1750, ALL[rule]), **changed)


def test_overfitting_in_english() -> None:
    """The sentence has the numbers that a decision needs."""
    assert (
        "Overfitting since step 1,750: validation loss is 0.25 (17%) above its best "
        "1.4720 while training loss fell 38%. The best checkpoint is from step 1,750; "
        "65% of the run's time was spent after it."
    ) == sentence(OVERFITTING)


def test_overfitting_in_russian() -> None:
    """With no-break spaces between a number and its sign."""
    assert (
        "Переобучение с шага 1750: валидационный loss сейчас выше своего минимума "
        f"1.4720 на 0.25 (17{NBSP}%), а обучающий упал на 38{NBSP}%. Лучший чекпойнт "
        f"— с шага 1750; после него прошло 65{NBSP}% времени обучения."
    ) == sentence(OVERFITTING, "ru")


def test_a_warning_is_not_sure() -> None:
    """Only what is confirmed is said without a doubt."""
    shown = sentence(replace(OVERFITTING, confirmed_step=None))

    assert shown.startswith("Probably overfitting since step 1,750: ")


def test_what_is_over_says_so() -> None:
    """A finding that was cleared is no longer so."""
    over = replace(OVERFITTING, cleared_step=4000)
    finite = finding("not_finite", cleared_step=13_000)

    assert sentence(over).startswith("Overfitting from step 1,750 to 4,000: ")
    assert sentence(finite).endswith(". Resolved at step 13,000.")


def test_what_a_restart_ended_says_so() -> None:
    """Steps that go back are no interval."""
    over = replace(OVERFITTING, cleared_step=500)
    finite = finding("not_finite", cleared_step=0)
    went = "until the run restarted from step 500: "

    assert f"Overfitting from step 1,750 {went}" in sentence(over)
    assert sentence(finite).endswith(". The run then restarted from step 0.")


def test_other_units_are_named() -> None:
    """Nats go without saying, bits do not."""
    bits = {**OVERFITTING.evidence, "unit": "bits/byte"}
    found = replace(OVERFITTING, evidence=bits)

    assert "is 0.25 bits/byte (17%) above" in sentence(found)
    assert "на 0.25 бит/байт (17" in sentence(found, "ru")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "not_finite",
            (
                "Training loss has been NaN since step 12,500; the last finite value"
                " was 2.5000 at step 20."
            ),
        ),
        (
            "divergence",
            (
                "Diverged at step 12,500: training loss is back up at 6.5000 after its"
                " best 2.0000 at step 1,750 (first value 10.9000)."
            ),
        ),
        ("spike", "Loss spike at step 1,750: 7.2500, typical 3.5000 (2 records)."),
        (
            "plateau",
            (
                "No progress since step 1,750: the losses changed by less than 0.5% in"
                " 21 evaluations, validation loss stays at 1.5000."
            ),
        ),
        (
            "slowdown",
            "Slower since step 1,750: an iteration takes 150 ms, up from 118 ms.",
        ),
        (
            "evaluation_cost",
            (
                "Evaluation overhead is high: the last three took 40% of training time,"
                " 35.4 s each, every 250 steps."
            ),
        ),
        (
            "best_checkpoint_lost",
            (
                "The best checkpoint was overwritten: the one on disk, from step"
                " 12,000, has validation loss 1.7200, the best was 1.4700 at step"
                " 1,750."
            ),
        ),
        ("crashed", "Killed at step 12,500: Killed"),
        (
            "resume_jump",
            (
                "Training loss jumped at the resume at step 1,750 (killed at step 890):"
                " 2.9300, it was 1.9400."
            ),
        ),
        (
            "rising_loss",
            "Training loss rises since step 1,750: 1.6700, it was 1.4100 (18% more).",
        ),
        (
            "zero_loss",
            (
                "Training loss is exactly 0 since step 1,750, it was 0.3400 (gradient"
                " norm NaN)."
            ),
        ),
        (
            "skipped_steps",
            "Optimizer steps are skipped since step 1,750, 60 one after the other.",
        ),
        (
            "no_movement",
            (
                "Nothing is learned since step 1,750: training loss is 10.8250, where"
                " it began, as for guessing among 50,257."
            ),
        ),
        (
            "validation_jump",
            (
                "Validation loss jumped at step 12,500: 9.5000, it was 2.2000 (best"
                " 2.1000)."
            ),
        ),
        ("finished", "Finished at step 12,500."),
        (
            "stalled",
            (
                "No output in the log for 1 h 7 min after step 12,500; the longest"
                " pause before was 35.0 s."
            ),
        ),
    ],
)
def test_every_rule_has_its_sentence(rule: str, said: str) -> None:
    """Numbers stand in words."""
    assert said == plain(sentence(finding(rule)))


@pytest.mark.parametrize("rule", sorted(PARTS))
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_sentences_need_no_evidence(rule: str, lang: str) -> None:
    """What is not known is left out, with its words and its punctuation."""
    unsaid = {k: math.nan for k, v in ALL[rule].items() if not isinstance(v, str)}
    for evidence in ({}, dict.fromkeys(ALL[rule]), unsaid):
        shown = sentence(Finding(rule, "info", 5, None, evidence), lang)

        assert len(shown) > len("step 5.")
        assert not set("{}|") & set(shown)
        assert "nan " not in shown


@pytest.mark.parametrize("rule", sorted(PARTS))
def test_russian_is_russian(rule: str) -> None:
    """No English sentence is left in the other language."""
    shown = sentence(finding(rule), "ru_RU.UTF-8")

    assert any("а" <= letter <= "я" for letter in shown)
    assert " step " not in shown
    assert f"12{NBSP}" in shown or "1750" in shown or rule == "evaluation_cost"


def test_nothing_is_advised_where_nothing_is_to_do() -> None:
    """A run that has finished asks for nothing."""
    assert "" == advice(finding("finished"))


@pytest.mark.parametrize("rule", sorted(set(PARTS) - {"finished"}))
def test_every_rule_gives_advice_in_a_line(rule: str) -> None:
    """Something can be done about everything that is wrong."""
    for lang in ("en", "ru"):
        line = advice(finding(rule), lang)

        assert line.endswith(".")
        assert "\n" not in line
        assert "{" not in line


def test_advice_depends_on_how_it_ended() -> None:
    """Memory that was too small asks for a smaller batch."""
    short = finding("crashed", evidence={"outcome": "out of memory"})

    assert "batch_size" in advice(short)
    assert "batch_size" not in advice(finding("crashed"))


def test_an_unknown_rule_is_named() -> None:
    """A finding of a newer store does not stop the report."""
    found = Finding("loss_of_hope", "info", 7)

    assert "Loss of hope at step 7." == sentence(found)
    assert "" == advice(found)


def test_the_rules_have_sentences() -> None:
    """What a rule finds in a log of ours can be said."""
    run = analyses.overfit()
    shown = [sentence(f) for f in rules.findings(run)]

    assert any(text.startswith("Overfitting since step 1,250: ") for text in shown)


def titled(*found: Finding, **summary: Any) -> Analysis:
    """A run with validation and these findings."""
    run = with_summary(analyses.overfit(), **summary)
    return replace(run, findings=found)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            (
                "Overfitting since step 1,750: validation loss is 0.25 nats/token"
                " above its best"
            ),
        ),
        (
            "ru",
            (
                "Переобучение с шага 1750: валидационный loss на 0.25 нат/токен"
                " выше минимума"
            ),
        ),
    ],
)
def test_the_title_is_the_finding(lang: str, said: str) -> None:
    """Whoever sees the picture reads what it shows."""
    assert said == headline(titled(OVERFITTING), lang)


def test_the_worst_is_the_title() -> None:
    """A crash says more than overfitting, and a spike says nothing."""
    found = [finding("spike"), OVERFITTING, finding("not_finite"), finding("crashed")]

    assert "Killed at step 12,500: Killed" == headline(titled(*found))
    assert "Training loss has been NaN" == headline(titled(*found[:3]))[:26]
    assert "Overfitting" == headline(titled(*found[:2]))[:11]


def test_a_title_of_what_is_over_is_none() -> None:
    """What was cleared is no title."""
    over = replace(OVERFITTING, cleared_step=4000)

    assert "Overfitting" not in headline(titled(over))


@pytest.mark.parametrize("rule", sorted(PARTS))
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_titles_are_short(rule: str, lang: str) -> None:
    """They fit above the picture."""
    long = finding(rule, evidence={**ALL[rule], "text": "x" * 300})

    assert 0 < len(headline(titled(long), lang)) <= 160


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (
            np.linspace(9, 2.31, 200),
            "Training loss 2.3100 after 5,000 steps, still falling",
        ),
        (
            np.append(np.linspace(9, 2, 100), [2.3, 2.31] * 50),
            "Training loss 2.3100 after 5,000 steps, no longer falling",
        ),
        (np.array([3.4, 2.31]), "Training loss 2.3100 after 5,000 steps"),
    ],
    ids=["falling", "flat", "short"],
)
def test_a_run_without_validation_has_a_title(loss: Any, said: str) -> None:
    """Whoever never evaluates wants to know whether it still learns."""
    steps = np.linspace(5000 / len(loss), 5000, len(loss)).round().astype(int)
    pairs = zip(steps.tolist(), loss.tolist(), strict=True)
    log = "".join(f"step {step} | loss {value:.4f}\n" for step, value in pairs)
    parser, run = Parser(), Run()
    run.add(parser.feed(log.encode()))

    assert said == headline(analyse(run, name="run", path="run"))


@pytest.mark.parametrize("name", sorted(analyses.ALL))
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_every_run_has_a_title(name: str, lang: str) -> None:
    """From the empty to the extreme."""
    assert 0 < len(headline(analyses.ALL[name](), lang)) <= 160


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, "1 запись"),
        (2, "2 записи"),
        (5, "5 записей"),
        (11, "11 записей"),
        (21, "21 запись"),
        (112, "112 записей"),
        (12_024, f"12{NBSP}024 записи"),
    ],
)
def test_russian_nouns_follow_their_numbers(n: int, said: str) -> None:
    """One, few and many have a form each."""
    assert said == count(n, "record", "ru")


def test_numbers_are_grouped() -> None:
    """Commas in English, no-break spaces in Russian from five digits on."""
    assert ("999", "1,750", "1750") == (
        integer(999, "en"),
        integer(1750, "en"),
        integer(1750, "ru"),
    )
    assert f"1{NBSP}234{NBSP}567" == integer(1_234_567, "ru")


def test_numbers_have_the_digits_that_matter() -> None:
    """Neither more decimals than are read, nor fewer than make a difference."""
    assert ["1.4719", "0.0123", "1.2e-05", "1e+12"] == [
        loss(v, "en") for v in (1.4719, 0.0123, 1.2e-5, 1e12)
    ]
    assert ["0.25", "0.0012", "0.00"] == [difference(v) for v in (0.25, 0.00123, 0.0)]
    assert ["0.5%", "17%", "5%", "1,250%"] == [
        percent(v, "en") for v in (0.005, 0.17, 0.05, 12.5)
    ]


@pytest.mark.parametrize(
    ("lang", "start"),
    [
        ("en", "Overfitting since epoch 12: validation loss"),
        ("ru", "Переобучение с эпохи 12: валидационный loss"),
    ],
)
def test_epochs_are_called_epochs(lang: str, start: str) -> None:
    """In sentence, advice and headline of a log that counts epochs."""
    evidence = {**OVERFITTING.evidence, "counts": "epoch"}
    found = replace(OVERFITTING, since_step=12, evidence=evidence)

    texts = [sentence(found, lang), advice(found, lang), headline(titled(found), lang)]

    assert texts[0].startswith(start)
    assert texts[2].startswith(start)
    assert not any("step 12" in t or "шага 12" in t for t in texts)
