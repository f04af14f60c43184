"""The wheel: what `pip install` puts into an environment."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
SOURCES = ("watcher", "parsers", "trainer", "systemd")
FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel built from a copy of the sources."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    code = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run(
        [sys.executable, "-c", code], cwd=copy, check=True, capture_output=True
    )
    (wheel,) = copy.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_has_no_top_level_trainer(names: set[str]) -> None:
    """It would overwrite another package of that name where people train."""
    tops = {name.partition("/")[0] for name in names}

    assert {"watcher", "parsers"} == {top for top in tops if "-" not in top}


def test_the_wheel_has_every_module_and_unit(names: set[str]) -> None:
    """What runs in the checkout runs when it is installed."""
    modules = {
        str(path.relative_to(ROOT))
        for top in ("watcher", "parsers")
        for path in (ROOT / top).rglob("*.py")
    }
    units = {path.name for path in (ROOT / "systemd").glob("*.service")}

    assert modules
    assert set() == modules - names
    assert set() == units - {Path(name).name for name in names}
