# A small character-level GPT on Shakespeare: a few minutes on a GPU.
# Good for seeing that everything works, and for watching a model overfit.

out_dir = "out-shakespeare-char"
eval_interval = 250  # often, because it overfits
eval_iters = 200
log_interval = 10

always_save_checkpoint = False  # it will overfit: keep the best

wandb_project = "shakespeare-char"
wandb_run_name = "mini-gpt"

dataset = "shakespeare_char"
gradient_accumulation_steps = 1
batch_size = 64
block_size = 256

# baby GPT: 10.65M parameters
n_layer = 6
n_head = 6
n_embd = 384
dropout = 0.2

learning_rate = 1e-3  # baby networks can go a bit higher
max_iters = 5000
lr_decay_iters = 5000  # usually = max_iters
min_lr = 1e-4  # usually learning_rate / 10
beta2 = 0.99  # steps see few tokens
warmup_iters = 100
