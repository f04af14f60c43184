"""Configurations and options: nanoGPT's meaning, better errors, no code run."""

from pathlib import Path

import pytest

from trainer import config
from trainer.config import Config, help_text, read
from trainer.errors import TrainerError
from trainer.log import Log
from trainer.safe import read_python


def settings(*arguments: str) -> Config:
    """What the arguments mean."""
    return read(arguments, Log(quiet=True))


def python(text: str) -> dict[str, object]:
    """What a configuration defines."""
    names: dict[str, object] = read_python(text, Path("c.py"))
    return names


@pytest.mark.parametrize(
    ("argument", "key", "value"),
    [
        ("--learning_rate=1", "learning_rate", 1.0),
        ("--dropout=0", "dropout", 0.0),
        ("--max_iters=5.0", "max_iters", 5),
        ("--compile=false", "compile", False),
        ("--compile=auto", "compile", "auto"),
        ("--decay_lr=0", "decay_lr", False),
        ("--decay_lr=True", "decay_lr", True),
        ("--wandb_run_name=123", "wandb_run_name", "123"),
        ("--out_dir=a=b", "out_dir", "a=b"),
        ("--out_dir='quoted'", "out_dir", "quoted"),
        ("--learning_rate=6e-4", "learning_rate", 6e-4),
    ],
)
def test_an_option_accepts_what_nanogpt_rejects(
    argument: str, key: str, value: object
) -> None:
    """An unambiguous value is converted to the type of its default."""
    got = getattr(settings(argument), key)

    assert (value, type(value)) == (got, type(got))


def test_a_value_may_follow_as_an_argument_of_its_own() -> None:
    """`--key value` is `--key=value`."""
    assert settings("--max_iters", "7").max_iters == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lerning_rate=1"], "did you mean learning_rate"),
        (["--max_iters=many"], "--max_iters: max_iters takes int, got 'many'"),
        (["--max_iters=5.5"], "takes int"),
        (["--decay_lr=maybe"], "takes bool"),
        (["--dropout=True"], "takes float"),
        (["--max_iters"], "a value is missing"),
        (["-x"], "look like --key=value"),
        (["config/absent.py"], "no such configuration"),
        (["--batch_size=0"], "at least 1"),
        (["--n_embd=10", "--n_head=3"], "multiple of n_head"),
        (["--dropout=1.5"], r"in \[0, 1\)"),
        (["--beta1=2"], r"beta1 must be in \[0, 1\), got 2.0"),
        (["--beta2=1"], r"in \[0, 1\)"),
        (["--learning_rate=-1"], "learning_rate must be at least 0, got -1.0"),
        (["--learning_rate=1e999"], "at least 0, got inf"),
        (["--min_lr=-1e-5"], "at least 0"),
        (["--weight_decay=-1"], "at least 0"),
        (["--grad_clip=-1"], "at least 0"),
        (["--max_iters=-1"], "at least 0"),
        (["--warmup_iters=-1"], "at least 0"),
        (["--eval_iters=-1"], "at least 0"),
        (["--threads=-1"], "at least 0"),
        (["--seed=99999999999999999999"], "seed"),
        (["--dtype=float8"], "none of"),
        (["--dataset=../.."], "folder's name"),
        (["--init_from=gpt5"], "none of"),
    ],
)
def test_an_invalid_option_has_a_clear_error(
    arguments: list[str], message: str
) -> None:
    """An invalid value is rejected at once, with the reason."""
    with pytest.raises(TrainerError, match=message):
        settings(*arguments)


def test_all_of_nanogpts_keys_are_there() -> None:
    """The 33 keys of nanoGPT keep their names and defaults."""
    names = list(config.DEFAULTS)

    assert names.index("compile") == 32
    assert config.DEFAULTS["learning_rate"] == 6e-4
    assert config.DEFAULTS["gradient_accumulation_steps"] == 40


def test_help_names_every_key() -> None:
    """No key is undocumented."""
    text = help_text()

    assert [] == [key for key in config.DEFAULTS if f"    {key}: " not in text]


@pytest.mark.parametrize(
    "path", sorted(config.PACKAGE.glob("config/*.py")), ids=lambda path: path.stem
)
def test_a_shipped_configuration_means_what_python_makes_of_it(path: Path) -> None:
    """The safe reader and Python agree on all configurations shipped."""
    names: dict[str, object] = {}
    exec(path.read_text(), names)
    wanted = {key: names[key] for key in config.DEFAULTS if key in names}
    ours = python(path.read_text())
    ours = {key: ours[key] for key in wanted}
    wanted.pop("wandb_run_name", None)  # may hold the time
    ours.pop("wandb_run_name", None)

    assert wanted
    assert wanted == ours


def test_a_name_is_found_among_the_shipped() -> None:
    """`config/demo.py`, `demo.py` and `demo` are all the shipped file."""
    found = {config.find_file(name) for name in ("config/demo.py", "demo.py", "demo")}

    assert found == {config.PACKAGE / "config/demo.py"}


def test_a_file_here_comes_before_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current folder is looked through first."""
    monkeypatch.chdir(tmp_path)
    Path("demo.py").write_text("max_iters = 3")

    assert settings("demo.py").max_iters == 3


def test_later_arguments_win(tmp_path: Path) -> None:
    """Files and options count from left to right."""
    path = tmp_path / "c.py"
    path.write_text("max_iters = 3\nbatch_size = 2")

    got = settings("--max_iters=1", str(path), "--batch_size=9")

    assert (3, 9) == (got.max_iters, got.batch_size)


def test_overrides_are_logged_as_by_nanogpt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NanoGPT's lines, byte for byte, control characters aside."""
    path = tmp_path / "c.py"
    path.write_text("max_iters = 3\n# \x1b[2J\n")

    read([str(path), "--dropout=0"], Log())

    out = capsys.readouterr().out
    wanted = f"Overriding config with {path}:\nmax_iters = 3\n# [2J\n\n"
    assert wanted + "Overriding: dropout = 0.0\n" == out


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("5 * 8", 40),
        ("2 ** 10 - -1", 1025),
        ("'ft-' + str(3)", "ft-3"),
        ("f'x{1.5:.2f}-{2}'", "x1.50-2"),
        ("1 if 2 > 3 else 4", 4),
        ("max(1, 2)", 2),
        ("math.sqrt(16)", 4.0),
        ("os.path.join('a', 'b')", "a/b"),
        ("not False", True),
    ],
)
def test_a_configuration_can_compute(expression: str, value: object) -> None:
    """What configurations need is evaluated as Python would."""
    assert value == python(f"import math, os\nx = {expression}")["x"]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system('true')",
        "x = __import__('os')",
        "x = ().__class__.__bases__",
        "x = open('/etc/passwd').read()",
        "from os import system",
        "import subprocess",
        "x = [i for i in range(9)]",
        "while True: pass",
        "x = 9 ** 9 ** 9",
        "x = 'a' * 10 ** 10",
        "x = 10 ** 10 * 'a'",
        "x = f'{1:9999999999}'",
        "x = '%9999999999d' % 1",
        "x = 1 / 0",
        "x = unknown",
        "def f(): pass",
        "a, b = 1, 2",
        "x = int('9' * 9000)",
        "x = (",
        "x = " + "(" * 500 + ")" * 500,
        "x = 1 +" + " 1 +" * 5000 + " 1",
    ],
)
def test_a_configuration_cannot_do_more(text: str) -> None:
    """Whatever is no setting is refused with file and line, and nothing runs."""
    with pytest.raises(TrainerError, match=r"c\.py:\d+: "):
        python(text)


def test_a_misspelt_key_in_a_file_is_found(tmp_path: Path) -> None:
    """A helper of the file's own is fine, a key misspelt is not."""
    path = tmp_path / "c.py"
    path.write_text("gpus = 8\nbatch_sise = gpus * 2")

    with pytest.raises(TrainerError, match="did you mean batch_size"):
        settings(str(path))


def test_a_file_is_typed_like_an_option(tmp_path: Path) -> None:
    """A configuration's values are checked, too; nanoGPT's are not."""
    path = tmp_path / "c.py"
    path.write_text("max_iters = 'ten'")

    with pytest.raises(TrainerError, match="takes int"):
        settings(str(path))


def test_toml_and_json_are_read_too(tmp_path: Path) -> None:
    """Other formats hold the same keys."""
    (tmp_path / "c.toml").write_text("max_iters = 3")
    (tmp_path / "c.json").write_text('{"dropout": 0}')

    got = settings(str(tmp_path / "c.toml"), str(tmp_path / "c.json"))

    assert (3, 0.0) == (got.max_iters, got.dropout)


@pytest.mark.parametrize("name", ["c.toml", "c.json", "c.py"])
def test_a_file_that_is_something_else_is_named(tmp_path: Path, name: str) -> None:
    """A damaged configuration is an error about that file."""
    path = tmp_path / name
    path.write_bytes(b"\xff\xfe = [")

    with pytest.raises(TrainerError, match=name):
        settings(str(path))


def test_code_runs_only_with_trust_config(tmp_path: Path) -> None:
    """`--trust_config=True` before a file runs it as nanoGPT does."""
    path = tmp_path / "c.py"
    path.write_text("max_iters = sum([1, 2])")

    with pytest.raises(TrainerError, match="trust_config"):
        settings(str(path))
    assert settings("--trust_config=True", str(path)).max_iters == 3
