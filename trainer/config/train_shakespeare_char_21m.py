# The character-level GPT, twice as deep: 21.27M parameters.
# Memorizes Shakespeare within a thousand steps.

out_dir = "out-shakespeare-char-21m"
eval_interval = 250  # often, because it overfits
eval_iters = 200
log_interval = 10

always_save_checkpoint = False  # it will overfit: keep the best

wandb_project = "shakespeare-char"
wandb_run_name = "mini-gpt-21m"

dataset = "shakespeare_char"
gradient_accumulation_steps = 1
batch_size = 64
block_size = 256

# 12 layers x 384: 21.27M parameters
n_layer = 12
n_head = 12
n_embd = 384
dropout = 0.2

learning_rate = 1e-3  # baby networks can go a bit higher
max_iters = 5000
lr_decay_iters = 5000  # usually = max_iters
min_lr = 1e-4  # usually learning_rate / 10
beta2 = 0.99  # steps see few tokens
warmup_iters = 100
