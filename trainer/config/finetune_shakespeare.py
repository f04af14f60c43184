import time


# OpenAI's GPT-2, a few steps on Shakespeare.  gpt2-xl needs 25 GB for its weights and
# optimizer alone; --low_mem=True halves that, --init_from=gpt2 takes a tenth.

out_dir = "out-shakespeare"
eval_interval = 5
eval_iters = 40
wandb_project = "shakespeare"
wandb_run_name = "ft-" + str(time.time())

dataset = "shakespeare"
init_from = "gpt2-xl"

always_save_checkpoint = False  # only where validation improves

# 1 batch x 32 micro steps x 1024 tokens = 32,768 tokens a step
# the text has 301,966 tokens, so an epoch is about 9 steps
batch_size = 1
gradient_accumulation_steps = 32
max_iters = 20

learning_rate = 3e-5
decay_lr = False
