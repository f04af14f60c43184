"""Whose a record is and which step it has, in logs of keys and bars."""

from parsers.parser import Parser
from watcher.storage.columns import Run


def points(text: str, metric: str) -> list[tuple[int, float]]:
    """Steps and values that are read from a log."""
    parser, run = Parser(), Run()
    run.add(parser.feed(text.encode()))
    run.add(parser.flush())
    if metric not in run.metrics():
        return []
    _, steps, values = run.column(metric)
    return list(zip(steps.tolist(), values.tolist(), strict=True))


def bar(count: int, loss: float) -> str:
    return f"Steps:  25%|##  | {count}/4 [00:09<00:27, 9.1s/it, loss={loss}]\r"


def test_bar_counted_on_before_its_loss_is_set_shows_the_loss_before() -> None:
    log = bar(1, 0.8) + bar(2, 0.8) + bar(2, 0.6) + bar(3, 0.6) + bar(3, 0.5) + "\n"

    assert [(1, 0.8), (2, 0.6), (3, 0.5)] == points(log, "loss")


def test_equal_losses_of_two_steps_are_two_records() -> None:
    log = bar(1, 0.8) + bar(2, 0.8) + bar(3, 0.5) + "\n"

    assert [(1, 0.8), (2, 0.8), (3, 0.5)] == points(log, "loss")


def test_mean_of_a_window_is_no_loss_of_a_step() -> None:
    log = "".join(f"step: {i} | loss: 0.{i}\n" for i in range(1, 4))
    log += "[step 3] avg_loss=0.2\n"

    assert [(1, 0.1), (2, 0.2), (3, 0.3)] == points(log, "loss")
    assert [(3, 0.2)] == points(log, "running_loss")


def test_mean_is_the_loss_where_no_other_is_printed() -> None:
    log = "[step 25] avg_loss=0.5\n[step 50] avg_loss=0.4\n"

    assert [(25, 0.5), (50, 0.4)] == points(log, "loss")


def test_validation_behind_the_last_batch_is_at_the_end_of_the_epoch() -> None:
    log = (
        "Epoch 1 batch 0/24 loss 0.9\nEpoch 1 batch 20/24 loss 0.8\nval loss: 0.7\n"
        "Epoch 2 batch 0/24 loss 0.6\n"
    )

    assert [(0, 0.9), (20, 0.8), (24, 0.6)] == points(log, "loss")
    assert [(24, 0.7)] == points(log, "val_loss")


def test_validation_within_an_epoch_is_at_the_step_before() -> None:
    log = (
        "Epoch 1 batch 0/500 loss 0.9\nEpoch 1 batch 20/500 loss 0.8\nval loss: 0.7\n"
        "Epoch 1 batch 40/500 loss 0.6\n"
    )

    assert [(20, 0.7)] == points(log, "val_loss")


def test_test_set_stands_in_for_a_validation_that_is_not_printed() -> None:
    steps = "".join(f"step {i} loss 0.9\n" for i in range(1, 8))

    assert [(7, 0.7)] == points(f"{steps}test loss: 0.7\n", "val_loss")
    log = f"{steps}val loss: 0.8\ntest loss: 0.7\n"
    assert [(7, 0.8)] == points(log, "val_loss")
    assert [(7, 0.7)] == points(log, "test_loss")


def test_side_lines_do_not_outvote_the_format_of_a_program() -> None:
    log = "".join(f"step:{i}/9 train_loss:3.{i} train_time:9ms\n" for i in range(1, 5))
    log += "".join(f"probe step {i} loss=0.{i}\n" for i in range(10, 90))

    assert [1, 2, 3, 4] == [step for step, _ in points(log, "loss")]


def test_records_without_a_counter_are_numbered_in_the_order_of_the_log() -> None:
    """Lines with other fields are not numbered apart."""
    log = (
        "train loss = 7.5\n"
        "train loss = 7.0, train accuracy = 0.5\n"
        "train loss = 6.5\n"
        "train loss = 6.0, train accuracy = 0.6\n"
    )

    assert [(1, 7.5), (2, 7.0), (3, 6.5), (4, 6.0)] == points(log, "loss")
