# GPT-2's size and vocabulary, from scratch, on Shakespeare: 123.59M parameters on
# 302k tokens.  It overfits within a few hundred steps; that is what it shows.

out_dir = "out-shakespeare-bpe"
eval_interval = 50
eval_iters = 20
log_interval = 10

always_save_checkpoint = False  # it will overfit: keep the best

wandb_project = "shakespeare-bpe"
wandb_run_name = "gpt2-size"

dataset = "shakespeare"
gradient_accumulation_steps = 1
batch_size = 12
block_size = 1024

# GPT-2, small
n_layer = 12
n_head = 12
n_embd = 768
dropout = 0.1

learning_rate = 6e-4
max_iters = 2000
lr_decay_iters = 2000
min_lr = 6e-5
warmup_iters = 100
