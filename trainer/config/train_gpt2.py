# GPT-2 124M on OpenWebText: four days on eight A100, to a loss of about 2.85.
# torchrun --standalone --nproc_per_node=8 -m trainer config/train_gpt2.py

out_dir = "out-gpt2"
wandb_project = "owt"
wandb_run_name = "gpt2-124M"

dataset = "openwebtext"
# 12 batches x 1024 tokens x 5 micro steps x 8 GPUs = 491,520 tokens a step
batch_size = 12
block_size = 1024
gradient_accumulation_steps = 5 * 8

# 300B tokens
max_iters = 600000
lr_decay_iters = 600000

eval_interval = 1000
eval_iters = 200
log_interval = 10

weight_decay = 1e-1
