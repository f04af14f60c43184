"""Every format reads its own lines, and its fixture as the golden text says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from parsers import formats
from parsers.engine.masks import first_fit
from parsers.format import Format
from parsers.formats import FORMATS
from parsers.parser import Parser
from watcher.storage.columns import Run


DATA = Path(__file__).parent / "data"
FIXTURES = sorted(DATA.glob("*/train.log"))

assert FIXTURES, "no fixtures under tests/data"


def read(data: bytes) -> tuple[Parser, Run]:
    parser, run = Parser(), Run()
    run.add(parser.feed(data))
    run.add(parser.flush())
    return parser, run


def golden(run: Run) -> Iterator[str]:
    """One record a line: `line=3 step=250 train_loss=1.8211 val_loss=1.9`."""
    records: dict[tuple[int, int], dict[str, float]] = {}
    for name in run.metrics():
        columns = run.column(name)
        for line, step, value in zip(*columns, strict=True):
            records.setdefault((int(line), int(step)), {})[name] = float(value)
    for (line, step), values in sorted(records.items()):
        numbers = " ".join(f"{n}={v!r}" for n, v in sorted(values.items()))
        yield f"line={line} step={step} {numbers}"
    for milestone in run.milestones():
        yield f"line={milestone.line} {milestone.kind}: {milestone.text}"


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.parent.name)
def test_reads_its_fixture(path: Path, request: pytest.FixtureRequest) -> None:
    """What is read from a log of the format is what a person reads in it."""
    parser, run = read(path.read_bytes())
    text = "".join(
        f"{line}\n"
        for line in (f"format={parser.format and parser.format.name}", *golden(run))
    )
    expected = path.with_suffix(".golden")
    if request.config.getoption("--update-golden"):
        expected.write_text(text, encoding="utf-8")

    assert expected.read_text(encoding="utf-8") == text


def sample_cases() -> list[tuple[Format, str]]:
    """Every sample line of every format that is read line by line."""
    return [
        (form, sample)
        for form in FORMATS
        if form.rows is None  # the fixture of a structured format shows its context
        for sample in form.samples
    ]


@pytest.mark.parametrize(
    ("form", "sample"), sample_cases(), ids=lambda v: getattr(v, "name", None)
)
def test_takes_its_sample_lines(form: Format, sample: str) -> None:
    """No sample line of a format leaves its reader unmoved."""
    assert any(one.take for one in first_fit(0, form.patterns, sample.encode()))


def test_every_format_has_a_fixture() -> None:
    """A format without a fixture would be a promise only."""
    assert {path.parent.name for path in FIXTURES} >= {form.name for form in FORMATS}


def test_every_format_file_is_registered() -> None:
    """A file in the folder that no registry line names would never be used."""
    folder = Path(formats.__file__).parent
    files = {p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")}
    source = Path(formats.__file__).read_text(encoding="utf-8")

    assert set() == {name for name in files if name not in source}


def test_names_are_unique() -> None:
    """A format is known by its name, in states too."""
    names = [form.name for form in FORMATS]

    assert sorted(set(names)) == sorted(names)
