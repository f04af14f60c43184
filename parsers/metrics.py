"""The vocabulary: every metric gptwatch knows, with its unit and its meaning."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


Better = Literal["lower", "higher", ""]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a number in a log is.

    Attributes:
        name: as in the data document.
        unit: of the values; "" for a pure number.
        meaning: one line for people.
        better: which direction is an improvement, "" where neither is.
    """

    name: str
    unit: str
    meaning: str
    better: Better = ""


def _losses(*rows: tuple[str, str, str]) -> tuple[Metric, ...]:
    return tuple(Metric(*row, better="lower") for row in rows)


def _scores(*rows: tuple[str, str]) -> tuple[Metric, ...]:
    return tuple(Metric(name, "", meaning, better="higher") for name, meaning in rows)


_TABLE: Final = (
    *_losses(
        ("loss", "nats/token", "training loss of the iteration"),
        ("train_loss", "nats/token", "training loss measured at an evaluation"),
        ("val_loss", "nats/token", "validation loss"),
        ("val_bpb", "bits/byte", "validation loss in bits per byte"),
        ("val_ppl", "", "validation perplexity"),
        ("train_ppl", "", "training perplexity"),
        ("test_loss", "nats/token", "loss on a test set, beside a validation loss"),
        ("aux_loss", "", "auxiliary loss (balance of experts)"),
        ("val_avg_loss", "nats/token", "validation loss of averaged weights"),
        ("val_ema_loss", "nats/token", "validation loss of smoothed weights"),
        ("running_loss", "nats/token", "mean training loss of the last iterations"),
        ("epoch_loss", "nats/token", "mean training loss of an epoch"),
        ("value_loss", "", "loss of the value function"),
        ("box_loss", "", "part of the loss: boxes"),
        ("obj_loss", "", "part of the loss: objectness"),
        ("cls_loss", "", "part of the loss: classes"),
        ("dfl_loss", "", "part of the loss: distribution focal loss"),
        ("val_wer", "", "word error rate of a validation"),
        ("val_cer", "", "character error rate of a validation"),
        ("val_error", "", "error rate or metric of a validation that falls"),
        ("val_rmse", "", "root mean square error of a validation"),
        ("val_mae", "", "mean absolute error of a validation"),
    ),
    Metric("iter_ms", "ms", "time of one iteration as the log gives it"),
    Metric("step_avg_ms", "ms", "mean time of an iteration so far"),
    Metric("train_time_ms", "ms", "training time since the start"),
    Metric("eval_ms", "ms", "time of one evaluation"),
    Metric("mfu", "%", "model FLOPs utilisation"),
    Metric("tflops", "TFLOP/s", "achieved arithmetic per device"),
    Metric("tokens_per_s", "tokens/s", "throughput"),
    Metric("samples_per_s", "samples/s", "throughput"),
    Metric("iters_per_s", "it/s", "throughput"),
    Metric("tokens", "tokens", "tokens seen since the start"),
    Metric("samples", "", "samples seen since the start"),
    Metric("lr", "", "learning rate"),
    Metric("lr_scale", "", "multiplier of the learning rate, 0 to 1"),
    Metric("grad_norm", "", "norm of the gradient before clipping"),
    Metric("param_norm", "", "norm of the parameters"),
    Metric("loss_scale", "", "loss scale of mixed precision"),
    Metric("epoch", "", "passes over the data, with fraction"),
    Metric("memory_mib", "MiB", "memory of the device in use"),
    *_scores(
        ("accuracy", "training accuracy"),
        ("val_accuracy", "validation accuracy"),
        ("hellaswag", "accuracy on HellaSwag"),
        ("core", "CORE score"),
        ("chatcore", "ChatCORE score"),
        ("reward", "mean reward"),
        ("val_reward", "mean reward of an evaluation"),
        ("reward_margin", "reward of the chosen answer less that of the rejected"),
        ("precision", "precision of a validation"),
        ("recall", "recall of a validation"),
        ("map50", "mean average precision at IoU 0.5"),
        ("map50_95", "mean average precision at IoU 0.5 to 0.95"),
        ("val_psnr", "peak signal-to-noise ratio of a validation"),
        ("val_ssim", "structural similarity of a validation"),
        ("val_miou", "mean intersection over union of a validation"),
        ("val_bleu", "BLEU of a validation"),
        ("val_f1", "F1 of a validation"),
        ("val_auc", "area under the ROC curve of a validation"),
        ("val_score", "score of a validation, as the program defines it"),
    ),
    Metric("kl", "", "divergence from the reference policy"),
    Metric("entropy", "", "entropy of the policy"),
    Metric("clip_fraction", "", "share of policy updates that were clipped"),
    Metric("response_length", "tokens", "mean length of a response"),
    Metric("episode_length", "steps", "mean length of an episode"),
)

METRICS = MappingProxyType({metric.name: metric for metric in _TABLE})

# Programs that train anything, not only language models: their losses have no unit.
ANY_LOSS = MappingProxyType(
    dict.fromkeys(
        ("loss", "train_loss", "val_loss", "test_loss", "epoch_loss", "running_loss"),
        "",
    )
)

# A validation figure stands for "the" validation series in this order.
VALIDATION = ("val_loss", "val_bpb")


def unit(name: str) -> str:
    """The unit of a metric, "" when the metric is not in the table."""
    return METRICS[name].unit if name in METRICS else ""


def better(name: str) -> Better:
    """Which direction of a metric is an improvement, "" where neither is."""
    return METRICS[name].better if name in METRICS else ""
