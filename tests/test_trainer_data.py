"""Data: sources in their order, tokens, batches that are nanoGPT's own."""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainer import fetch, prepare, tokens
from trainer.config import Config, read
from trainer.data import Split, read_meta
from trainer.errors import TrainerError, guarded
from trainer.log import Log
from trainer.tokens import Chars


SHAKESPEARE = Path(
    os.environ.get("TINYSHAKESPEARE")
    or Path(__file__).parents[2] / "shared/data/tinyshakespeare.txt"
)
OFFLINE = "--fetch=none"
Prepare = Callable[..., int]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, an empty cache, and nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken"))
    monkeypatch.delenv("GPTWATCH_DATA", raising=False)
    monkeypatch.delenv("GPTWATCH_GPT2_BPE", raising=False)
    return tmp_path


def run(*arguments: str) -> int:
    """What `python -m trainer.prepare` gives back."""
    code: int = guarded(lambda: prepare.main(list(arguments)))
    return code


def source(name: str) -> str:
    """Where a data set says it came from."""
    meta = json.loads(Path(f"data/{name}/meta.json").read_text())
    return str(meta["source"])


def row(tmp_path: Path, length: int) -> Path:
    """A file of tokens 0, 1, 2, ... that go beyond 32,767."""
    path = tmp_path / "row.bin"
    (np.arange(length) + 40_000).astype(np.uint16).tofile(path)
    return path


def test_batches_are_nanogpts(tmp_path: Path) -> None:
    """The same seed cuts the very windows that nanoGPT's stacking cuts."""
    path = row(tmp_path, 1000)
    data = np.fromfile(path, dtype=np.uint16).astype(np.int64)
    torch.manual_seed(3)
    starts = torch.randint(len(data) - 8, (5,))
    wanted = [torch.from_numpy(data[i : i + 9]) for i in starts]
    torch.manual_seed(3)

    x, y = Split(path, 8, "cpu").batch(5)

    assert torch.equal(torch.stack(wanted)[:, :-1], x)
    assert torch.equal(torch.stack(wanted)[:, 1:], y)


def test_merged_batches_are_the_same_windows(tmp_path: Path) -> None:
    """Two micro steps drawn as one hold the windows of both, in order."""
    split = Split(row(tmp_path, 1000), 8, "cpu")
    torch.manual_seed(3)
    one, two = split.batch(5), split.batch(5)
    torch.manual_seed(3)

    x, y = split.batch(5, 2)

    assert torch.equal(torch.cat((one[0], two[0])), x)
    assert torch.equal(torch.cat((one[1], two[1])), y)


def test_data_on_disk_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data set too large for memory is cut the same way."""
    path = row(tmp_path, 1000)
    kept = Split(path, 8, "cpu")
    monkeypatch.setattr("trainer.data.IN_MEMORY_BYTES", 10)
    mapped = Split(path, 8, "cpu")

    torch.manual_seed(3)
    wanted = kept.batch(4)
    torch.manual_seed(3)

    assert mapped.kept is None
    assert all(map(torch.equal, wanted, mapped.batch(4)))


@pytest.mark.parametrize("length", [0, 1, 8])
def test_too_short_a_text_is_an_error(tmp_path: Path, length: int) -> None:
    """A window needs block_size + 1 tokens; the error says what to change."""
    with pytest.raises(TrainerError, match=r"block_size|no tokens"):
        Split(row(tmp_path, length), 8, "cpu")


def test_text_of_the_demo_comes_with_python(alone: Path) -> None:
    """The demo needs neither network nor file."""
    assert 0 == run("demo", OFFLINE)

    assert "Python's pydoc_data" == source("demo")
    assert 9000 == (alone / "data/demo/train.bin").stat().st_size // 2
    assert 1000 == (alone / "data/demo/val.bin").stat().st_size // 2


def test_a_local_text_comes_first(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set's own input.txt is taken before all other sources."""
    monkeypatch.setenv("GPTWATCH_DATA", str(alone / "other.txt"))
    (alone / "other.txt").write_text("zz" * 99)
    folder = alone / "data/shakespeare_char"
    folder.mkdir(parents=True)
    (folder / "input.txt").write_text("ab\n" * 99)

    run("shakespeare_char", OFFLINE)

    assert source("shakespeare_char").startswith("data/shakespeare_char/input.txt (not")
    assert 65 == read_meta(folder)["vocab_size"]  # Shakespeare's, for it is enough


def test_a_folder_of_texts_comes_next(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`GPTWATCH_DATA` may be a folder with tinyshakespeare.txt."""
    monkeypatch.setenv("GPTWATCH_DATA", str(alone))
    (alone / "tinyshakespeare.txt").write_text("ab\n" * 99)

    run("shakespeare_char", OFFLINE)

    assert "tinyshakespeare.txt (not the usual" in source("shakespeare_char")


def ensure(name: str, *options: str) -> str:
    """The dataset that a training on `name` uses."""
    config = read([f"--dataset={name}", *options], Log(quiet=True))
    used: str = prepare.ensure(name, config, Log())
    return used


def test_without_network_the_substitute_has_a_name_of_its_own(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shakespeare out of reach, training uses another dataset and warns, each time."""
    names = [ensure("shakespeare_char", OFFLINE) for _ in range(2)]

    out = capsys.readouterr().out
    assert ["python_docs_char"] * 2 == names
    assert "Python's pydoc_data" == source("python_docs_char")
    assert not (alone / "data/shakespeare_char").exists()
    assert 2 == out.count("WARNING: no text for dataset shakespeare_char")
    assert "write it to data/shakespeare_char/input.txt" in out


def test_a_text_that_comes_later_is_used(alone: Path) -> None:
    """After a training on the substitute an input.txt is what is trained on."""
    ensure("shakespeare_char", OFFLINE)
    folder = alone / "data/shakespeare_char"
    folder.mkdir()
    (folder / "input.txt").write_text("ab\n" * 99)

    assert "shakespeare_char" == ensure("shakespeare_char", OFFLINE)
    assert 297 == sum(
        (folder / f"{split}.bin").stat().st_size // 2 for split in ("train", "val")
    )


def test_a_text_that_has_changed_is_prepared_again(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newer input.txt replaces the tokens; the same text written again does not."""
    text = alone / "data/mine/input.txt"
    text.parent.mkdir(parents=True)
    text.write_text("ab" * 50)
    ensure("mine")
    train = text.with_name("train.bin")
    before = train.read_bytes()
    later = train.stat().st_mtime_ns + 10**9
    os.utime(text, ns=(later, later))
    ensure("mine")
    assert "prepared again" not in capsys.readouterr().out

    text.write_text("cd" * 90)
    os.utime(text, ns=(later, later))
    ensure("mine")

    assert before != train.read_bytes()
    assert "input.txt is new" in capsys.readouterr().out


def test_tokens_that_nanogpt_prepared_are_left_alone(alone: Path) -> None:
    """Without a meta.json of ours a newer input.txt overwrites nothing."""
    folder = alone / "data/theirs"
    folder.mkdir(parents=True)
    for split in ("train", "val"):
        (folder / f"{split}.bin").write_bytes(b"\0\0" * 9)
    (folder / "input.txt").write_text("ab" * 50)

    assert "theirs" == ensure("theirs")
    assert b"\0\0" * 9 == (folder / "train.bin").read_bytes()


def test_preparing_what_is_out_of_reach_is_an_error(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that names Shakespeare does not prepare something else."""
    assert 2 == run("shakespeare_char", OFFLINE)

    assert "input.txt, --fetch=none" in capsys.readouterr().err
    assert not (alone / "data").exists()


def test_a_failed_download_is_logged(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the network fails, the log has the reason and the substitute is used."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("name not resolved")

    monkeypatch.setattr(prepare, "download", refuse)

    assert alone
    assert "python_docs_char" == ensure("shakespeare_char")
    assert "download failed (name not resolved)" in capsys.readouterr().out


def test_shakespeare_is_divided_as_in_nanogpt(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,003,854 characters train, 111,540 validate, of 65."""
    if not SHAKESPEARE.exists():
        pytest.skip("no tinyshakespeare: set TINYSHAKESPEARE to its path")
    monkeypatch.setenv("GPTWATCH_DATA", str(SHAKESPEARE))

    run("shakespeare_char", OFFLINE)

    folder = alone / "data/shakespeare_char"
    assert 2 * 1_003_854 == (folder / "train.bin").stat().st_size
    assert 2 * 111_540 == (folder / "val.bin").stat().st_size
    with (folder / "meta.pkl").open("rb") as file:
        meta = pickle.load(file)
    assert {"vocab_size", "itos", "stoi"} == meta.keys()
    assert (65, "\n", 64) == (meta["vocab_size"], meta["itos"][0], meta["stoi"]["z"])


def test_ones_own_text(alone: Path) -> None:
    """A file becomes a data set of its name; line endings are left as they are."""
    (alone / "mine.txt").write_bytes("ab\r\nä€😀".encode() * 20)

    assert 0 == run("mine.txt")

    meta = read_meta(alone / "data/mine")
    train = np.fromfile(alone / "data/mine/train.bin", dtype=np.uint16)
    assert "\n\rabä€😀" == meta["chars"]
    assert "ab\r\nä€😀" == Chars(meta["chars"]).decode(train[:7])


def test_a_file_of_documents(alone: Path) -> None:
    """.jsonl holds a text a line; the last tenth of the documents validates."""
    lines = [json.dumps({"text": "ab" * (i + 1)}) for i in range(10)]
    (alone / "d.jsonl").write_text("\n".join(lines))

    run("d.jsonl")

    assert 20 == (alone / "data/d/val.bin").stat().st_size // 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl", b'{"text": "a"}\n{"no": 1}', "d.jsonl:2: not"),
        ("d.txt", b"\xff\xfe\x00", "cannot be read as UTF-8"),
        ("absent.txt", None, "known by name are"),
    ],
)
def test_a_bad_text_is_one_line(
    alone: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    """What is no text is an error that names the file, and the line."""
    if content is not None:
        (alone / name).write_bytes(content)

    assert 2 == run(name)
    assert message in capsys.readouterr().err


class Bomb:
    """A pickle that runs a command when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Ask the reader to run it."""
        return (os.system, ("touch hacked",))


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Bomb()),
        pickle.dumps({"vocab_size": 3}),
        pickle.dumps({"vocab_size": 3, "itos": {0: "a"}}),
        pickle.dumps({"vocab_size": 10**9, "itos": {}}),
        pickle.dumps([1]),
        b"",
        b"hello",
    ],
    ids=["bomb", "bare", "short", "huge", "list", "empty", "text"],
)
def test_a_bad_meta_pkl_runs_nothing(alone: Path, content: bytes) -> None:
    """NanoGPT's meta.pkl is read as data; anything else is an error, never code."""
    (alone / "meta.pkl").write_bytes(content)

    if content == pickle.dumps({"vocab_size": 3}):
        assert 3 == read_meta(alone)["vocab_size"]
    else:
        with pytest.raises(TrainerError, match="not a vocabulary"):
            read_meta(alone)
    assert not (alone / "hacked").exists()


def test_nanogpts_meta_pkl_is_read(alone: Path) -> None:
    """A data set that nanoGPT prepared needs no preparing."""
    meta = {"vocab_size": 2, "itos": {0: "a", 1: "b"}, "stoi": {"a": 0, "b": 1}}
    (alone / "meta.pkl").write_bytes(pickle.dumps(meta))

    assert {"vocab_size": 2, "kind": "char", "chars": "ab"} == read_meta(alone)


# --- GPT-2's byte pairs ---


def some_ranks(monkeypatch: pytest.MonkeyPatch, merges: str) -> bytes:
    """A vocab.bpe of our own that passes for OpenAI's."""
    data = ("#version: 0.2\n" + merges).encode()
    monkeypatch.setattr(tokens, "VOCAB_SHA", hashlib.sha256(data).hexdigest())
    return data


def test_merges_become_ranks() -> None:
    """The 256 bytes come first, printable ones before the rest, then the merges."""
    ranks = tokens.ranks_of_merges("#version: 0.2\nh e\nĠ he\n")

    assert (0, 93, 188, 220, 255) == tuple(
        ranks[byte] for byte in (b"!", b"~", b"\x00", b" ", b"\xad")
    )
    assert {b"he": 256, b" he": 257} == {k: v for k, v in ranks.items() if v > 255}


def test_a_table_that_was_named_is_used_and_kept(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--bpe_file` may be the folder; from then on our own cache has the table."""
    (alone / "vocab.bpe").write_bytes(some_ranks(monkeypatch, "h e\n"))
    config = Config(bpe_file=str(alone), fetch="none")

    ranks = tokens.find_ranks(config, Log(quiet=True))

    kept = (alone / "cache/gptwatch/gpt2/r50k_base.tiktoken").read_bytes()
    monkeypatch.setattr(tokens, "RANKS_SHA", hashlib.sha256(kept).hexdigest())
    assert 256 == ranks[b"he"]
    assert ranks == tokens.find_ranks(Config(fetch="none"), Log(quiet=True))


def test_a_wrong_table_is_refused(alone: Path) -> None:
    """A file that is not OpenAI's, by its checksum, is never used."""
    (alone / "vocab.bpe").write_text("#version: 0.2\nh e\n")

    with pytest.raises(TrainerError, match="checked by sha256"):
        tokens.find_ranks(Config(bpe_file=str(alone)), Log(quiet=True))


def test_no_table_names_the_ways_out(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a table the error says what was tried and what one can do."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("name not resolved")

    monkeypatch.setattr(tokens, "download", refuse)

    with pytest.raises(TrainerError) as caught:
        tokens.find_ranks(Config(), Log(quiet=True))
    assert alone
    assert "download failed (name not resolved)" in str(caught.value)
    assert "--bpe_file=PATH" in str(caught.value)


def real_table() -> dict[bytes, int]:
    """OpenAI's table, from this machine's caches or the network."""
    try:
        ranks: dict[bytes, int] = tokens.find_ranks(Config(), Log(quiet=True))
    except TrainerError as error:
        pytest.skip(f"GPT-2's table is out of reach: {error}")
    return ranks


def test_tables_of_other_packages_are_not_searched(alone: Path) -> None:
    """Only what was named, our cache and tiktoken's are looked through."""
    paths = [str(path.parent) for path in tokens.tiktoken_paths()]

    assert {str(alone / "tiktoken")} == set(paths)
    assert not hasattr(tokens, "PACKAGES")


def test_byte_pairs_are_gpt2s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ids are OpenAI's, decoding gives the text back, Shakespeare counts as known."""
    real_table()
    tokenizer = tokens.BytePairs(Config(fetch="none"), Log(quiet=True))
    text = "  naïve 😀\r\n<|endoftext|> don't"

    assert [15496, 995] == tokenizer.encode("Hello world").tolist()
    assert text == tokenizer.decode(tokenizer.encode(text))
    if SHAKESPEARE.exists():
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GPTWATCH_DATA", str(SHAKESPEARE))
        run("shakespeare", OFFLINE)
        assert 301_966 == Path("data/shakespeare/train.bin").stat().st_size // 2
        assert 36_059 == Path("data/shakespeare/val.bin").stat().st_size // 2


def test_a_download_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too long or with another checksum, a file from the network leaves no trace."""
    source_file = tmp_path / "source"
    source_file.write_bytes(b"abc" * 100)
    monkeypatch.setattr(
        fetch.urllib.request, "urlopen", lambda *_, **__: source_file.open("rb")
    )
    target = tmp_path / "folder/target"

    with pytest.raises(OSError, match="sha256"):
        fetch.download("https://x", target, sha256="00")
    with pytest.raises(OSError, match="longer than"):
        fetch.download("https://x", target, most=10)
    assert [] == list(target.parent.iterdir())
    fetch.download("https://x", target)
    assert b"abc" * 100 == target.read_bytes()
