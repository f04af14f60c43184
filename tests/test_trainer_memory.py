"""Memory: micro batches, out-of-memory advice, --low_mem, attention kernels."""

import contextlib
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer import build, evaluate, loop, machine, optimizer, plan
from trainer.config import Config
from trainer.errors import TrainerError, guarded
from trainer.model import GPT, GPTConfig


pytestmark = pytest.mark.slow  # models are trained


TINY = [
    *("--dataset=tiny", "--device=cpu", "--threads=1", "--fetch=none"),
    *("--n_layer=2", "--n_head=2", "--n_embd=32", "--block_size=16"),
    *("--batch_size=4", "--gradient_accumulation_steps=5", "--eval_iters=2"),
    *("--eval_interval=10", "--max_iters=10", "--warmup_iters=2", "--dtype=float32"),
]
GPT2 = GPTConfig(bias=False)
CHAR = GPTConfig(n_layer=6, n_head=6, n_embd=384, block_size=256, vocab_size=65)
Train = Callable[..., int]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train on a small generated text; give the exit code."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/tiny")
    folder.mkdir(parents=True)
    words = random.Random(0).choices(["to", "be", "or", "not", "that", "is"], k=900)
    (folder / "input.txt").write_text(" ".join(words))
    return lambda *more: guarded(lambda: loop.train([*TINY, *more]))


def losses(text: str) -> list[str]:
    """The lines with losses, without their times."""
    lines = [line.split(", time")[0] for line in text.splitlines()]
    return [line for line in lines if line.startswith(("iter", "step"))]


# --- micro batches ---


@pytest.mark.parametrize(
    ("accumulation", "free_gb", "more", "rows"),
    [
        (40, 60, {}, 40),  # 480 sequences: 12 x 40
        (40, 20, {}, 20),
        (40, 3, {}, 3),  # less than nanoGPT's batch
        (5, 60, {}, 30),  # one of eight GPUs: 60 sequences
        (5, 60, {"chunked_loss": True}, 60),  # no logits to bound
        (1, 60, {}, 12),
        (1, 0, {}, 1),
    ],
)
def test_micro_batches_are_as_large_as_fits(
    accumulation: int, free_gb: int, more: dict[str, Any], rows: int
) -> None:
    """Rows of a forward pass divide the step, and memory and logits bound them."""
    config = Config(device="cuda", dtype="bfloat16", **more)
    got = plan.fitting_rows(GPT2, config, 12 * accumulation, free_gb * 1e9)

    assert rows == got
    assert more or got * 1024 * 50304 < 2**31


class FakeModel:
    """A model whose weights are on the GPU."""

    config = GPT2

    def parameters(self) -> list[torch.Tensor]:
        """123M in float32."""
        return [torch.empty(123_000_000, device="meta")]


def test_what_others_use_of_a_gpu_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Free memory counts, not the card's; gradients and moments are still to come."""
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    config = Config(device="cuda", dtype="bfloat16")
    rows = []
    for free in (80e9, 30e9, 1e9):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 0))
        rows.append(plan.choose_rows(FakeModel(), config, 40))

    assert [40, 20, 1] == rows


@pytest.mark.parametrize(
    "config",
    [Config(device="cpu"), Config(device="cuda", exact=True)],
    ids=["cpu", "exact"],
)
def test_micro_batches_stay_nanogpts(config: Config) -> None:
    """On a CPU, and where losses must equal nanoGPT's, its micro steps are kept."""
    assert 12 == plan.choose_rows(FakeModel(), config, 40)


@pytest.mark.parametrize("rows", [1, 2, 10, 20])
def test_any_division_of_a_step_is_the_same_step(
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: int,
) -> None:
    """Merged or split, a step sees the same windows and gives the same gradient."""
    # An evaluation would draw from the same generator, between other batches.
    monkeypatch.setattr(loop, "evaluate", lambda _: {"train": 1.0, "val": 1.0})
    train("--stats_interval=1")
    plain = capsys.readouterr().out
    train(f"--micro_batch={rows}", "--stats_interval=1", "--out_dir=out2")
    divided = capsys.readouterr().out

    pattern = r'"(?:grad_norm|mean_loss)": ([\d.]+)'
    wanted, got = (
        [float(value) for value in re.findall(pattern, text)]
        for text in (plain, divided)
    )
    assert 22 == len(wanted)
    assert wanted == pytest.approx(got, rel=1e-3)
    assert f'"micro_batch": {rows}, "micro_steps": {20 // rows}' in divided


def test_a_micro_batch_must_divide_the_step(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number that does not is an error that names the sequences of a step."""
    assert 2 == train("--micro_batch=3")
    assert "must divide the 20 sequences" in capsys.readouterr().err


def test_the_advice_at_out_of_memory_works(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Followed as often as it is given, the advice fits a device of three sequences."""
    plain_forward = GPT.forward

    def forward(self: Any, idx: torch.Tensor, targets: Any = None) -> Any:
        if len(idx) > 3:
            raise torch.OutOfMemoryError
        return plain_forward(self, idx, targets)

    monkeypatch.setattr(GPT, "forward", forward)
    more, codes = ["--micro_batch=20"], []
    while True:
        codes.append(train(*more, "--out_dir=small"))
        if codes[-1] != 2:
            break
        found = re.search(r"try (--\S+?),", capsys.readouterr().err)
        assert found
        more = [found[1]]

    assert [2, 2, 2, 0] == codes
    assert ["--micro_batch=2"] == more


def test_out_of_memory_at_one_sequence_has_other_advice() -> None:
    """Where nothing is left to divide, a smaller model or --low_mem is named."""
    message = plan.out_of_memory(Config(device="cuda"), 1, 480)

    assert "cuda is out of memory at 1 sequences: try --low_mem=True" in message


def test_a_model_too_large_is_refused(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot fit is an error before the first allocation."""
    monkeypatch.setattr(machine, "memory_bytes", lambda _: 10**5)

    assert 2 == train()
    assert "take a smaller model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shape", "batch", "count", "group"),
    [(CHAR, 64, 200, 4), (CHAR, 64, 7, 1), (GPT2, 12, 200, 2), (CHAR, 1024, 200, 1)],
    ids=["char", "prime", "gpt2", "large"],
)
def test_evaluations_take_some_64k_tokens_at_once(
    shape: GPTConfig, batch: int, count: int, group: int
) -> None:
    """A forward pass of an evaluation is bounded by tokens and by logits."""
    config = Config(device="cuda", batch_size=batch, block_size=shape.block_size)

    assert group == evaluate.batches_at_once(config, shape, count)


# --- low_mem ---


def test_stochastic_rounding_is_unbiased() -> None:
    """Values between two bfloat16 numbers are kept on average, inf and NaN as such."""
    value = torch.full((100_000,), 1 + 2**-10)  # an eighth of the way to the next
    noise = torch.Generator().manual_seed(0)

    rounded = optimizer.round_stochastically(value.clone(), noise)

    assert {1.0, 1 + 2**-7} == set(rounded.tolist())
    assert 1 + 2**-10 == pytest.approx(rounded.double().mean().item(), abs=1e-4)
    special = torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0])
    got = optimizer.round_stochastically(special.clone(), noise)
    assert torch.equal(special.nan_to_num(5), got.nan_to_num(5))


def test_stochastic_adamw_is_adamw(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the rounding, both take the same steps."""
    monkeypatch.setattr(optimizer, "round_stochastically", lambda value, _: value)
    torch.manual_seed(0)
    start = torch.randn(8, 8)
    one, other = (torch.nn.Parameter(start.clone()) for _ in "ab")
    options: dict[str, Any] = {"lr": 1e-2, "betas": (0.9, 0.95), "weight_decay": 0.1}
    ours = optimizer.StochasticAdamW([one], **options)
    plain = torch.optim.AdamW([other], **options)
    for i in range(5):
        one.grad = other.grad = torch.sin(start * (i + 1))
        ours.step()
        plain.step()

    assert torch.allclose(one, other, rtol=1e-5, atol=1e-7)
    assert ours.state[one].keys() == plain.state[other].keys()


def test_low_memory_trains_as_far(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a fine-tuning learning rate bfloat16 weights learn what float32 ones do."""
    more = ["--max_iters=60", "--eval_interval=60", "--learning_rate=3e-5"]
    more += ["--decay_lr=False", "--gradient_accumulation_steps=1", "--eval_iters=20"]
    falls = []
    for low_mem in (False, True):
        code = train(*more, f"--low_mem={low_mem}", f"--out_dir=out{low_mem}")
        evals = re.findall(r"val loss ([\d.]+)", capsys.readouterr().out)
        falls.append(float(evals[0]) - float(evals[-1]))
        assert 0 == code

    assert falls[0] > 0.02
    assert falls[0] == pytest.approx(falls[1], rel=0.15)


def test_low_memory_resumes_to_the_bit(train: Train) -> None:
    """The rounding's random numbers are those of the step, not of the process."""
    more = ["--low_mem=True", "--eval_interval=5", "--dropout=0.1"]
    train(*more, "--out_dir=whole")
    train(*more, "--out_dir=parts", "--max_iters=5")
    train(*more, "--out_dir=parts", "--init_from=resume")

    whole, parts = (
        torch.load(f"{name}/ckpt.pt", weights_only=True)["model"]
        for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert torch.bfloat16 == whole["lm_head.weight"].dtype


# --- attention ---


@pytest.mark.parametrize(
    ("capability", "times", "cudnn"),
    [
        ((9, 0), (1.0, 0.8), True),
        ((9, 0), (1.0, 0.99), False),  # noise
        ((8, 0), (1.0, 0.8), False),
    ],
)
def test_cudnn_is_used_on_hopper_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int],
    times: tuple[float, float],
    *,
    cudnn: bool,
) -> None:
    """Both kernels are timed; before Hopper, torch's choice stays."""
    left = iter(times)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(machine, "time_attention", lambda *_: next(left))

    context = machine.attention(GPT2, Config(device="cuda"))

    assert cudnn == (context is not contextlib.nullcontext)
    with context():
        q = torch.randn(1, 2, 4, 8)
        assert (1, 2, 4, 8) == torch.nn.functional.scaled_dot_product_attention(
            q, q, q
        ).shape


def test_kernels_that_fail_leave_the_choice_to_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A shape that cuDNN does not support is no error."""

    def fail(*_: object) -> float:
        raise RuntimeError("no available kernel")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(machine, "time_attention", fail)

    context = machine.attention(GPT2, Config(device="cuda"))

    assert contextlib.nullcontext is context


def test_exact_mode_asks_for_nothing() -> None:
    """On a CPU and in exact mode no kernel is timed."""
    configs = [Config(device="cpu"), Config(device="cuda", exact=True)]

    assert [contextlib.nullcontext] * 2 == [machine.attention(GPT2, c) for c in configs]


def test_the_device_that_was_named_is_the_current_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Events and kernels of `--device=cuda:1` go to the second GPU."""
    chosen: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))

    config = build.resolve(Config(device="cuda:1"), build.World())

    assert ["cuda:1"] == chosen
    assert ("cuda:1", "bfloat16", True) == (config.device, config.dtype, config.compile)


def test_micro_steps_are_shared_by_processes() -> None:
    """An accumulation that the processes cannot share evenly is an error."""
    with pytest.raises(TrainerError, match="must be a multiple of the 3"):
        build.local_accumulation(
            Config(gradient_accumulation_steps=4), build.World(size=3)
        )
