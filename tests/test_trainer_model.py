"""The network: shapes, counts, GPT-2's weights, and its attention on CPUs."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainer import checkpoint, gpt2, loop, machine, model
from trainer.config import PACKAGE, Config, read
from trainer.errors import TrainerError
from trainer.log import Log
from trainer.model import GPT, GPTConfig


SMALL = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 6, "vocab_size": 11}


def meta_model(**args: Any) -> Any:
    """A model without memory."""
    with torch.device("meta"):
        return GPT(GPTConfig(**args))


@pytest.mark.parametrize(
    ("name", "vocab_size", "printed"),
    [
        ("train_shakespeare_char", 65, "10.65M"),
        ("train_shakespeare_char_21m", 65, "21.27M"),
        ("train_shakespeare_bpe", 50304, "123.59M"),
        ("train_gpt2", 50304, "123.59M"),
    ],
)
def test_configurations_have_the_sizes_they_promise(
    name: str, vocab_size: int, printed: str
) -> None:
    """The parameter counts printed are nanoGPT's for the same settings."""
    config = read([str(PACKAGE / f"config/{name}.py")], Log(quiet=True))
    names = ("n_layer", "n_head", "n_embd", "block_size", "bias")
    sizes = {key: getattr(config, key) for key in names}

    count = meta_model(**sizes, vocab_size=vocab_size).get_num_params()

    assert printed == f"{count / 1e6:.2f}M"


@pytest.mark.parametrize(
    ("name", "printed", "total"),
    [
        ("gpt2", "123.65M", 124_439_808),
        ("gpt2-medium", "353.77M", 354_823_168),
        ("gpt2-large", "772.72M", 774_030_080),
        ("gpt2-xl", "1555.97M", 1_557_611_200),
    ],
)
def test_openais_models_have_their_sizes(name: str, printed: str, total: int) -> None:
    """All four GPT-2 have OpenAI's parameter counts and nanoGPT's printed ones."""
    made = meta_model(**gpt2.model_args(name))
    args = made.config

    assert printed == f"{made.get_num_params() / 1e6:.2f}M"
    assert total == sum(p.numel() for p in made.parameters())
    assert total == pytest.approx(machine.state_bytes(args) / 16, rel=1e-3)


def test_names_are_nanogpts() -> None:
    """The keys of a checkpoint and their order are those nanoGPT writes."""
    keys = list(meta_model(**SMALL, bias=False).state_dict())

    block = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
    wanted = ["transformer.wte.weight", "transformer.wpe.weight"]
    wanted += [f"transformer.h.{i}.{part}.weight" for i in (0, 1) for part in block]
    assert [*wanted, "transformer.ln_f.weight", "lm_head.weight"] == keys


def test_a_token_sees_none_that_follow() -> None:
    """Changing a token changes no logits before it."""
    torch.manual_seed(0)
    net = GPT(GPTConfig(**SMALL))
    one = torch.randint(11, (2, 6))
    other = one.clone()
    other[:, 4] = (one[:, 4] + 1) % 11

    a, b = (net.lm_head(net.hidden(tokens)) for tokens in (one, other))

    assert torch.equal(a[:, :4], b[:, :4])
    assert not torch.equal(a[:, 4:], b[:, 4:])


def test_attention_on_cpus_is_the_same_attention() -> None:
    """Two plain products in bfloat16 give what torch's kernel gives, gradients too."""
    torch.manual_seed(0)
    shape = (2, 3, 8, 16)
    q, k, v = (torch.randn(shape, dtype=torch.bfloat16) for _ in range(3))
    for part in (q, k, v):
        part.requires_grad_()
    fast = model.attention(q, k, v, 0.0)
    torch.autograd.backward(fast.float().square().sum())
    grads = [part.grad.float() for part in (q, k, v) if part.grad is not None]
    exact = [part.detach().float().requires_grad_() for part in (q, k, v)]
    plain = torch.nn.functional.scaled_dot_product_attention(
        exact[0], exact[1], exact[2], is_causal=True
    )
    torch.autograd.backward(plain.square().sum())

    assert torch.allclose(plain, fast.float(), atol=0.03)
    for part, grad in zip(exact, grads, strict=True):
        assert part.grad is not None
        assert torch.allclose(part.grad, grad, atol=0.15)


def test_the_chunked_loss_is_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks change neither loss nor gradient, whatever torch calls its own form."""
    monkeypatch.delattr(torch.nn, "LinearCrossEntropyOptions", raising=False)
    monkeypatch.setattr(model, "LOSS_CHUNK", 5)
    torch.manual_seed(0)
    net = GPT(GPTConfig(**SMALL))
    tokens = torch.randint(11, (2, 6))
    targets = tokens.clone()
    targets[0, 2] = -1  # ignored
    _, plain = net(tokens, targets)
    plain.backward()
    wanted = net.lm_head.weight.grad.clone()
    net.zero_grad()
    net.chunked_loss = True

    _, chunked = net(tokens, targets)
    chunked.backward()

    assert plain.item() == pytest.approx(chunked.item(), rel=1e-5)
    assert torch.allclose(wanted, net.lm_head.weight.grad, atol=1e-5)


def test_training_returns_no_logits() -> None:
    """With the loss, logits would get a gradient of their own size."""
    net = GPT(GPTConfig(**SMALL))
    tokens = torch.randint(11, (2, 6))

    assert net(tokens, tokens)[0] is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_cached_keys_give_the_same_text(dtype: torch.dtype) -> None:
    """Greedy decoding with and without the cache agrees, beyond the context, too."""
    torch.manual_seed(0)
    net = GPT(GPTConfig(**{**SMALL, "block_size": 16})).eval().to(dtype)
    for weight in net.parameters():
        weight.data *= 8  # far from uniform: rounding decides nothing
    idx = torch.randint(11, (2, 3))

    texts = [net.generate(idx, 30, 0, cached=cached) for cached in (True, False)]

    assert (2, 33) == texts[0].shape
    assert torch.equal(*texts)


def test_the_cache_spares_the_context() -> None:
    """With the cache a token costs one position; the prompt is read once."""
    net = GPT(GPTConfig(**SMALL)).eval()
    lengths: list[int] = []
    net.transformer.wte.register_forward_hook(
        lambda _, tokens, __: lengths.append(tokens[0].size(1))
    )

    net.generate(torch.zeros(1, 3, dtype=torch.long), 5)

    assert [3, 1, 1, 1, 6] == lengths


def test_a_shorter_context_is_the_same_model() -> None:
    """Cropping forgets positions, not weights."""
    torch.manual_seed(0)
    net = GPT(GPTConfig(**SMALL)).eval()
    tokens = torch.randint(11, (1, 4))
    before = net(tokens)[0]

    net.crop_block_size(4)

    assert torch.equal(before, net(tokens)[0])
    assert (4, 8) == net.transformer.wpe.weight.shape


# --- OpenAI's weights ---


def write_safetensors(path: Path, weights: dict[str, np.ndarray[Any, Any]]) -> None:
    """Write the format by hand: a length, a JSON header, the numbers."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in weights.items():
        raw = np.ascontiguousarray(value).tobytes()
        kind = {"float32": "F32", "float16": "F16"}[value.dtype.name]
        span = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kind, "shape": value.shape, "data_offsets": span}
        data += raw
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def hugging_face(net: Any, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
    """The weights of a model under Hugging Face's names and in its shapes."""
    weights = {}
    for key, value in net.state_dict().items():
        if key == "lm_head.weight":
            continue
        array = value.numpy()
        name = prefix + key.removeprefix("transformer.")
        weights[name] = array.T if key.endswith(gpt2.CONV1D) else array
    weights[prefix + "h.0.attn.bias"] = np.ones((1, 1, 4, 4), dtype=np.float32)
    return weights


@pytest.fixture
def small_gpt2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A GPT-2 of random weights and of a size that fits a test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(gpt2.SIZES, "gpt2", (2, 2, 8))
    monkeypatch.setattr(gpt2, "model_args", lambda _: {**SMALL, "bias": True})
    torch.manual_seed(5)
    return GPT(GPTConfig(**SMALL, bias=True))


def load(**settings: Any) -> Any:
    """What the loader makes of the files there are."""
    return gpt2.load("gpt2", Config(fetch="none", **settings), Log())


@pytest.mark.parametrize("prefix", ["", "transformer."])
@pytest.mark.parametrize(
    "place",
    [
        "gpt2/model.safetensors",
        "hub/models--openai-community--gpt2/snapshots/1a2b/model.safetensors",
        "hub/models--gpt2/snapshots/1a2b/model.safetensors",
    ],
)
def test_gpt2_is_loaded(
    small_gpt2: Any, capsys: pytest.CaptureFixture[str], place: str, prefix: str
) -> None:
    """From a folder here or from the cache, the logits are those of the weights."""
    write_safetensors(Path(place), hugging_face(small_gpt2, prefix))
    tokens = torch.randint(11, (2, 6))

    loaded = load()

    assert torch.equal(small_gpt2(tokens, tokens)[1], loaded(tokens, tokens)[1])
    assert loaded.lm_head.weight is loaded.transformer.wte.weight
    assert [
        "loading weights from pretrained gpt: gpt2",
        "forcing vocab_size=50257, block_size=1024, bias=True",
        "overriding dropout rate to 0.0",
    ] == capsys.readouterr().out.splitlines()[:3]


def test_gpt2_is_finetuned(small_gpt2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Training goes on from GPT-2's weights, with as short a context as asked for."""
    write_safetensors(Path("gpt2/model.safetensors"), hugging_face(small_gpt2, ""))
    Path("data/tiny").mkdir(parents=True)
    Path("data/tiny/input.txt").write_text("to be or not to be " * 20)

    code = loop.train(
        [
            *("--init_from=gpt2", "--dataset=tiny", "--device=cpu", "--threads=1"),
            *("--fetch=none", "--block_size=4", "--batch_size=2", "--max_iters=2"),
            *("--gradient_accumulation_steps=1", "--eval_iters=1"),
            "--eval_interval=2",
        ]
    )

    out = capsys.readouterr().out
    stored = checkpoint.load(Path("out/ckpt.pt"))
    assert 0 == code
    assert "Initializing from OpenAI GPT-2 weights: gpt2\nloading weights" in out
    assert (4, True) == tuple(stored["model_args"][k] for k in ("block_size", "bias"))
    assert "iter 2: loss" in out


def test_no_weights_names_the_ways_out(small_gpt2: Any) -> None:
    """Without a file the error says where one was looked for, and what to do."""
    assert small_gpt2
    with pytest.raises(TrainerError, match="gpt2_path=FILE_OR_FOLDER"):
        load()


def header(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Make something that changes the header of a good file."""

    def rewrite(path: Path) -> None:
        raw = path.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        entries = json.loads(raw[8 : 8 + size])
        change(entries)
        text = json.dumps(entries).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])

    return rewrite


WPE = "wpe.weight"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b""), "header of 0 bytes"),
        (lambda path: path.write_bytes(b"\xff" * 99), "header of"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "a tensor of shape"),
        (header(lambda h: h[WPE].update(shape=[10**9, 8])), "a tensor of shape"),
        (header(lambda h: h[WPE].update(data_offsets=[-8, 184])), "offsets"),
        (header(lambda h: h[WPE].update(data_offsets="text")), "damaged"),
        (header(lambda h: h[WPE].update(dtype="I64")), "I64"),
        (header(lambda h: h[WPE].update(shape=[48])), "has shape"),
        (header(lambda h: h.pop(WPE)), "is missing"),
    ],
)
def test_a_damaged_file_is_a_clear_error(
    small_gpt2: Any, spoil: Callable[[Path], None], message: str
) -> None:
    """Every number of the header is checked before it is believed."""
    path = Path("gpt2/model.safetensors")
    write_safetensors(path, hugging_face(small_gpt2, ""))
    spoil(path)

    with pytest.raises(TrainerError, match=message):
        load(gpt2_path=str(path))


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_a_bin_file_is_read(small_gpt2: Any, prefix: str) -> None:
    """Where a folder has no safetensors, PyTorch's own format is taken."""
    weights = hugging_face(small_gpt2, prefix)
    Path("local").mkdir()
    tensors = {key: torch.tensor(value) for key, value in weights.items()}
    torch.save(tensors, "local/pytorch_model.bin")
    tokens = torch.randint(11, (2, 6))

    loaded = load(gpt2_path="local")

    assert torch.equal(small_gpt2(tokens, tokens)[1], loaded(tokens, tokens)[1])


class Bomb:
    """A pickle that runs a command when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Ask the reader to run it."""
        return (os.system, ("touch hacked",))


@pytest.mark.parametrize(
    "content",
    [{"wte.weight": Bomb()}, {"wte.weight": "text"}, [1], None],
    ids=["bomb", "text", "list", "cut"],
)
def test_a_bad_bin_file_runs_nothing(small_gpt2: Any, content: object) -> None:
    """Anything but tensors is an error that names the file, and what to do."""
    assert small_gpt2
    torch.save(content, "pytorch_model.bin")
    if content is None:
        Path("pytorch_model.bin").write_bytes(b"cut")

    with pytest.raises(TrainerError, match=r"pytorch_model\.bin.*model\.safetensors"):
        load(gpt2_path=".")
    assert not Path("hacked").exists()


def test_another_of_the_four_models_is_named(
    small_gpt2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error for weights of another size says which --init_from they are."""
    monkeypatch.setitem(gpt2.SIZES, "gpt2-medium", (2, 2, 8))
    monkeypatch.setitem(gpt2.SIZES, "gpt2", (2, 2, 16))
    write_safetensors(Path("gpt2/model.safetensors"), hugging_face(small_gpt2, ""))

    with pytest.raises(TrainerError, match="holds gpt2-medium: take --init_from=gpt2-"):
        load()


@pytest.mark.parametrize("name", gpt2.SIZES)
def test_the_files_of_all_four_models_fit(name: str) -> None:
    """Hugging Face's names and shapes become nanoGPT's, without any memory."""
    wanted = meta_model(**gpt2.model_args(name)).state_dict()
    files = {
        key.removeprefix("transformer."): value.t()
        if key.endswith(gpt2.CONV1D)
        else value
        for key, value in wanted.items()
        if key != "lm_head.weight"
    }

    checkpoint.compare(wanted, gpt2.rename(files))


def test_half_precision_files_are_read(small_gpt2: Any) -> None:
    """Weights stored as float16 become float32."""
    weights = hugging_face(small_gpt2, "")
    halves = {key: value.astype(np.float16) for key, value in weights.items()}
    write_safetensors(Path("gpt2/model.safetensors"), halves)

    loaded = load()

    assert torch.float32 == loaded.lm_head.weight.dtype
    assert torch.allclose(small_gpt2.lm_head.weight, loaded.lm_head.weight, atol=1e-3)


def test_masks_of_old_checkpoints_are_dropped() -> None:
    """NanoGPT without flash attention saved its masks; they are no weights."""
    weights = {"_orig_mod.transformer.h.0.attn.bias": 1, "lm_head.weight": 2}

    assert {"lm_head.weight": 2} == checkpoint.clean(weights)


# --- the machine ---


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA A100-SXM4-40GB", "A100"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA L40", None),
        ("NVIDIA A10G", None),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("Quadro T400", None),
    ],
)
def test_a_card_is_known_by_its_whole_name(name: str, card: str | None) -> None:
    """An L40 is no L4; the peak of a card that is not in the table is measured."""
    assert card == machine.find_card(name)


@pytest.mark.parametrize(
    ("times", "fastest"),
    [([0.5, 0.2, 0.2, 0.2, 0.3, 0.1, 0.3], 2), ([0.5, *[0.1] * 3, *[0.2] * 3], 1)],
)
def test_threads_are_those_that_are_fastest(
    monkeypatch: pytest.MonkeyPatch, times: list[float], fastest: int
) -> None:
    """The number of threads is the one with the fastest step."""
    left = iter(times)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(machine, "seconds", lambda _: next(left))

    assert fastest == machine.fastest_threads(lambda: None)


def test_a_long_step_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large model gets all threads without trying fewer."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(machine, "seconds", lambda _: 2.0)

    assert 8 == machine.fastest_threads(lambda: None)
