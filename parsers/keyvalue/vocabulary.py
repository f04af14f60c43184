"""What the keys of free-form logs mean: JSON, CSV, `key=value`, progress bars.

Nobody agrees on names, but the names are few.  A key is compared in a plain form:
lower case, every run of other signs an underscore (`Train Loss`, `train/loss` and
`train-loss` are all `train_loss`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from parsers.metrics import OF_SET


@dataclass(frozen=True, slots=True)
class Key:
    """What a key stands for.

    Attributes:
        name: a metric (`parsers.metrics`), "step" or "max_steps".
        scale: factor of the value: a time without a unit is in seconds.
        rank: of several keys of one record with the same name, the one with the
            lowest rank holds the value.
    """

    name: str
    scale: float
    rank: int


# A record that has none of these is no point of a curve.
CURVES: Final = frozenset(
    {"loss", "train_loss", "val_loss", "val_bpb", "epoch_loss", "reward"}
)

_HELD_OUT: Final = (
    "val",
    "valid",
    "validation",
    "eval",
    "vali",
    "dev",
    "heldout",
    "test",
)
_TRAIN: Final = ("train", "training", "tr", "trn")
_ACCURACY: Final = (
    "accuracy",
    "acc",
    "token_accuracy",
    "mean_token_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "binary_accuracy",
    "acc1",
    "top1",
)
_LOSSES: Final = (
    "loss",
    "total_loss",
    "loss_total",
    "lm_loss",
    "nll_loss",
    "ce_loss",
    "loss_ce",
    "cross_entropy_loss",
    "crossentropyloss",
    "cross_entropy",
    "nll",
    "mean_nll",
    "mean_loss",
    "avg_loss",
    "average_loss",
    "ce",
    "xent",
    "logloss",
    "log_loss",
    "cost",
)
_PERPLEXITY: Final = ("ppl", "perplexity")


def _of(prefixes: Iterable[str], names: Iterable[str]) -> list[str]:
    return [f"{p}_{n}" for n in names for p in prefixes]


def _words(text: str) -> list[str]:
    return text.split()


# In order of rank: the plainest name of a thing first.
_TABLE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "step": (
            *_words(
                "global_step trainer_global_step train_global_step step steps "
                "current_steps global_step_max_steps current_step train_step "
                "training_step optimizer_step opt_step optim_step num_updates "
                "n_updates num_update updates update iteration iterations iter "
                "iters iter_num train_iter it global_steps training_global_step "
                "total_timesteps time_total_timesteps num_timesteps timesteps_total "
                "timesteps timestep env_step env_steps total_env_steps "
                "total_env_interacts training_iteration time_iterations n_iter "
                "niter iter_no passo paso krok schritt system_step total_numsteps "
                "total_t generation gen episode episodes round"
            ),
        ),
        "max_steps": (
            *_words("max_steps total_steps max_iters total_iters num_training_steps"),
        ),
        "loss": (
            "loss",
            "train_loss_step",
            "loss_step",
            *_of(_TRAIN, _LOSSES[:1]),
            *_words(
                "loss_train loss_train_total losses_train batch_loss train_batch_loss "
                "reduced_train_loss step_loss train_step_loss cur_loss current_loss "
                "ave_loss running_loss"
            ),
            *_of(_TRAIN, _LOSSES[1:]),
            *_of(_TRAIN, [f"loss_{n}" for n in ("total", "lm", "ce", "avg", "mean")]),
            *_LOSSES[1:],
            *_words(
                "t_loss closs train lm avr_loss gpt_loss loss_mean loss_batch "
                "main_loss model_loss losses_total_loss losses_train_all_loss pg_loss "
                "actor_pg_loss policy_gradient_loss train_policy_gradient_loss "
                "policy_loss train_policy_loss actor_loss train_actor_loss rl_loss "
                "loss_policy loss_policy_avg loss_pi surrogate_loss "
                "mean_surrogate_loss objective neg_elbo negative_elbo mse mse_loss bce "
                "bce_loss rmse_trn l_train losses actor_total_loss verlust perte perda "
                "perdita strata"
            ),
        ),
        "generator_loss": (
            *_words(
                "generator_loss g_loss loss_g gen_loss loss_gen generator_total_loss "
                "gen_loss_total g_total_loss gen_total_loss errg err_g lossg"
            ),
            *_of(_TRAIN, ["generator_loss", "g_loss", "gen_loss", "loss_g"]),
        ),
        "discriminator_loss": (
            *_words(
                "discriminator_loss d_loss loss_d disc_loss loss_disc errd err_d lossd "
                "disc_loss_total d_total_loss disc_total_loss"
            ),
            *_of(_TRAIN, ["discriminator_loss", "d_loss", "disc_loss", "loss_d"]),
        ),
        "epoch_loss": (
            *_words(
                "epoch_loss train_loss_epoch loss_epoch train_epoch_loss "
                "epoch_train_loss avg_epoch_loss"
            ),
        ),
        "val_loss": (
            *_of(_HELD_OUT, _LOSSES[:1]),
            *(f"loss_{p}" for p in _HELD_OUT),
            *(f"losses_{p}" for p in _HELD_OUT),
            *(f"mean_{p}_loss" for p in _HELD_OUT),
            *(f"avg_{p}_loss" for p in _HELD_OUT),
            "v_loss",
            *_of(_HELD_OUT, ["loss_epoch", "epoch_loss"]),
            *_of(_HELD_OUT, _LOSSES[1:]),
            *_of(_HELD_OUT, [f"loss_{n}" for n in ("total", "lm", "ce", "avg")]),
            *_words(
                "val valid validation heldout clip_val_loss cv_loss "
                "validation_main_loss losses_val_all_loss rmse_val "
                "validierungsverlust perte_de_validation perda_de_validacao vl_loss "
                "l_val perdita_di_validazione strata_walidacyjna"
            ),
        ),
        "val_bpb": (*_of(_HELD_OUT, ["bpb"]), "bpb"),
        "train_ppl": (*_of(_TRAIN, _PERPLEXITY), *_PERPLEXITY),
        "val_ppl": (*_of(_HELD_OUT, _PERPLEXITY), *(f"ppl_{p}" for p in _HELD_OUT)),
        "accuracy": (*_of(_TRAIN, _ACCURACY), *_ACCURACY),
        "val_accuracy": tuple(_of(_HELD_OUT, _ACCURACY)),
        "reward": (
            *_words(
                "reward rewards train_reward mean_reward reward_mean rewards_mean "
                "avg_reward average_reward train_mean_reward mean_episode_reward "
                "episode_reward episode_reward_mean episode_return_mean "
                "env_runners_episode_return_mean ep_rew_mean rollout_ep_rew_mean "
                "eprewmean ep_reward_mean mean_100_episode_reward critic_score_mean "
                "critic_rewards_mean objective_rlhf_reward objective_scores "
                "env_reward_mean ppo_mean_scores episodic_return episode_return "
                "average_return mean_return averageepret return_mean "
                "charts_episodic_return return total_reward ep_return ep_reward ep_ret"
            ),
        ),
        "val_reward": (
            *_of(_HELD_OUT, ["reward", "mean_reward", "avg_reward", "reward_mean"]),
            "eval_ep_rew_mean",
        ),
        "reward_margin": ("rewards_margins", "reward_margin", "margin"),
        "kl": (
            *_words(
                "kl mean_kl kl_mean kl_ref approx_kl approxkl train_approx_kl kl_loss "
                "actor_kl_loss actor_ppo_kl kl_divergence objective_kl "
                "policy_approxkl_avg"
            ),
        ),
        "entropy": (
            *_words(
                "entropy mean_entropy policy_entropy actor_entropy actor_entropy_loss "
                "objective_entropy policy_entropy_avg"
            ),
        ),
        "clip_fraction": (
            *_words(
                "clip_fraction clipfrac clip_frac train_clip_fraction "
                "actor_pg_clipfrac policy_clipfrac_avg"
            ),
        ),
        "value_loss": (
            *_words(
                "value_loss train_value_loss value_function_loss critic_loss "
                "critic_vf_loss loss_value_avg vf_loss loss_v"
            ),
        ),
        "response_length": (
            *_words(
                "response_length response_length_mean completion_length "
                "completions_mean_length avg_response_len avg_response_length "
                "mean_response_length response_len"
            ),
        ),
        "episode_length": (
            *_words(
                "ep_len_mean rollout_ep_len_mean eplenmean eplen episode_len_mean "
                "mean_episode_length episode_length episodic_length episode_steps"
            ),
        ),
        "precision": ("metrics_precision_b", "metrics_precision"),
        "recall": ("metrics_recall_b", "metrics_recall"),
        "map50": ("metrics_map50_b", "metrics_map_0_5", "map50"),
        "val_f1": (*_of(_HELD_OUT, ["f1", "f1_score", "f1_macro", "macro_f1"]), "f1"),
        "val_auc": tuple(_of(_HELD_OUT, ["auc", "roc_auc", "auroc"])),
        "val_map": (
            *_of(_HELD_OUT, ["map", "map50", "map_50", "bbox_map"]),
            *_words("metrics_map50_95_b metrics_map_0_5_0_95 map50_95"),
        ),
        "val_iou": (
            *_of(_HELD_OUT, ["iou", "miou", "mean_iou"]),
            *_words("miou meaniu mean_iou"),
        ),
        "val_dice": tuple(_of(_HELD_OUT, ["dice", "mean_dice", "dice_score"])),
        "val_bleu": (*_of(_HELD_OUT, ["bleu", "sacrebleu"]), "bleu"),
        "val_rouge": tuple(_of(_HELD_OUT, ["rougel", "rouge_l", "rouge"])),
        "val_wer": (*_of(_HELD_OUT, ["wer", "word_error_rate"]), "wer"),
        "val_cer": (*_of(_HELD_OUT, ["cer", "character_error_rate"]), "cer"),
        "val_psnr": tuple(_of(_HELD_OUT, ["psnr"])),
        "hellaswag": ("hellaswag", "hellaswag_acc", "hellaswag_accuracy", "hella"),
        "core": ("core", "core_metric"),
        "lr": (
            *_words(
                "lr learning_rate current_lr train_lr train_learning_rate lr_group0 "
                "lr_pg0 lr_adamw lr_adam lr_sgd lr_adamw_pg1 lr_adam_pg1 lr_sgd_pg1"
            ),
        ),
        "lr_scale": ("lrm", "lr_scale", "lr_mult", "lr_multiplier"),
        "grad_norm": (
            *_words(
                "grad_norm gradient_norm gnorm global_grad_norm total_grad_norm "
                "train_grad_norm optim_total_grad_norm grad_norm_total total_norm "
                "gradnorm norm grad"
            ),
        ),
        "param_norm": ("param_norm", "pnorm", "weight_norm"),
        "loss_scale": ("loss_scale", "train_loss_scale"),
        "mfu": ("mfu", "mfu_percent", "mfu_pct", "bf16_mfu", "train_mfu"),
        "tflops": ("tflops", "tflop_s", "tflops_per_gpu", "tflops_s"),
        "tokens_per_s": (
            *_words(
                "tokens_per_s tokens_per_sec tokens_per_second tok_per_s tok_per_sec "
                "tok_per_second tokens_s tokens_sec tok_s tok_sec toks_s toks_per_s "
                "train_tokens_per_second tokens_per_second_per_gpu "
                "train_tokens_per_sec train_tok_per_sec throughput_tokens_per_s "
                "throughput_tokens_per_sec tps tgs wps"
            ),
        ),
        "samples_per_s": (
            *_words(
                "samples_per_s samples_per_sec samples_per_second samples_s "
                "samples_sec train_samples_per_second examples_per_sec"
            ),
        ),
        "iters_per_s": (
            *_words(
                "it_s it_sec iter_s iters_per_s iters_per_sec iter_per_sec steps_s "
                "steps_sec steps_per_s steps_per_sec steps_per_second "
                "train_steps_per_second train_speed_iter_s"
            ),
        ),
        "tokens": (
            *_words(
                "tokens num_tokens tokens_seen total_tokens trained_tokens "
                "train_tokens num_input_tokens_seen tokens_processed consumed_tokens "
                "n_tokens cumulative_tokens"
            ),
        ),
        "epoch": (
            "epoch",
            "ep",
            "epochs",
            "train_epoch",
            "cur_epoch",
            "current_epoch",
            "epoche",
            "epoca",
            "epoka",
            "epok",
        ),
    }
)
# Times and sizes in a unit of their own: key to metric and factor.
_SCALED: Final[Mapping[str, tuple[str, float]]] = MappingProxyType(
    {
        word: (metric, factor)
        for metric, factor, words in (
            (
                "iter_ms",
                1.0,
                (
                    "iter_ms step_ms dt_ms ms_per_step ms_per_iter ms_step "
                    "ms_iter ms_batch ms_per_batch time_ms iter_time_ms "
                    "step_time_ms"
                ),
            ),
            (
                "iter_ms",
                1000.0,
                (
                    "iter_time step_time iter_time_s step_time_s step_time_sec "
                    "train_step_timing_in_s time_per_iter time_per_step "
                    "sec_per_step s_per_step sec_per_iter s_it train_speed_s_it "
                    "dt dt_s"
                ),
            ),
            (
                "step_avg_ms",
                1.0,
                "step_avg_ms",
            ),
            (
                "step_avg_ms",
                1000.0,
                "step_avg",
            ),
            (
                "train_time_ms",
                1.0,
                "train_time_ms elapsed_ms",
            ),
            (
                "train_time_ms",
                1000.0,
                "train_time train_time_s elapsed elapsed_s elapsed_sec elapsed_seconds",
            ),
            (
                "eval_ms",
                1000.0,
                "eval_runtime",
            ),
            (
                "eval_ms",
                1.0,
                "eval_ms",
            ),
            (
                "memory_mib",
                1.0,
                "memory_mib memory_mb mem_mb gpu_mem_mb gpu_memory_mb vram_mb",
            ),
            (
                "memory_mib",
                1024.0,
                (
                    "memory_gib memory_gb mem_gb peak_mem_gb peak_memory_gb "
                    "gpu_mem_gb gpu_memory_gb vram_gb memory_max_active_gib "
                    "memory_max_mem_active_gib"
                ),
            ),
        )
        for word in words.split()
    }
)

KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        text: Key(name, 1.0, rank)
        for name, texts in _TABLE.items()
        for rank, text in enumerate(texts)
    }
    | {
        text: Key(name, scale, rank)
        for rank, (text, (name, scale)) in enumerate(_SCALED.items())
    }
)

_DIGITS: Final = "0123456789"
_ZEROS: Final = str.maketrans(_DIGITS, "0" * 10)
# Keys with digits, each written `0`.
_NUMBERED: Final = frozenset(
    text.translate(_ZEROS) for text in KEYS if not set(_DIGITS).isdisjoint(text)
)
# `eval_news_loss`: one of several validation sets; Lightning numbers them.
_SETS_OF: Final = frozenset({"eval", "val", "valid", "validation", "dev"})
_LIGHTNING: Final = "loss_dataloader_idx_"
# What stands there names a part of the loss, or how it was averaged, and no set.
_PARTS: Final = frozenset(
    _words(
        "total lm ce avg average mean sum running epoch step batch token best min max"
        " last final ema smooth smoothed train training loss box bbox cls obj dfl iou"
        " giou mask rpn seg reg regression classification l1 l2 mse mae rmse huber kl"
        " kld rec recon reconstruction aux adv gan gen disc d g policy value entropy vf"
        " pg actor critic reward main mtp z moe router balance balancing contrastive"
        " clip align commit commitment vq codebook perceptual lpips vgg ssim style"
        " content physics data pde bc ic nll bce focal dice ctc att attention mel gate"
        " duration pitch energy stop start end student teacher distill kd mlm nsp rtd"
        " itc itm orpo dpo sft chosen rejected cross"
    )
)

# `ValLoss`
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_SIGNS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 64


@lru_cache(maxsize=4096)
def key(text: str) -> Key | None:
    """What a key of a log means; None when it is not in the vocabulary."""
    if len(text) > _LONGEST:
        return None
    simple = plain(text)
    known = KEYS.get(simple) or KEYS.get(plain(_CAMEL.sub("_", text)))
    return known or _of_set(simple)


def _of_set(simple: str) -> Key | None:
    """The loss of one of several validation sets, by its name."""
    head, _, rest = simple.partition("_")
    name = rest.removesuffix("_loss")
    if rest.startswith(_LIGHTNING):
        name = rest.removeprefix(_LIGHTNING)
    if head not in _SETS_OF or name == rest or _PARTS & set(name.split("_")):
        return None
    return Key(OF_SET + name, 1.0, 0) if name else None


def is_curve(name: str) -> bool:
    """Whether a record with this metric is a point of a curve."""
    return name in CURVES or name.startswith(OF_SET)


@lru_cache(maxsize=4096)
def depends_on_digits(text: str) -> bool:
    """Whether a key with other digits in it may be another metric (`top1`, `top5`)."""
    masked = text.translate(_ZEROS)
    if {plain(masked), plain(_CAMEL.sub("_", masked))}.isdisjoint(_NUMBERED):
        return "0" in masked and plain(text).partition("_")[0] in _SETS_OF
    return True


def plain(text: str) -> str:
    """A key as the vocabulary writes it: `Train Loss:` is `train_loss`."""
    return _SIGNS.sub("_", text.lower()).strip("_")
