"""The report: complete, in two languages, nothing in it that the log does not tell."""

from dataclasses import replace

import analyses
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.outputs.report import evaluations, speed_advice
from watcher.outputs.report.text import WIDTH, by_severity, report
from watcher.outputs.text import catalog, escape, numbers


LANGUAGES = pytest.mark.parametrize("lang", catalog.LANGUAGES)


def value(analysis: Analysis, label: str, lang: str = "en") -> str:
    """What stands beside a label, "" where the report has no such line."""
    lines = report(analysis, lang=lang).splitlines()
    found = [x[len(label) :].strip() for x in lines if x.startswith(label + "  ")]
    return found[0] if found else ""


def advised(analysis: Analysis) -> str:
    """All advice on speed in English."""
    return numbers.plain(" ".join(speed_advice.speed(analysis, "en")))


@pytest.mark.parametrize(
    ("lang", "line"),
    [
        ("en", "val/train loss ratio: 128.35 (possible overfitting)"),
        ("ru", "Соотношение val/train loss: 128.35 (возможно переобучение)"),
    ],
)
def test_the_line_that_people_know(lang: str, line: str) -> None:
    """Ratio and verdict stand on a line of their own, letter by letter."""
    assert line in report(analyses.user_sample(), lang=lang).splitlines()


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("overfitting", "(possible overfitting)\nVerdict: overfitting confirmed"),
        ("possible", "(possible overfitting)"),
        ("none", "(no sign of overfitting)"),
    ],
)
def test_each_verdict_has_its_words(verdict: str, said: str) -> None:
    """A healthy run and a confirmed case do not read like a suspicion."""
    run = analyses.with_summary(analyses.overfit(), ratio=1.5, verdict=verdict)

    assert f"val/train loss ratio: 1.50 {said}\n" in report(run, lang="en")


@LANGUAGES
@pytest.mark.parametrize("name", analyses.ALL)
def test_no_report_is_wider_than_its_column(name: str, lang: str) -> None:
    """Every line fits 80 columns and carries no space at its end."""
    lines = report(analyses.ALL[name](), lang=lang).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert [line for line in lines if line != line.rstrip()] == []


@LANGUAGES
@pytest.mark.parametrize("name", analyses.ALL)
def test_absent_facts_are_left_out(name: str, lang: str) -> None:
    """No report shows None, an empty heading or two blank lines."""
    text = report(analyses.ALL[name](), lang=lang)

    assert "None" not in text
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_a_log_without_metrics_says_so() -> None:
    """The report of nothing is short."""
    text = report(analyses.nothing(), lang="en")

    assert "This log has no metrics." in text
    assert "Validation" not in text


def test_model_tells_what_was_trained() -> None:
    """Parameters, architecture, context, vocabulary, data."""
    run = analyses.overfit()

    assert value(run, "Parameters") == "10.65M"
    assert value(run, "Architecture") == "6 layers, 6 heads, width 384"
    assert value(run, "Context") == "256 tokens"
    assert value(run, "Vocabulary") == "65 tokens"
    assert value(run, "Dataset") == "shakespeare_char"


def test_settings_tell_how_it_was_trained() -> None:
    """Known settings have a row each, the others a common one."""
    run = analyses.overfit()

    assert value(run, "Iterations") == "5,000"
    assert value(run, "Batch") == "64 sequences"
    assert value(run, "Learning rate") == "0.001 decaying to 0.0001"
    assert value(run, "Dropout") == "0.2"
    assert value(run, "Evaluation") == "every 250 steps, each on 200 batches"
    assert value(run, "Other") == "beta2=0.99, out_dir=out-shakespeare-char"


def test_a_long_dump_of_arguments_is_cut() -> None:
    """Hundreds of settings would bury the report."""
    run = analyses.nothing(info={f"argument_{n}": n for n in range(300)})

    assert "and 276 more" in report(run, lang="en")


def test_training_tells_losses_and_times() -> None:
    """First and final loss, factor, typical and mean iteration, evaluations, MFU."""
    run = analyses.overfit()

    assert value(run, "First loss") == "4.2500 nats/token"
    assert value(run, "Final loss") == "0.0662 nats/token"
    assert value(run, "Improvement") == "64.16\N{MULTIPLICATION SIGN} (first / final)"
    assert value(run, "Typical iteration") == "118 ms (median, without pauses)"
    assert value(run, "Mean iteration").startswith("184 ms (over logged iterations")
    assert value(run, "Evaluation time") == (
        "1.65 s every 250 steps, 5.3% of training time"
    )
    assert value(run, "Mean MFU") == "10.0% (typical 10.1%)"
    assert value(run, "Throughput") == "138,847 tokens/s"
    assert value(run, "Total time") == "10 min 23 s"


def test_throughput_is_what_the_log_counts() -> None:
    """Where there are no tokens per second, iterations or samples will do."""
    rate = analyses.curve("iters_per_s", [0, 1, 2], [3.5, float("nan"), 3.6])
    run = analyses.nothing(throughput=rate)
    broken = analyses.nothing(throughput=replace(rate, values=rate.values * np.nan))

    assert value(run, "Throughput") == "3.55 it/s"
    assert value(broken, "Throughput") == ""


def test_time_left_is_shown_while_a_run_goes_on() -> None:
    """A run that ended has none left."""
    going = analyses.no_validation()
    ended = analyses.with_summary(going, outcome="crashed")

    assert value(going, "Time left") == "about 22 h 21 min"
    assert value(ended, "Time left") == ""


def test_an_averaged_loss_is_called_so() -> None:
    """A loss that the trainer smooths is not taken for a raw one."""
    run = analyses.bits_per_byte()

    assert value(run, "Final loss").endswith("(smoothed by the trainer)")


def test_values_that_are_not_finite_are_counted() -> None:
    """NaN is reported with the step where it began."""
    run = analyses.not_finite()

    assert value(run, "Non-finite values") == "3 values, the first at step 30"


def test_validation_tells_the_best_and_what_followed() -> None:
    """Best evaluation, last one, how many since, how far above, how long."""
    text = " ".join(report(analyses.overfit(), lang="en").split())

    assert "Best 1.5131 nats/token at step 1,250" in text
    assert "Last 6.3447 nats/token at step 5,000" in text
    assert (
        "15 evaluations, none better, now 319% above it, 7 min 47 s of training" in text
    )


def test_table_shows_first_best_and_last() -> None:
    """Of many evaluations a dozen are shown, the best one marked."""
    heading, *rows, note = evaluations.table(analyses.overfit(), "en")

    assert heading.split() == ["step", "train", "loss", "val", "loss", "val/train"]
    assert len(rows) == 12
    assert rows[0].split() == ["0", "4.2500", "4.2697", "1.00"]
    assert [r.split() for r in rows if "best" in r] == [
        ["1,250", "1.0973", "1.5131", "1.38", "best"]
    ]
    assert rows[-1].split() == ["5,000", "0.0662", "6.3447", "95.79"]
    assert note == "12 of 21 are shown."


def test_table_columns_are_aligned() -> None:
    """Figures end where their heading ends."""
    heading, *rows, _ = evaluations.table(analyses.overfit(), "ru")
    ends = [heading.index(word) + len(word) for word in ("шаг", "val loss")]

    assert {row[end - 1].isdigit() and row[end] == " " for row in rows for end in ends}
    assert all(row[ends[1] - 1].isdigit() for row in rows)


def test_table_shows_a_dozen_in_full() -> None:
    """Nothing is left out of a table that is short enough."""
    assert len(evaluations.table(analyses.only_validation(), "en")) == 13


def test_table_leaves_superseded_evaluations_out() -> None:
    """What a restart trained again does not stand beside what replaced it."""
    val = analyses.curve("val_loss", [0, 10, 10, 20], [4, 9.9, 3, 2])
    val = replace(val, current=np.array([True, False, True, True]))
    run = replace(analyses.only_validation(), val=val, val_train=None)

    assert "9.9" not in "\n".join(evaluations.table(run, "en"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "bits_per_byte",
            "No val/train ratio: validation is in bits/byte, training loss in nats/tok",
        ),
        ("only_validation", "No val/train ratio: the log has no training loss."),
    ],
)
def test_a_missing_ratio_is_explained(name: str, why: str) -> None:
    """Units that differ give no ratio, and the report says why."""
    text = report(analyses.ALL[name](), lang="en")

    assert why in text
    assert "Verdict: no sign of overfitting" in text


def test_without_validation_nothing_is_claimed() -> None:
    """A log without validation is not called healthy."""
    text = report(analyses.no_validation(), lang="en")

    assert "The log has no validation loss: overfitting cannot be detected." in text
    assert "no sign of" not in text


def test_the_end_is_reported_with_the_line_of_the_log() -> None:
    """How a run ended, and the last line of its traceback."""
    text = " ".join(report(analyses.out_of_memory(), lang="en").split())

    assert "Outcome out of memory" in text
    assert "torch.OutOfMemoryError: CUDA out of memory. Tried" in text


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, ""),
        ({"last_step": 9}, "not stated in the log"),
        (
            {"last_step": 9, "max_steps": 20},
            "not stated in the log; it stops at step 9 of 20",
        ),
        ({"last_step": 20, "max_steps": 20}, "not stated in the log"),
        ({"last_step": 9, "outcome": "killed"}, "killed"),
    ],
)
def test_an_end_that_is_not_logged_is_not_guessed(
    figures: dict[str, int | str], said: str
) -> None:
    """A log that just stops is said to stop."""
    run = analyses.with_summary(analyses.nothing(), **figures)

    assert value(run, "Outcome") == said


def test_restarts_are_reported() -> None:
    """Each stretch with its steps and why it began."""
    run = analyses.no_validation()

    assert value(run, "Segments") == "0 to 2,600 (start); 2,500 to 5,000 (resumed)"


def test_findings_stand_by_severity() -> None:
    """What is critical comes first, then by step."""
    found = [
        Finding("a", "info", 1),
        Finding("b", "critical", 9),
        Finding("c", "warning", 5),
        Finding("d", "warning", 2),
    ]

    assert [f.rule for f in by_severity(found)] == ["b", "d", "c", "a"]


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (5.0, "A larger batch_size (now 64)"),
        (19.9, "is underused"),
        (25.0, ""),
        (45.0, "the GPU is well used"),
    ],
)
def test_advice_on_the_batch_follows_from_mfu(share: float, said: str) -> None:
    """Low MFU asks for a larger batch; between low and good nothing is advised."""
    run = replace(analyses.overfit(), time=None)
    text = advised(analyses.with_summary(run, typical_mfu=share))

    assert said in text
    assert bool(said) == bool(text)


def test_accumulation_gives_way_to_a_larger_batch() -> None:
    """Where gradients are accumulated, the step can stay as large."""
    run = replace(analyses.overfit(), info={"gradient_accumulation_steps": 40})

    assert "Lower gradient_accumulation_steps (now 40)" in advised(run)


def test_dear_evaluations_are_advised_to_be_rarer() -> None:
    """Over a quarter of the time: how rare would bring it down, by arithmetic."""
    run = analyses.with_summary(
        analyses.overfit(), eval_share=0.34, eval_every=25, typical_ms=118.0
    )

    assert "Evaluations take 34% of training time: 1.65 s every 25 steps." in advised(
        run
    )
    assert "Evaluating every 200 steps would lower it to 6.5%." in advised(run)
    assert "So would fewer eval_iters (now 200)." in advised(run)


def test_advised_rarity_is_no_larger_than_it_must_be() -> None:
    """The next round number that brings evaluations to a tenth of the time."""
    run = analyses.with_summary(
        analyses.overfit(), eval_share=0.5, eval_every=5, eval_ms=1000.0, typical_ms=100
    )

    assert "Evaluating every 100 steps would lower it to 9.1%." in advised(run)


def test_cheap_evaluations_are_left_alone() -> None:
    """A quarter of the time is the limit."""
    run = analyses.with_summary(analyses.overfit(), eval_share=0.25)

    assert "Evaluations" not in advised(run)


def test_a_slow_first_iteration_is_explained() -> None:
    """It is the start, not the speed; a log that begins later has no first one."""
    run = analyses.overfit()
    assert run.time is not None
    later = replace(run, time=replace(run.time, steps=run.time.steps + 500))

    assert "The first iteration took 17.6 s, 149 times the" in advised(run)
    assert "The first iteration" not in advised(later)


def test_uneven_iterations_are_noticed() -> None:
    """One in twenty at twice the typical time is worth a look; pauses are not it."""
    steps = np.arange(100)
    time = analyses.curve("iter_ms", steps, np.where(steps % 10 == 5, 300.0, 100.0))
    run = analyses.nothing(time=time, pause=np.zeros(100, np.bool_))
    run = analyses.with_summary(run, typical_ms=100.0)

    assert "one in twenty takes over 300 ms" in advised(run)
    assert advised(replace(run, pause=time.values > 200)) == ""


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"compile": False}, "compile is off"),
        ({"dtype": "float32"}, "dtype is float32"),
        ({"dtype": "float32", "device": "cpu"}, ""),
        ({"vocab_size": 50257, "init_from": "scratch"}, "padded to 50,304"),
        ({"vocab_size": 50257, "init_from": "gpt2"}, ""),
        ({"vocab_size": 50304, "init_from": "scratch"}, ""),
        ({"compile": True, "dtype": "bfloat16"}, ""),
    ],
)
def test_settings_that_cost_speed_are_named(
    info: dict[str, int | float | str | bool], said: str
) -> None:
    """Only settings that the log states, only where a change is possible."""
    text = advised(analyses.nothing(info=info))

    assert said in text
    assert bool(said) == bool(text)


@given(st.text(st.characters(), max_size=30), st.sampled_from(catalog.LANGUAGES))
def test_no_text_of_a_log_is_obeyed(text: str, lang: str) -> None:
    """Names, settings and error lines come out as letters, in valid UTF-8."""
    run = analyses.with_summary(
        analyses.nothing(name=text, path=text, format=text, info={text: text}),
        last_step=1,
        outcome="crashed",
        outcome_text=text,
    )
    shown = report(run, lang=lang).replace("\n", "")

    assert shown == escape.clean(shown)
    assert shown.encode()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202etxt", "\\u202etxt"),
        ("\udcff\ud800", "\\xff\\ud800"),
        ("\u2028", "\\u2028"),
        ("Ünïcode 你好 ⣿", "Ünïcode 你好 ⣿"),
    ],
    ids=["C0", "line ends", "C1", "bidi", "surrogates", "separator", "letters"],
)
def test_clean_escapes_what_a_terminal_obeys(raw: str, shown: str) -> None:
    """Control codes become visible; letters of any script stay."""
    assert escape.clean(raw) == shown


@pytest.mark.parametrize(
    ("n", "form"),
    [
        *((n, 0) for n in (1, 21, 101, 121)),
        *((n, 1) for n in (2, 4, 22, 1004)),
        *((n, 2) for n in (0, 5, 11, 12, 14, 25, 111, 112)),
    ],
)
def test_russian_numbers_take_the_right_form(n: int, form: int) -> None:
    """1 шаг, 2 шага, 5 шагов; 11 шагов, 21 шаг."""
    assert catalog.noun("ru", n, "step") == ("шаг", "шага", "шагов")[form]


@pytest.mark.parametrize(
    ("value", "en", "ru"),
    [
        (4.23274, "4.2327", "4.2327"),
        (0.0, "0.0000", "0.0000"),
        (1.5e-5, "1.5e-05", "1.5e-05"),
        (12345.67, "12,345.7", "12\xa0345.7"),
        (1e30, "1e+30", "1e+30"),
        (float("nan"), "NaN", "NaN"),
        (float("-inf"), "-inf", "-inf"),
    ],
)
def test_losses_keep_the_decimals_of_logs(value: float, en: str, ru: str) -> None:
    """Four decimals; tiny and huge ones as powers of ten."""
    assert (numbers.loss(value, "en"), numbers.loss(value, "ru")) == (en, ru)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 s"),
        (0.0123, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9997, "1.00 s"),
        (1.654, "1.65 s"),
        (59.7, "1 min"),
        (95, "1 min 35 s"),
        (3599.6, "1 h"),
        (5000, "1 h 23 min"),
        (86_399, "1 d"),
        (187_200, "2 d 4 h"),
    ],
)
def test_times_have_two_units_at_most(value: float, said: str) -> None:
    """Days with hours, hours with minutes, minutes with seconds."""
    assert numbers.plain(numbers.seconds(value, "en")) == said


@given(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(catalog.LANGUAGES)
)
def test_every_number_can_be_written(value: float, lang: str) -> None:
    """No figure, however broken, stops a report; none takes half a line."""
    forms = (
        numbers.loss,
        numbers.integer,
        numbers.times,
        numbers.percent,
        numbers.mfu,
        numbers.milliseconds,
        numbers.seconds,
        numbers.short,
        numbers.tokens_per_s,
    )

    assert max(len(form(value, lang)) for form in forms) <= 40
    assert len(numbers.ratio(value)) <= 20


@pytest.mark.parametrize(
    ("locale", "lang"),
    [("ru", "ru"), ("ru_RU.UTF-8", "ru"), ("en_US", "en"), ("C", "en"), ("de", "en")],
)
def test_languages_are_two(locale: str, lang: str) -> None:
    """Russian where it is asked for, English elsewhere."""
    assert catalog.language(locale) == lang
