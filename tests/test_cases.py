"""What people ask about their logs, answered: kinds that were wrong or silent once."""

import json
from dataclasses import replace

import numpy as np
import pytest
from analyses import overfit, with_summary

from parsers.parser import Parser
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.outputs.report import evaluations, speed_advice, terminal
from watcher.outputs.report.text import report
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.headline import headline
from watcher.outputs.text.numbers import plain
from watcher.storage.columns import Run


def read(*lines: str, ended: bool = False) -> Analysis:
    """What is known of a log with these lines."""
    parser, run = Parser(), Run()
    run.add(parser.feed("".join(f"{line}\n" for line in lines).encode()))
    run.add(parser.flush())
    return analyse(run, name="run", path="run.log", ended=ended)


def only(analysis: Analysis) -> Finding:
    """The one finding of a log."""
    (finding,) = analysis.findings
    return finding


def shown(analysis: Analysis) -> str:
    """What `once` prints."""
    return plain(terminal.summary(analysis, {}, lang="en", width=200, colour=False))


# The Hugging Face Trainer


def trainer(loss: float, epoch: float, **more: object) -> str:
    """A record of its log."""
    rest = "".join(f", '{k}': {v}" for k, v in more.items())
    return f"{{'loss': {loss}{rest}, 'learning_rate': 1e-05, 'epoch': {epoch:.2f}}}"


def test_losses_that_stay_at_zero_are_all_records() -> None:
    """Equal lines are no repetition where the loss is stuck at 0."""
    falls = [trainer(round(2 - i / 50, 4), i / 20, grad_norm=1.1) for i in range(20)]
    stuck = [trainer(0.0, 1.0, grad_norm="nan")] * 6

    analysis = read(*falls, *stuck)

    assert (26, 26) == (analysis.summary.records, analysis.summary.last_step)
    assert ("zero_loss", "critical", 21) == (
        only(analysis).rule,
        only(analysis).severity,
        only(analysis).since_step,
    )


def test_evaluations_more_often_than_losses_have_steps_of_their_own() -> None:
    """Four an epoch and one training loss: each is a place on the axis."""
    lines = []
    for quarter in range(1, 21):
        if quarter % 4 == 0:
            lines.append(trainer(round(1.2 * 0.7 ** (quarter / 4), 4), quarter / 4))
        val = 0.9 - 0.02 * quarter + 0.05 * max(0, quarter - 8)
        lines.append(f"{{'eval_loss': {val:.4f}, 'epoch': {quarter / 4}}}")

    analysis = read(*lines)

    assert analysis.val is not None
    assert list(range(1, 21)) == analysis.val.steps.tolist()
    assert (20, 8) == (analysis.summary.evaluations, analysis.summary.best_val_step)
    assert "since step 8 (epoch 2)" in headline(analysis)


def sets() -> Analysis:
    """Two validation sets, of which one is overfitted."""
    lines = []
    for epoch in range(1, 13):
        lines.append(trainer(round(0.8**epoch, 4), epoch - 0.1))
        news = 1.5 - 0.1 * epoch + 0.2 * max(0, epoch - 5)
        wiki = 1.4 * 0.95**epoch
        lines.append(f"{{'eval_news_loss': {news:.4f}, 'epoch': {epoch}.0}}")
        lines.append(f"{{'eval_wiki_loss': {wiki:.4f}, 'epoch': {epoch}.0}}")
    return read(*lines)


def test_each_validation_set_is_watched_by_name() -> None:
    """One overfits, the other goes on improving; no best over both."""
    analysis = sets()

    assert ("overfitting", 5, "news") == (
        only(analysis).rule,
        only(analysis).since_step,
        only(analysis).evidence["set"],
    )
    assert "validation loss (news) is" in headline(analysis)
    assert "val loss (news)" in shown(analysis)
    assert "val loss (wiki)" in shown(analysis)
    assert "Best (wiki)" in report(analysis, lang="en")
    named = [(s.name, s.best_val_step) for s in analysis.summary.validation_sets]
    assert [("news", 5), ("wiki", 12)] == named


def test_parts_of_a_validation_loss_are_no_sets() -> None:
    """A detector prints them beside each other."""
    rows = [
        json.dumps({"step": i, "loss": 2.0, "val_box_loss": 1.0, "val_loss": 3.0})
        for i in range(5)
    ]

    analysis = read(*rows)

    assert () == analysis.summary.validation_sets
    assert analysis.val is not None
    assert "val_loss" == analysis.val.metric


def test_a_task_metric_is_named_with_its_epoch() -> None:
    """The accuracy still rises where the loss does no more: both bests are named."""
    lines = []
    for epoch in range(1, 9):
        lines += [trainer(round(0.7**epoch, 4), epoch - k / 4) for k in (2, 1)]
        val, accuracy = 0.6 - 0.05 * epoch + 0.12 * max(0, epoch - 2), 0.7 + epoch / 50
        lines.append(
            f"{{'eval_loss': {val:.4f}, 'eval_accuracy': {accuracy:.4f}, "
            f"'epoch': {epoch}.0}}"
        )

    text = plain(sentence(only(read(*lines))))

    assert text.startswith("Overfitting since step 4 (epoch 2): validation loss is")
    assert "Accuracy is best at step 16 (epoch 8): 0.8600, it was 0.7400" in text
    assert "The best checkpoint by loss is from step 4" in text


def test_the_losses_of_a_trainer_of_anything_have_no_unit() -> None:
    """Only a language model's are nats per token."""
    assert "nats" not in headline(sets())
    assert "nats" not in report(sets(), lang="en")


# Epochs


def keras(*heads: str) -> Analysis:
    """Epochs of Keras with such times."""
    lines = []
    for i, head in enumerate(heads, 1):
        bar = f"200/200 [====] - {head} - loss: {3 / i:.4f} - val_loss: {3 / i:.4f}"
        lines += [f"Epoch {i}/50", bar]
    return read(*lines)


def test_the_time_of_a_keras_epoch_is_that_of_all_its_steps() -> None:
    """Ten of 3 s are 30 s, and 40 more take two minutes."""
    analysis = keras(*["3s 15ms/step"] * 10)

    assert (3000.0, 30.0, 120.0) == (
        analysis.summary.typical_ms,
        analysis.summary.training_s,
        analysis.summary.eta_s,
    )
    assert "3.00 s per epoch" in shown(analysis)
    assert "best 0.3000 at epoch 10" in shown(analysis)
    assert "Epochs" in report(analysis, lang="en")


def test_the_time_of_an_epoch_below_a_second_is_unknown() -> None:
    """Microseconds a sample of `0s` jump for no reason."""
    analysis = keras(*["0s 90us/step", "0s 170us/step"] * 20)

    assert (None, None) == (analysis.summary.typical_ms, analysis.summary.eta_s)
    assert () == analysis.findings


def test_a_metric_with_a_digit_in_its_name_is_read_in_free_text() -> None:
    """And named beside the lowest loss, in epochs."""
    lines = [
        f"Epoch {i}/20 | train_loss: {0.2 * 0.9**i:.4f} | "
        f"val_loss: {0.2 - 0.01 * i + 0.02 * max(0, i - 8):.4f} | mAP50: {i / 30:.4f}"
        for i in range(1, 21)
    ]

    assert headline(read(*lines)).endswith(
        "is 0.12 above its best; mAP50 is best at epoch 20"
    )


def test_a_row_of_yolo_is_an_epoch() -> None:
    """Its column is headed so; nowhere is it a step."""
    lines = [" Epoch  GPU_mem  box_loss  cls_loss  dfl_loss  Instances  Size"]
    lines += [
        f"   {i}/9     2.1G     {3 / i:.3f}      1.2      1.1         12   640: "
        "100%|##########| 8/8 [00:01<00:00,  6.1it/s]"
        for i in range(1, 10)
    ]

    assert headline(read(*lines)).endswith("after 9 epochs")


# Values that belong to something else


def test_of_two_losses_in_a_line_the_plain_one_is_the_loss() -> None:
    """`MAE Loss` is another figure, wherever it stands."""
    lines = [
        f"Epoch: {i} | Train Loss: {1 / i:.4f} Vali Loss: {2 / i:.4f} "
        f"Test Loss: 0.3000 MAE Loss: 0.4000"
        for i in range(1, 6)
    ]

    analysis = read(*lines)

    assert analysis.train is not None
    assert [1.0, 0.5, 0.3333, 0.25, 0.2] == analysis.train.values.tolist()
    assert 0.4 == analysis.summary.best_val


def test_ranks_that_print_in_turn_are_one_step() -> None:
    """Three processes, a step of one second each."""
    lines = [
        f"iter: {step}/900 | loss: {5 - step / 100 + rank / 10:.4f} | iter time: 1.0s"
        for step in range(1, 31)
        for rank in range(3)
    ]

    analysis = read(*lines)

    assert (30, 30.0) == (analysis.summary.records, analysis.summary.training_s)


def test_a_table_of_results_is_no_training() -> None:
    """Each line is the end of another run."""
    rows = [
        {"run_name": f"trial-{i}", "max_iters": 100, "train_loss": v, "val_loss": v}
        for i, v in enumerate([9.0, 2.0, 8.5, 1.5, 9.5, 7.0, 1.75])
    ]

    analysis = read(*map(json.dumps, rows))

    assert () == analysis.findings
    assert "Results of 7 runs: the lowest loss is 1.5000, in line 4" == headline(
        analysis
    )
    assert "train loss" not in shown(analysis)
    assert "Results" in report(analysis, lang="en")


def test_a_log_that_repeats_the_name_of_its_run_is_a_training() -> None:
    """One run is no table."""
    rows = [{"run_name": "a", "loss": 3 - i / 10} for i in range(10)]

    assert not read(*map(json.dumps, rows)).table


# Figures and sentences


def test_an_exception_without_a_message_is_explained() -> None:
    """Few know what the end of an iterator means."""
    lines = [f"iter {i}: loss {3 - i / 10:.4f}, time 50.00ms" for i in range(9)]
    lines += ["Traceback (most recent call last):", "    main()", "StopIteration"]

    assert "Crashed at step 8: StopIteration (the data ran out)" == headline(
        read(*lines, ended=True)
    )


def test_a_loss_that_rises_has_the_numbers_of_now() -> None:
    """Not those of the record at which it was found."""
    lines = [f"step {i} | loss {1 + i / 400:.4f}" for i in range(1, 201)]

    finding = only(read(*lines))

    assert "rising_loss" == finding.rule
    assert finding.evidence["after"] == pytest.approx(1.49, abs=0.01)


def test_evaluations_cost_nothing_rather_than_less() -> None:
    """Within the noise of iterations their cost is unknown."""
    lines = []
    for i in range(1, 60):
        if i % 10 == 0:
            lines.append(f"step {i}: train loss 2.0000, val loss 2.0000")
        ms = 95 if i % 10 == 0 else 100 + i % 3
        lines.append(f"iter {i}: loss 2.0000, time {ms}.00ms, mfu 30.00%")

    summary = read(*lines).summary

    assert (None, None) == (summary.eval_ms, summary.eval_share)


def test_a_short_run_that_has_ended_gets_a_final_word() -> None:
    """While it goes on two rises of three evaluations are no evidence."""
    lines = [
        f"step {i}: train loss {0.5 - i / 1000:.4f}, val loss {0.4 + i / 1000:.4f}"
        for i in range(0, 300, 100)
    ]

    assert () == read(*lines).findings
    assert "validation loss ended 0.20 (50%) above its best 0.4000" in plain(
        sentence(only(read(*lines, ended=True)))
    )
    assert "ended 0.20" in headline(read(*lines, ended=True))


def test_validation_below_training_has_a_reason_and_no_alert() -> None:
    """It is usual with dropout."""
    lines = [
        f"Epoch {i} | train_loss={2 / i + 0.3:.4f} | val_loss={1.5 / i:.4f}"
        for i in range(1, 9)
    ]

    analysis = read(*lines)

    assert () == analysis.findings
    assert "Validation loss is below training loss" in report(analysis, lang="en")
    assert [] == evaluations.below(with_summary(analysis, ratio=1.0).summary, "en")


@pytest.mark.parametrize(
    ("steps", "turn", "advised"),
    [(5000, None, "every 200 steps"), (5000, 4000, "every 200 steps"), (100, 50, "")],
)
def test_advice_on_evaluations_keeps_the_course_visible(
    steps: int, turn: int | None, advised: str
) -> None:
    """Twenty a run, and four on each side of the turn that it had."""
    best = steps if turn is None else turn
    analysis = with_summary(
        replace(overfit(), findings=()),
        max_steps=steps,
        eval_share=0.9,
        eval_ms=1e6,
        eval_every=10,
        best_val_step=best,
        final_val_step=steps,
        evaluations_since_best=0 if turn is None else 9,
    )

    text = plain(" ".join(speed_advice.speed(analysis, "en")))

    assert ("Evaluating" in text) == bool(advised)
    assert advised in text


def test_the_training_loss_has_one_value_in_text_and_picture() -> None:
    """That of the last record, also at the end of a smoothed line."""
    from watcher.outputs.plot.axis_range import steps_scale
    from watcher.outputs.plot.lines import Look
    from watcher.outputs.plot.loss_panels import detail, hero
    from watcher.outputs.plot.theme import THEMES

    rng = np.random.default_rng(0)
    noisy = 2 + np.exp(-np.arange(300) / 50) + rng.normal(0, 0.1, 300)
    analysis = read(*(f"step {i} | loss {v:.4f}" for i, v in enumerate(noisy)))
    look = Look(THEMES["light"], "en", steps_scale([analysis], log=False))
    final = f"{analysis.summary.final_loss:.4f}"

    panel = detail(analysis, look)

    assert panel is not None
    assert [f"train {final}"] == [e.text for e in hero(analysis, look).ends]
    assert [final] == [e.text for e in panel.ends]
    assert final in shown(analysis)
