"""What programs call the settings and hyperparameters of a run."""

import re
from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# What programs call it, in lower case and with "_" for blanks.
ALIASES: Final = {
    "parameters": "number_of_parameters num_parameters n_params num_params params"
    " total_params total_parameters model_parameters model_params all_params"
    " parameter_count model_parameter_count total_number_of_parameters",
    "trainable_parameters": "trainable_params trainable_parameters"
    " number_of_trainable_parameters total_trainable_parameters",
    "n_layer": "n_layer n_layers num_layers num_hidden_layers layers num_layers_l"
    " number_of_layers decoder_layers",
    "n_head": "n_head n_heads num_heads num_attention_heads heads num_heads_nh"
    " number_of_heads decoder_attention_heads nhead attention_heads",
    "n_kv_head": "n_kv_head n_kv_heads num_kv_heads num_key_value_heads",
    "n_embd": "n_embd n_embed d_model hidden_size model_dim embed_dim emb_dim embed"
    " embedding_dim channels channels_c decoder_embed_dim",
    "block_size": "block_size sequence_length sequence_length_t seq_length seq_len"
    " max_seq_len max_seq_length max_sequence_length sequence_len context_length"
    " context_size context_len ctx_len n_ctx n_positions cutoff_len"
    " train_seq_len tokens_per_sample max_position_embeddings gpt_seq_len",
    "vocab_size": "vocab_size vocab_size_v vocabulary_size n_vocab",
    "dataset": "dataset dataset_name",
    "batch_size": "batch_size micro_batch_size micro_batch_size_b device_batch_size"
    " local_batch_size batch mbs per_device_train_batch_size batch_size_per_device"
    " train_micro_batch_size_per_gpu batch_size_per_gpu device_train_batch_size"
    " instantaneous_batch_size_per_device",
    "global_batch_size": "global_batch_size train_batch_size effective_batch_size"
    " global_train_batch_size total_train_batch_size total_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps grad_accum_steps"
    " accumulation_steps gradient_accumulation grad_accum accumulate_grad_batches",
    "tokens_per_iter": "tokens_per_iter tokens_per_iteration tokens_per_step"
    " train_batch_tokens total_desired_batch_size",
    "learning_rate": "learning_rate learning_rate_lr lr max_lr peak_lr base_lr",
    "min_lr": "min_lr min_learning_rate lr_min",
    "dropout": "dropout hidden_dropout dropout_rate",
    "max_iters": "max_iters max_steps max_iterations max_updates max_update"
    " max_train_steps train_iters train_steps train_num_batches num_iterations"
    " total_steps total_optimization_steps total_iterations iterations iters"
    " n_training_steps num_training_steps",
    "epochs": "epochs num_epochs num_train_epochs n_epochs max_epochs",
    "warmup_iters": "warmup_iters warmup_iterations warmup_steps lr_warmup_steps"
    " lr_warmup_iters num_warmup_steps warmup_updates",
    "lr_decay_iters": "lr_decay_iters lr_decay_steps",
    "weight_decay": "weight_decay",
    "beta1": "beta1",
    "beta2": "beta2",
    "grad_clip": "grad_clip clip_grad gradient_clip gradient_clipping max_grad_norm"
    " clip_norm grad_clip_norm gradient_clip_val grad_norm_clip",
    "eval_interval": "eval_interval eval_steps eval_every val_loss_every val_every"
    " val_interval",
    "eval_iters": "eval_iters val_max_steps",
    "log_interval": "log_interval logging_steps log_every print_every",
    "always_save_checkpoint": "always_save_checkpoint",
    "init_from": "init_from",
    "out_dir": "out_dir output_dir output_log_dir",
    "dtype": "dtype torch_dtype params_dtype compute_dtype precision mixed_precision",
    "device": "device using_device autodetected_device_type device_type",
    "compile": "compile torch_compile",
    "optimizer": "optimizer optim optimizer_type optimizer_name",
    "seed": "seed random_seed rng_seed",
    "bias": "bias",
    "decay_lr": "decay_lr",
    "eval_only": "eval_only",
    "world_size": "world_size distributed_world_size ddp_world_size dist_world_size"
    " using_world_size num_gpus n_gpus num_processes num_devices global_num_gpus",
    "gpu": "gpu gpu_name device_name",
    "train_examples": "num_examples num_train_examples",
    "train_tokens": "train_tokens total_number_of_training_tokens",
    "peak_flops": "peak_flops",
}
NAMES: Final = {
    alias: name for name, aliases in ALIASES.items() for alias in aliases.split()
}
# Each line that states something holds one of these, in lower case.
STEMS: Final = words(
    "param layer head emb d_model hidden_size model_dim channels block seq context ctx"
    " posit cutoff per_sample vocab batch mbs accum tokens lr learning dropout iter"
    " steps update epochs decay beta clip grad_norm eval_ val_ logging_st log_"
    " print_every checkpoint init_from out_dir output dtype precision device compil"
    " optim seed bias world_size gpu num_proc examples dataset flops fused scratch"
    " resuming openai pytorch nvidia tesla true"
) | {"total   ", "world size", "train data"}
_BETA: Final = re.compile(r"(?:adam_)?(beta\d)")


def named(key: str) -> str | None:
    """The setting or fact that programs call so, by nanoGPT's name; None of others."""
    # `beta1` and `beta2` are one template: what is true of one, is of all.
    beta = _BETA.fullmatch(key)
    return beta[1] if beta else NAMES.get(key)
