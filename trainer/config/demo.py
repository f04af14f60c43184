# A minute on two CPU cores: a small character model on a text so short that it
# memorizes it: validation loss turns around step 200.

out_dir = "out-demo"
eval_interval = 25
eval_iters = 20
log_interval = 5
always_save_checkpoint = False  # keep the best

dataset = "demo"  # 10,000 characters that come with Python: no network needed
gradient_accumulation_steps = 1
batch_size = 32
block_size = 32

n_layer = 2
n_head = 6
n_embd = 192
dropout = 0.0  # no regularization: it should overfit

learning_rate = 3e-3
max_iters = 400
lr_decay_iters = 1000
min_lr = 3e-4
beta2 = 0.99
warmup_iters = 25
