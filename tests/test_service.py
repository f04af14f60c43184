"""The files of the service: what they say, what is chosen, what is refused."""

import configparser
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from watcher import config
from watcher.cli import cli
from watcher.errors import ConfigError, InputError
from watcher.service import place as places
from watcher.service.control import uninstall
from watcher.service.files import Choice, files
from watcher.service.place import SYSTEM, Place, of_user


UNITS: Final = Path(__file__).parents[1] / "systemd"
PROGRAM: Final = Path("/opt/gptwatch/venv/bin/gptwatch")
# What an instance of the template has of its own.
OWN: Final = {
    "ExecStart",
    "StateDirectory",
    "CacheDirectory",
    "WorkingDirectory",
    "Environment",
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A box without the service."""
    return replace(
        SYSTEM,
        units=tmp_path / "units",
        config=tmp_path / "etc/gptwatch.toml",
        state=tmp_path / "state",
    )


def settings(unit: str) -> list[tuple[str, str]]:
    """The lines of a unit's [Service], in their order."""
    text = (UNITS / unit).read_text(encoding="utf-8")
    service = text.partition("[Service]\n")[2].partition("[Install]")[0]
    lines = [x for x in service.splitlines() if x and not x.startswith("#")]
    return [(name, value) for name, _, value in (x.partition("=") for x in lines)]


def put(wanted: dict[Path, str]) -> None:
    """Writes files, as `install` does."""
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_the_template_is_the_unit() -> None:
    """An instance is as restrained as the one service; only its folders differ."""
    one = [pair for pair in settings("gptwatch.service") if pair[0] not in OWN]
    each = [pair for pair in settings("gptwatch@.service") if pair[0] not in OWN]

    assert len(one) > 40
    assert one == each


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize(
    ("extras", "most"),
    [
        pytest.param([], 1.0, id="as it is"),
        pytest.param(["network"], 1.6, id="with the network"),
        pytest.param(["writers"], 1.0, id="asking who writes"),
        pytest.param(["read-all"], 1.0, id="reading everything"),
    ],
)
def test_it_is_hardened(extras: list[str], most: float, tmp_path: Path) -> None:
    """What a service could do to its box, by systemd's own measure, stays low."""
    text = (UNITS / "gptwatch.service").read_text(encoding="utf-8")
    for name in extras:
        drop_in = UNITS / f"gptwatch.service.d/{name}.conf"
        text += drop_in.read_text(encoding="utf-8")
    unit = tmp_path / "gptwatch.service"
    unit.write_text(text, encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        check=True,
        capture_output=True,
        text=True,
    )

    exposure = float(done.stdout.partition("gptwatch.service: ")[2].split()[0])
    assert 0 < exposure <= most


def test_the_example_is_valid(tmp_path: Path) -> None:
    """The settings that are shipped hold; so do those that are commented out."""
    text = (UNITS / "gptwatch.toml").read_text(encoding="utf-8")
    switched_on, changes = re.subn(r"(?m)^# (?=\w+ = |\[)", "", text)
    path = tmp_path / "gptwatch.toml"
    path.write_text(switched_on, encoding="utf-8")

    assert {"dir", "out", "state"} == set(config.load(UNITS / path.name).options)
    assert changes == 6
    assert "dark" == config.load(path).options["theme"]


def test_what_is_chosen_stands_in_the_settings(place: Place) -> None:
    """Folders with any sign come back from the settings as they were given."""
    dirs = [Path(r'/srv/a "b" \d'), Path("/srv/журналы")]

    written = files(place, Choice(dirs), PROGRAM)[place.config]

    held = tomllib.loads(written)
    assert [str(folder) for folder in dirs] == held["dir"]
    assert str(place.state / "plots") == held["out"]
    assert str(place.state / "state") == held["state"]
    assert str(place.config) in written


def test_the_usual_choice_needs_no_drop_in(place: Place) -> None:
    """With the program where it belongs the unit is enough as it is shipped."""
    usual = replace(place, config=SYSTEM.config)

    found = files(usual, Choice([Path("/srv/logs")]), PROGRAM)

    assert {usual.units / "gptwatch.service", usual.config, usual.sysusers} == set(
        found
    )


def test_what_the_unit_cannot_know(place: Place) -> None:
    """Program, output and folders in /tmp stand in the drop-in, quoted."""
    choice = Choice([Path("/tmp/logs"), Path("/srv/logs")], out=Path("/srv/100 %"))

    found = files(place, choice, Path("/srv/my $venv/bin/gptwatch"))

    text = found[place.drop_ins / "install.conf"]
    lines = text.partition("[Service]\n")[2].splitlines()
    assert [
        "ExecStart=",
        f'ExecStart="/srv/my $$venv/bin/gptwatch" --config "{place.config}" start',
        'ReadWritePaths=-"/srv/100 %%"',
        'BindReadOnlyPaths=-"/tmp/logs"',
    ] == lines


@pytest.mark.parametrize("extra", ["network", "writers", "read-all"])
def test_drop_ins_are_chosen(place: Place, extra: str) -> None:
    """What allows more comes only where it was asked for."""
    without = files(place, Choice([Path("/srv")]), PROGRAM)

    found = files(place, Choice([Path("/srv")], extras=[extra]), PROGRAM)

    assert {place.drop_ins / f"{extra}.conf"} == set(found) - set(without)


def test_the_page_comes_with_a_socket_of_systemd(place: Place) -> None:
    """Its unit is as it is shipped; where the program lies stands in a drop-in."""
    program = Path("/srv/bin/gptwatch")
    without = files(place, Choice([Path("/srv")]), program)

    found = files(place, Choice([Path("/srv")], web=True), program)

    units = {place.units / f"gptwatch-web.{kind}" for kind in ("service", "socket")}
    drop_in = place.page_drop_ins / "install.conf"
    assert units | {drop_in} == set(found) - set(without)
    for path in units:
        assert (UNITS / path.name).read_text(encoding="utf-8") == found[path]
    command = f'ExecStart="/srv/bin/gptwatch" --config "{place.config}" web\n'
    assert found[drop_in].endswith(f"[Service]\nExecStart=\n{command}")


def test_a_users_own_page_needs_no_socket(tmp_path: Path) -> None:
    """The service of a user may listen itself."""
    own = of_user({}, tmp_path)

    with pytest.raises(InputError, match=r"listen = .* \[web\]"):
        files(own, Choice([Path("/srv")], web=True), PROGRAM)


def test_a_second_choice_replaces_the_first(place: Place) -> None:
    """Settings that nobody edited follow; what was not given again stays."""
    put(files(place, Choice([Path("/srv/a")], out=Path("/srv/plots")), PROGRAM))

    found = files(place, Choice([Path("/srv/b")]), PROGRAM)

    held = tomllib.loads(found[place.config])
    assert (["/srv/b"], "/srv/plots") == (held["dir"], held["out"])


def test_edited_settings_stay(place: Place) -> None:
    """What a person wrote is kept, and a choice against it is refused."""
    put(files(place, Choice([Path("/srv/a")]), PROGRAM))
    text = place.config.read_text(encoding="utf-8") + 'lang = "ru"\n'
    place.config.write_text(text, encoding="utf-8")

    again = files(place, Choice(), PROGRAM)

    assert text == again[place.config]
    assert text == files(place, Choice([Path("/srv/a")]), PROGRAM)[place.config]
    with pytest.raises(ConfigError, match="was edited"):
        files(place, Choice([Path("/srv/b")]), PROGRAM)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("dir = [", "not valid TOML", id="no toml"),
        pytest.param("dir = 'x'", "must be a list of strings", id="not a list"),
    ],
)
def test_invalid_settings_are_refused(place: Place, text: str, why: str) -> None:
    """Settings that the daemon would refuse are refused at once."""
    put({place.config: text})

    with pytest.raises(ConfigError, match=why):
        files(place, Choice(), PROGRAM)


def test_nothing_to_watch(place: Place) -> None:
    """The first time a folder must be named."""
    with pytest.raises(InputError, match="--dir DIRECTORY"):
        files(place, Choice(), PROGRAM)


def test_a_name_that_a_unit_cannot_hold(place: Place) -> None:
    """A newline in a folder's name would end a line of the unit."""
    with pytest.raises(InputError, match="rename the directory"):
        files(place, Choice([Path("/srv/a\nExecStart=/bin/sh")]), PROGRAM)


def test_a_users_own_service(tmp_path: Path) -> None:
    """It lies in the user's folders, and its unit names no user."""
    mine = of_user({"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path)

    found = files(mine, Choice([tmp_path]), PROGRAM)

    assert all(path.is_relative_to(tmp_path / ".config") for path in found)
    assert "User=" not in found[mine.units / "gptwatch.service"]
    held = tomllib.loads(found[mine.config])
    assert str(tmp_path / "state/gptwatch/plots") == held["out"]


def test_a_venv_at_home_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text gives the commands that make a venv for the service."""
    (tmp_path / "gptwatch").touch()
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("sys.prefix", "/home/anna/venv")

    with pytest.raises(InputError) as refused:
        places.check_program(SYSTEM)

    assert "-m venv /opt/gptwatch/venv" in str(refused.value)
    assert "/opt/gptwatch/venv/bin/pip install" in str(refused.value)
    places.check_program(of_user({}, tmp_path))


def test_without_systemd_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what is missing, and what to do instead."""
    monkeypatch.setattr(places, "_BOOTED", Path("/nowhere"))

    done = CliRunner().invoke(cli, ["service", "status"])

    assert "systemd is not running" in str(done.exception)


def test_instances_keep_their_data(place: Place) -> None:
    """Where the template is in use, `uninstall` takes nothing from under it."""
    put({place.units / "gptwatch@.service": "", place.state / "x": ""})

    with pytest.raises(InputError, match="instances share"):
        uninstall(place, print, keep_data=False)

    assert (place.state / "x").exists()


def test_print_shows_every_file(tmp_path: Path) -> None:
    """`print` gives each file with its path, and writes none."""
    environment = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    arguments = ["service", "print", "--user", "--dir", str(tmp_path)]

    said = CliRunner().invoke(cli, arguments, env=environment).output

    assert f"##### {tmp_path}/c/systemd/user/gptwatch.service\n" in said
    assert f'dir = ["{tmp_path}"]\n' in said
    assert [] == list(tmp_path.iterdir())


def test_everything_is_shipped() -> None:
    """The package holds every file that `install` may ask for."""
    parser = configparser.ConfigParser()
    parser.read(UNITS.parent / "setup.cfg", encoding="utf-8")
    globs = [
        pattern
        for patterns in parser["options.data_files"].values()
        for pattern in patterns.split()
    ]
    shipped = {path for pattern in globs for path in UNITS.parent.glob(pattern)}

    assert {path for path in UNITS.rglob("*") if path.is_file()} == shipped
