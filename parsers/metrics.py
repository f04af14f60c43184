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
        better: "higher" or "lower" for a metric of the task, by which people choose
            a checkpoint; "" for all others.
    """

    name: str
    unit: str
    meaning: str
    better: Better = ""


_TABLE: Final = (
    Metric("loss", "nats/token", "training loss of the iteration"),
    Metric("train_loss", "nats/token", "training loss measured at an evaluation"),
    Metric("val_loss", "nats/token", "validation loss"),
    Metric("val_bpb", "bits/byte", "validation loss in bits per byte"),
    Metric("val_ppl", "", "validation perplexity", "lower"),
    Metric("train_ppl", "", "training perplexity"),
    Metric("test_loss", "nats/token", "loss on a test set, beside a validation loss"),
    Metric("value_loss", "", "loss of the value function"),
    Metric("generator_loss", "", "loss of the generator of a GAN, which is `loss` too"),
    Metric("discriminator_loss", "", "loss of the discriminator of a GAN"),
    Metric("box_loss", "", "part of the loss: boxes"),
    Metric("obj_loss", "", "part of the loss: objectness"),
    Metric("cls_loss", "", "part of the loss: classes"),
    Metric("dfl_loss", "", "part of the loss: distribution focal loss"),
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
    Metric("accuracy", "", "training accuracy"),
    Metric("val_accuracy", "", "validation accuracy", "higher"),
    Metric("val_f1", "", "validation F1", "higher"),
    Metric("val_auc", "", "validation area under the ROC curve", "higher"),
    Metric("val_map", "", "validation mean average precision", "higher"),
    Metric("val_iou", "", "validation mean intersection over union", "higher"),
    Metric("val_dice", "", "validation Dice coefficient", "higher"),
    Metric("val_bleu", "", "validation BLEU", "higher"),
    Metric("val_rouge", "", "validation ROUGE-L", "higher"),
    Metric("val_wer", "", "validation word error rate", "lower"),
    Metric("val_cer", "", "validation character error rate", "lower"),
    Metric("hellaswag", "", "accuracy on HellaSwag", "higher"),
    Metric("core", "", "CORE score", "higher"),
    Metric("chatcore", "", "ChatCORE score", "higher"),
    Metric("reward", "", "mean reward", "higher"),
    Metric("aux_loss", "", "auxiliary loss (balance of experts)"),
    Metric("val_avg_loss", "nats/token", "validation loss of averaged weights"),
    Metric("val_ema_loss", "nats/token", "validation loss of smoothed weights"),
    Metric("running_loss", "nats/token", "mean training loss of the last iterations"),
    Metric("epoch_loss", "nats/token", "mean training loss of an epoch"),
    Metric("val_reward", "", "mean reward of an evaluation", "higher"),
    Metric("reward_margin", "", "reward of chosen answers less that of rejected ones"),
    Metric("kl", "", "divergence from the reference policy"),
    Metric("entropy", "", "entropy of the policy"),
    Metric("clip_fraction", "", "share of policy updates that were clipped"),
    Metric("response_length", "tokens", "mean length of a response"),
    Metric("episode_length", "steps", "mean length of an episode"),
    Metric("precision", "", "precision of a validation"),
    Metric("recall", "", "recall of a validation"),
    Metric("map50", "", "mean average precision at IoU 0.5", "higher"),
    Metric("val_psnr", "", "validation peak signal-to-noise ratio", "higher"),
    Metric("val_ssim", "", "validation structural similarity", "higher"),
    Metric("run_no", "", "number of the run that a record is the result of"),
    Metric("val_score", "", "validation score of the program's own", "higher"),
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
# Of several validation sets each has a series: `val_loss/news`.
OF_SET = "val_loss/"


def plain(name: str) -> str:
    """The name of a metric without that of its validation set."""
    return name.partition("/")[0]


def validation_set(name: str) -> str:
    """The validation set that a metric is named after, "" where there is one only."""
    return name.removeprefix(OF_SET) if name.startswith(OF_SET) else ""


def unit(name: str) -> str:
    """The unit of a metric, "" when the metric is not in the table."""
    return METRICS[plain(name)].unit if plain(name) in METRICS else ""


def better(name: str) -> Better:
    """Which direction of a metric is an improvement, "" where neither is."""
    return METRICS[plain(name)].better if plain(name) in METRICS else ""
