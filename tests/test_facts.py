"""What a log states of the model and its settings."""

import json
import math
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.format import check
from parsers.hyperparameters.names import NAMES, STEMS
from parsers.hyperparameters.patterns import STATEMENTS
from parsers.hyperparameters.reader import hyperparameters


NANOGPT = """
out_dir = 'out-shakespeare-char'              | out_dir='out-shakespeare-char'
eval_interval = 250 # keep frequent           | eval_interval=250
dataset = "openwebtext"                       | dataset='openwebtext'
gradient_accumulation_steps = 5 * 8           | gradient_accumulation_steps=40
learning_rate = 1e-3 # with baby networks     | learning_rate=0.001
dropout = 0.0                                 | dropout=0.0
always_save_checkpoint = False                | always_save_checkpoint=False
compile = False # do not torch compile        | compile=False
wandb_run_name='gpt2-124M'                    |
weight_decay=1e-1                             | weight_decay=0.1
[rank0]: max_iters = 600_000                  | max_iters=600000
0: beta2 = 0.99                               | beta2=0.99
Overriding: batch_size = 12                   | batch_size=12
Overriding: init_from = resume                | init_from='resume'
Overriding: compile = False                   | compile=False
tokens per iteration will be: 491,520         | tokens_per_iter=491520
number of parameters: 10.65M                  | parameters=10650000
number of parameters: 0.80M                   | parameters=800000
Initializing a new model from scratch         | init_from='scratch'
Resuming training from out                    | out_dir='out' init_from='resume'
Initializing from OpenAI GPT-2 weights: gpt2  | init_from='gpt2'
using fused AdamW: True                       | optimizer='AdamW'
compiling the model... (takes a ~minute)      | compile=True
"""
WRITINGS = """
| val_loss_every        | 250        |                  | eval_interval=250
| micro batch size B    | 64         |                  | batch_size=64
| total batch size      | 524288     |                  | tokens_per_iter=524288
| learning rate (LR)    | 6.000000e-04 |                | learning_rate=0.0006
| device                | NVIDIA A100-PCIE-40GB |       | gpu='NVIDIA A100-PCIE-40GB'
| precision             | BF16       |                  | dtype='bfloat16'
| num_layers L          | 12         |                  | n_layer=12
| channels C            | 768        |                  | n_embd=768
| max_steps             | -1         |                  |
| padded_vocab_size Vp  | 50304      |                  |
  hidden_size ..................... 8192                | n_embd=8192
  lr .............................. 0.00015             | learning_rate=0.00015
  seq_length ...................... 2048....updated     | block_size=2048
  optimizer_type .................. Adam.....updated    | optimizer='Adam'
  params_dtype .................... torch.float16       | dtype='float16'
  fp16 ............................ True                | dtype='float16'
[2023-10 23:07] [INFO] [c.py:9:print]   seed ....... 1  | seed=1
  "n_layer": 4,                                         | n_layer=4
  "torch_dtype": "bfloat16",                            | dtype='bfloat16'
"device": "cuda",                                       | device='cuda'
learning_rate=1e-05,                                    | learning_rate=1e-05
optim=OptimizerNames.ADAMW_TORCH,                       | optimizer='adamw_torch'
per_device_train_batch_size=8,                          | batch_size=8
max_steps=-1,                                           |
                    global_batch_size=8,                | global_batch_size=8
                    min_lr=6e-05)}                      | min_lr=6e-05
lr: 0.0001                                              | learning_rate=0.0001
vocab_size: 65                                          | vocab_size=65
Vocab size: 65,536                                      | vocab_size=65536
Batch: 2  |  Seq len: 256                               | batch_size=2 block_size=256
INFO:__main__:  beta1: 0.9                              | beta1=0.9
a - nanochat.common - INFO - Distributed world size: 4  | world_size=4
2025-12-14 09:40:03 | INFO     | Device: cuda           | device='cuda'
10/21/2024 - INFO - src.t -   running on device cuda    | device='cuda'
[INFO|trainer.py:1144] 2021 >>   Num examples = 1,000   | train_examples=1000
  Total optimization steps = 500                        | max_iters=500
  Instantaneous batch size per device = 8               | batch_size=8
  Gradient Accumulation steps = 4                       | gradient_accumulation_steps=4
train.py --batch_size=32 --max-steps=10                 | batch_size=32 max_iters=10
seed:1337                                               | seed=1337
world_size:8 grad_accum_steps:1 | world_size=8 gradient_accumulation_steps=1
    n_layer : int = 12                                  | n_layer=12
    num_iterations = 1393 # number of iterations to run | max_iters=1393
    batch_size = 8*64*1024 # batch size in tokens       | tokens_per_iter=524288
model = GPT(vocab_size=50257, num_layers=12).cuda()     | vocab_size=50257 n_layer=12
    num_heads=6,                                        | n_head=6
"""
PARAMETERS = """
Model: GPT | 124.48M params                    | parameters=124480000
GPT model with 124M parameters                 | parameters=124000000
57766692 parameters                            | parameters=57766692
total params: 1,234                            | parameters=1234
num_parameters: 124475904 => bytes: 248951808  | parameters=124475904
Number of parameters: 560,988,160              | parameters=560988160
model_params:17059912                          | parameters=17059912
Model params : 299,392,704  (0.299B)           | parameters=299392704
  total                   : 11,534,472         | parameters=11534472
  Number of trainable parameters = 8,030,261   | trainable_parameters=8030261
Total params: 1,282,545.0                      | parameters=1282545
 Total params: 1,609,290 (6.14 MB)             | parameters=1609290
10.7 M    Trainable params                     | parameters=10700000
16.1 M    Total params                         | parameters=16100000
Total number of parameters in billions: 0.36   | parameters=360000000
Training new model from scratch - Total size=124.44M params | parameters=124440000
RANK=0 STAGE=0 LAYERS=11 TOTAL_PARAMS=70426624 (70.427M)    | parameters=70426624
"""
NOTHING = """
iter 10: loss 3.1820, time 35.78ms, mfu 10.41%
step  748/19560 | loss 4.7 | norm 0.68 | lr 6.00e-04 | 4207.83 ms | 32.1% bf16 MFU
 iteration       20/    1000 | learning rate: 3.750E-05 | global batch size:     4 |
s:2 trl:11.0091 lr:0.000001 norm:15.37
Time Taken: 138.22s - LR: 9.98e-05
[03:25:36.360888] Averaged stats: lr: 0.000026  grad_norm: 0.4759 (1.1655)
      "learning_rate": 1e-05,
{'grad_norm': 6.23, 'learning_rate': 0.0001, 'epoch': 0.05}
[2026-03-23 04:39:11] INFO: ttt_epoch:81/100 lr:0.000096 time:1184.8s
        self.n_layer = config.n_layer
    def __init__(self, vocab_size: int, n_layer=12, lr=0.02):
    print(f"number of parameters: {model.n_params/1e6:.2f}M")
log0(f"world_size:{world_size} grad_accum_steps:{grad_accum_steps}")
    batch_size = A.size(0) if A.ndim == 3 else 1
    local_batch_size = batch_size // world_size
optimizer = Muon(model.parameters(), lr=0.02, weight_decay=0.1)
                              betas=(0.8, 0.95), fused=True, weight_decay=0)
    TrainingStage(duration=1/3, batch_size=8 * 2048 * 8, lr_mul=1.0)
        BLOCK_SIZE = 128
# device = 'cpu'  # run on cpu only
# batch_size = 12
num decayed parameter tensors: 26, with 10,740,096 parameters
  wte.weight: Trainable (38,597,376 params)
 > number of parameters on (tensor, pipeline) model parallel rank (3, 12): 805560320
Bucket 0: 1 params, 147.4 MB
stage=0 layers=11
(proj): Linear(in_features=256, out_features=1024, bias=False)
       device='cuda:0', requires_grad=True)
[config.py:958:print]   aio_config ................... {'block_size': 1048576}
[config.py:958:print]   data_efficiency_config ....... {'seed': 1234, 'num_epochs': 1}
HTTP Request: GET https://datasets-server.huggingface.co/is-valid?dataset=cais/mmlu
rank 0 sample 0: Hello, I'm a language model, with a batch of 12 layers of heads.
Notice (x: 5
"""


def listed(block: str) -> list[tuple[str, str]]:
    """The cases of a block: a line and what it states."""
    cases = (case.rpartition("|") for case in block.strip("\n").split("\n"))
    return [(line.rstrip(), stated.strip()) for line, _, stated in cases]


def written(found: Any) -> str:
    """Facts as the blocks above write them."""
    return " ".join(f"{name}={value!r}" for name, value in found.items())


STATED = [*listed(NANOGPT), *listed(WRITINGS), *listed(PARAMETERS)]
SILENT = NOTHING.strip("\n").split("\n")


@pytest.mark.parametrize(("line", "stated"), STATED)
def test_a_statement_is_understood(line: str, stated: str) -> None:
    """Each program has its own words; the fact has nanoGPT's name."""
    assert written(hyperparameters(line.encode())) == stated


@pytest.mark.parametrize("line", SILENT)
def test_code_text_and_metrics_state_nothing(line: str) -> None:
    """They hold the same names and numbers."""
    assert hyperparameters(line.encode()) == {}


def test_the_data_file_names_the_data_set() -> None:
    """One line of nanoGPT says how many characters there are, and of what."""
    line = b"found vocab_size = 65 (inside data/shakespeare_char/meta.pkl)"

    assert hyperparameters(line) == {"vocab_size": 65, "dataset": "shakespeare_char"}


def test_a_printed_configuration_is_read_in_one_go() -> None:
    """Namespaces, dataclasses and dictionaries hold everything in one line."""
    namespace = b"Namespace(lr=0.0006, n_layer=12, device='cuda', resume=None, seed=1)"
    dataclass = b"GPTConfig(block_size=1024, vocab_size=50304, n_layer=12, n_head=12)"
    mapping = b"INFO - Model config: {'n_layer': 4, 'n_embd': 256, 'window': 'L'}"
    forced = b"forcing vocab_size=50257, block_size=1024, bias=True"

    assert written(hyperparameters(namespace)) == (
        "learning_rate=0.0006 n_layer=12 device='cuda' seed=1"
    )
    assert written(hyperparameters(dataclass)) == (
        "block_size=1024 vocab_size=50304 n_layer=12 n_head=12"
    )
    assert hyperparameters(mapping) == {"n_layer": 4, "n_embd": 256}
    assert hyperparameters(forced) == {
        "vocab_size": 50257,
        "block_size": 1024,
        "bias": True,
    }


def test_sentences_of_single_programs_are_known() -> None:
    """They state several facts in words."""
    llmc = b"batch_size B=64 * seq_len T=1024 * num_processes=1 and total_batch_size=9"
    nanochat = b"Total batch size 524,288 => gradient accumulation steps: 2"
    ranks = b"Tokens / micro-batch / rank: 32 x 2048 = 65,536"
    titan = (
        b"[titan] root - INFO - Trainer is initialized with local batch size 8, global "
        b"batch size 64, gradient accumulation steps 1, sequence length 4096, total "
        b"steps 1000 (warmup 200)"
    )
    unsloth = b' "-____-"     Trainable parameters = 28,056,064 of 3,864,077 (0.73%)'

    assert hyperparameters(llmc)["block_size"] == 1024
    assert hyperparameters(nanochat) == {
        "tokens_per_iter": 524288,
        "gradient_accumulation_steps": 2,
    }
    assert hyperparameters(ranks) == {"batch_size": 32, "block_size": 2048}
    assert hyperparameters(titan)["warmup_iters"] == 200
    assert hyperparameters(unsloth)["parameters"] == 3864077


@pytest.mark.parametrize(
    "line",
    [
        "|   0  NVIDIA H100 80GB HBM3          On  | 00000000:61:00.0 Off |",
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-b801c947-42e3-78e7)",
        "GPU: NVIDIA H100 80GB HBM3 | Peak",
        "GPU          : NVIDIA H100 80GB HBM3",
        "Running PyTorch 2.11 for CUDA on NVIDIA H100 80GB HBM3 with four",
    ],
)
def test_the_gpu_has_its_name(line: str) -> None:
    """However the program came by it."""
    assert hyperparameters(line.encode()) == {"gpu": "NVIDIA H100 80GB HBM3"}


def test_the_own_trainer_states_its_start() -> None:
    """Its other lines are about the training, not about the run."""
    said = {"event": "start", "device": "NVIDIA L4", "n_layer": 6, "threads": 2}
    start = "gptwatch: " + json.dumps({**said, "processes": 2, "dtype": "bfloat16"})
    later = 'gptwatch: {"event": "stats", "step": 9, "dropout": 0.1}'

    assert hyperparameters(start.encode()) == {
        "gpu": "NVIDIA L4",
        "device": "cuda",
        "n_layer": 6,
        "world_size": 2,
        "dtype": "bfloat16",
    }
    assert hyperparameters(later.encode()) == {}
    assert hyperparameters(b"gptwatch: {" + b"[" * 20000) == {}


@given(st.binary(max_size=200), st.sampled_from(["lr=", "batch_size = ", '"seed": ']))
def test_no_bytes_break_it(tail: bytes, head: str) -> None:
    """A log holds anything; whatever is found keeps to the kinds of a fact."""
    for line in (tail, head.encode() + tail):
        assert all(
            type(v) in {int, float, str, bool} for v in hyperparameters(line).values()
        )


@pytest.mark.parametrize(
    "number", ["1e99", "9" * 18, "1e9999", "9" * 400, "0." + "9" * 30]
)
def test_a_number_out_of_proportion_is_kept_in_bounds(number: str) -> None:
    """Whoever stores the facts counts on int64 and on finite numbers."""
    for name in ("max_iters", "batch_size", "learning_rate", "number of parameters"):
        for value in hyperparameters(f"{name}: {number}".encode()).values():
            assert isinstance(value, int | float)
            assert math.isfinite(value)
            assert isinstance(value, float) or value < 1 << 63


@given(st.sampled_from([line for line, _ in STATED] + SILENT), st.randoms())
def test_all_lines_of_a_template_state_or_none_does(line: str, chance: Random) -> None:
    """Only the first line of a template is asked whether it states something."""
    rolled = re.sub(r"\d", lambda _: str(chance.randrange(10)), line)

    assert bool(hyperparameters(rolled.encode())) == bool(
        hyperparameters(line.encode())
    )


def test_the_quick_test_lets_every_name_pass() -> None:
    """Else a name would be known in vain."""
    assert NAMES

    for alias in NAMES:
        assert any(stem in alias for stem in STEMS), alias


def test_no_sentence_names_a_digit() -> None:
    """As for the formats' patterns."""
    assert STATEMENTS

    for _, pattern, _ in STATEMENTS:
        check(pattern)
