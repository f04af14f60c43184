"""The service on a booted systemd: it starts, comes back, stops, and leaves nothing."""

import json
from collections.abc import Iterator
from typing import Final

import pytest
from box import PYTHON, SOURCE, Box, booted, missing
from oracle import until
from readme import block, commands


WHY_NOT: Final = missing()
pytestmark = [
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT),
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.xdist_group("systemd"),  # one machine is booted for all
]

VENV: Final = "/opt/gptwatch/venv"
# The five lines that the README gives, with this box's own Python and our files.
LINES: Final = [line.removeprefix("sudo ") for line in commands(block("service"))]
WORDS: Final = (
    " && ".join(LINES[:2])
    .replace("/usr/bin/python3", str(PYTHON))
    .replace("install '.", f"install --quiet '{SOURCE}")
)
GPTWATCH: Final = f"{VENV}/bin/gptwatch"
LOGS: Final = "/srv/logs"
STATE: Final = "/var/lib/gptwatch/state"
PLOTS: Final = "/var/lib/gptwatch/plots"
TEMPLATE: Final = "/etc/systemd/system/gptwatch@.service"
DROP_IN: Final = "/etc/systemd/system/gptwatch.service.d/test.conf"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box with the program and without the service."""
    with booted(tmp_path_factory.mktemp("machine"), WORDS) as found:
        for unit in ("gptwatch", "gptwatch@"):
            path = found.path(f"/etc/systemd/system/{unit}.service.d/quick.conf")
            path.parent.mkdir()
            path.write_text("[Service]\nEnvironment=GPTWATCH_START_INTERVAL=1s\n")
        yield found


@pytest.fixture
def box(machine: Box) -> Iterator[Box]:
    """The box with an empty folder of logs; afterwards the service is gone."""
    machine.run("mkdir", "-p", LOGS)
    yield machine
    machine.run("systemctl", "stop", "gptwatch@*")
    machine.run("rm", "-f", DROP_IN, TEMPLATE)
    machine.run(GPTWATCH, "service", "uninstall", "--yes")
    machine.run("rm", "-rf", LOGS, "/srv/plots")


def install(box: Box, *more: str) -> str:
    """Installs the service for the folder of logs, by the README's third line."""
    assert LINES[2].endswith(f"service install --dir {LOGS}")
    return box.run(*LINES[2].split(), *more)


def write(box: Box, first: int, last: int, log: str = f"{LOGS}/a.log") -> None:
    """A trainer writes on."""
    text = "".join(
        f"iter {i}: loss {3 - i * 1e-4:.4f}, time 20.00ms, mfu 9.00%\n"
        for i in range(first, last)
    )
    with box.path(log).open("a", encoding="utf-8") as file:
        file.write(text)


def read(box: Box, state: str = STATE) -> dict[str, int]:
    """The last step of each run."""
    said = box.run(GPTWATCH, "status", "--json", "--state", state)
    return {run["run"]: run["step"] for run in json.loads(said)["runs"]}


def drawn(box: Box, plots: str = PLOTS) -> list[int]:
    """The steps that are in the data of the run; none before there are any."""
    path = box.path(f"{plots}/a.log/latest.json")
    if not path.exists():
        return []
    found: list[int] = json.loads(path.read_bytes())["training"]["iters"]
    return found


def configure(box: Box, *lines: str) -> None:
    """Changes the unit by a drop-in, from its next start on."""
    text = "\n".join(["[Service]", *lines, ""])
    box.path(DROP_IN).write_text(text, encoding="utf-8")
    box.run("systemctl", "daemon-reload")


def everything(box: Box) -> set[str]:
    """All files of the box where a service may leave something; and its user."""
    folders = ["/etc", "/var/lib", "/var/cache", "/usr/lib/systemd", "/run/systemd"]
    found = box.run("find", *folders, "-not", "-path", "*/systemd/units/*")
    # Old copies of the tables of users, and what systemd notes of all services.
    passing = ("passwd-", "group-", "shadow-", "gshadow-", "/run/systemd/propagate")
    kept = {p for p in found.splitlines() if not any(word in p for word in passing)}
    return kept | set(box.run("cat", "/etc/passwd", "/etc/group").splitlines())


def test_it_is_ready_and_says_how_it_is(box: Box) -> None:
    """After `install` it is active, enabled, and its status tells of the runs."""
    write(box, 0, 50)

    said = install(box)

    assert "active (running)" in said
    assert "enabled" == box.show("UnitFileState")
    assert "1 run" in box.show("StatusText")
    assert "0" == box.show("NRestarts")


def test_alerts_without_a_network_are_no_secret(box: Box) -> None:
    """`install`, `doctor` and the daemon warn; with the network none of them does."""
    grant = "service install --with network"
    assert grant in install(box)
    urls = '\n[notify]\nurls = ["json://localhost:1"]\n'
    with box.path("/etc/gptwatch/gptwatch.toml").open("a") as file:
        file.write(urls)
    box.run("systemctl", "reload", "gptwatch")
    journal = ("journalctl", "-u", "gptwatch", "--no-pager")
    until(lambda: grant in box.run(*journal))
    assert f"-> to grant it: sudo gptwatch {grant}" in box.run(
        GPTWATCH, "doctor", fine=False
    )

    assert grant not in box.run(GPTWATCH, *grant.split())

    assert "network of the service" not in box.run(GPTWATCH, "doctor", fine=False)


def test_files_follow_the_log(box: Box) -> None:
    """What is written is in the store and in the data, now and later."""
    install(box, "--out", "/srv/plots")
    write(box, 0, 50)
    until(lambda: read(box) == {"a.log": 49})
    until(lambda: drawn(box, "/srv/plots") == list(range(50)))

    write(box, 50, 80)

    until(lambda: read(box) == {"a.log": 79})
    until(lambda: drawn(box, "/srv/plots") == list(range(80)))


def test_to_install_again_disturbs_nothing(box: Box) -> None:
    """Where all is as it should be, the daemon goes on as the same process."""
    install(box)
    before = box.show("MainPID")

    install(box)

    assert before == box.show("MainPID")


def test_settings_are_read_again(box: Box) -> None:
    """`systemctl reload` takes up a folder that was added to the settings."""
    install(box)
    before = box.show("MainPID")
    box.run("mkdir", "-p", "/srv/more")
    write(box, 0, 50, "/srv/more/b.log")
    box.run(
        "sed", "-i", 's|^dir = .*|dir = ["/srv/more"]|', "/etc/gptwatch/gptwatch.toml"
    )

    box.run("systemctl", "reload", "gptwatch")

    until(lambda: read(box) == {"b.log": 49})
    until(lambda: box.show("ActiveState") == "active")
    assert before == box.show("MainPID")


def test_it_comes_back_with_nothing_lost(box: Box) -> None:
    """Killed while a log grows, it is back by itself and has each point once."""
    write(box, 0, 50)
    install(box)
    until(lambda: read(box) == {"a.log": 49})
    before = box.show("MainPID")

    box.run("kill", "-9", before)
    write(box, 50, 120)

    until(lambda: box.show("MainPID") not in {before, "0"})
    until(lambda: drawn(box) == list(range(120)))
    assert "1" == box.show("NRestarts")


def test_a_hang_is_noticed(box: Box) -> None:
    """A daemon that no longer beats is ended and started again."""
    configure(box, "WatchdogSec=3s", "RestartSec=100ms")
    install(box)
    before = box.show("MainPID")

    box.run("kill", "-STOP", before)

    until(lambda: box.show("MainPID") not in {before, "0"})
    until(lambda: box.show("ActiveState") == "active")
    assert "Watchdog timeout" in box.run("journalctl", "-u", "gptwatch")


def test_one_that_works_is_left_alone(box: Box) -> None:
    """A daemon that beats lives longer than the watchdog's time."""
    configure(box, "WatchdogSec=2s")
    install(box)
    before = box.show("MainPID")
    started = int(box.show("ActiveEnterTimestampMonotonic"))

    def age_s() -> float:
        return float(box.run("cat", "/proc/uptime").split()[0]) - started / 1e6

    until(lambda: age_s() > 7)

    assert before == box.show("MainPID")


def test_it_stops_in_time(box: Box) -> None:
    """`systemctl stop` ends it by its own will, with everything kept."""
    write(box, 0, 50)
    install(box)
    until(lambda: read(box) == {"a.log": 49})

    box.run("systemctl", "stop", "gptwatch")

    assert ("success", "0") == (box.show("Result"), box.show("ExecMainStatus"))
    assert "everything read is stored" in box.run("journalctl", "-u", "gptwatch")


def test_events_have_priorities_and_no_time_of_their_own(box: Box) -> None:
    """The journal has one line an event, at its priority."""
    install(box)

    entry = json.loads(
        box.run(
            *("journalctl", "-u", "gptwatch", "-o", "json", "-n", "1"),
            *("_COMM=gptwatch", "-p", "info"),
        )
    )

    assert ("6", "watching /srv/logs") == (entry["PRIORITY"], entry["MESSAGE"])


def test_a_folder_it_may_not_read(box: Box) -> None:
    """It says so and waits, without restarts; it goes on when it may."""
    write(box, 0, 50)
    box.run("chmod", "700", LOGS)

    install(box)

    until(lambda: LOGS in box.show("StatusText"))
    assert ("active", "0") == (box.show("ActiveState"), box.show("NRestarts"))
    box.run("chmod", "755", LOGS)
    until(lambda: read(box) == {"a.log": 49})
    until(lambda: LOGS not in box.show("StatusText"))


def test_an_output_folder_it_may_not_write(box: Box) -> None:
    """It says so and reads on, without restarts; pictures come when it may."""
    write(box, 0, 50)
    box.run("mkdir", "/srv/plots")

    install(box, "--out", "/srv/plots")

    until(lambda: read(box) == {"a.log": 49})
    until(lambda: "/srv/plots" in box.show("StatusText"))
    assert ("active", "0") == (box.show("ActiveState"), box.show("NRestarts"))
    box.run("chown", "gptwatch", "/srv/plots")
    until(lambda: drawn(box, "/srv/plots") == list(range(50)))


def test_wrong_settings_are_no_crash_loop(box: Box) -> None:
    """What a restart cannot mend is said once."""
    install(box)
    with box.path("/etc/gptwatch/gptwatch.toml").open("a", encoding="utf-8") as file:
        file.write("thme = 'dark'\n")

    said = box.run("systemctl", "restart", "gptwatch", fine=False)

    assert "failed" in said
    assert ("failed", "78") == (box.show("ActiveState"), box.show("ExecMainStatus"))
    assert "0" == box.show("NRestarts")
    assert "did you mean 'theme'?" in box.run("journalctl", "-u", "gptwatch")


def test_logs_of_a_group_below_home(box: Box) -> None:
    """A group of the unit opens folders that others may not enter; /tmp is seen too."""
    box.run("mkdir", "-p", "/home/anna/logs", "/tmp/logs")
    write(box, 0, 50, "/home/anna/logs/a.log")
    box.run("cp", "/home/anna/logs/a.log", "/tmp/logs/b.log")
    box.run("chmod", "-R", "u=rwX,g=rX,o=", "/home/anna")
    box.run("chgrp", "-R", "games", "/home/anna")
    configure(box, "SupplementaryGroups=games")
    folders = ("--dir", "/home/anna/logs", "--dir", "/tmp/logs")

    box.run(GPTWATCH, "service", "install", *folders)

    until(lambda: read(box) == {"a.log": 49, "b.log": 49})


def test_nobody_is_called_dead_who_is_not_seen(box: Box) -> None:
    """Who writes is unknown at first; with the drop-in, that one died."""
    script = (
        f"exec >>{LOGS}/a.log; for i in $(seq 400); do "
        'echo "iter $i: loss 2.5, time 20.00ms, mfu 9.00%"; sleep .1; done'
    )
    box.run("systemd-run", "--unit=trainer", "bash", "-c", script)
    install(box, "--with", "writers")
    until(lambda: "a.log" in read(box))
    assert "1 in progress" in box.show("StatusText")

    box.run("systemctl", "kill", "-s", "KILL", "trainer")

    until(lambda: "a.log: stopped" in box.run("journalctl", "-u", "gptwatch"))


def test_one_instance_a_folder(box: Box) -> None:
    """The template watches the folder in its name, odd signs included."""
    folder = "/srv/my logs-a%"
    box.run("mkdir", "-p", folder)
    write(box, 0, 50, f"{folder}/a.log")
    shipped, users = f"{SOURCE}/systemd", "/etc/sysusers.d/gptwatch.conf"
    box.run("cp", f"{shipped}/gptwatch@.service", TEMPLATE)
    box.run("install", "-D", f"{shipped}/sysusers.conf", users)
    box.run("systemd-sysusers")
    box.run("systemctl", "daemon-reload")
    name = box.run("systemd-escape", "--path", folder).strip()

    box.run("systemctl", "start", f"gptwatch@{name}")

    until(lambda: read(box, f"/var/lib/gptwatch/{name}/state") == {"a.log": 49})
    until(lambda: drawn(box, f"/var/lib/gptwatch/{name}/plots") == list(range(50)))


def test_it_writes_nowhere_else(box: Box) -> None:
    """Seen by the service all is read-only but its own; and it has no capability."""
    folders = f"/ /etc /srv {LOGS} /home /root /usr /var /var/lib /var/lib/gptwatch"
    probe = f"for d in {folders}; do if test -w $d; then echo writes $d; fi; done"
    configure(
        box,
        *("Type=oneshot", "WatchdogSec=0", "Restart=no", "ExecStart="),
        f"ExecStart=/bin/bash -c '{probe}; grep ^Cap /proc/self/status'",
    )
    box.run("chmod", "777", LOGS)

    install(box)

    said = box.run("journalctl", "-u", "gptwatch", "-o", "cat", "-b").splitlines()
    assert ["writes /var/lib/gptwatch"] == [x for x in said if x.startswith("writes")]
    caps = {line.split()[1] for line in said if line.startswith("Cap")}
    assert {"0" * 16} == caps


def test_a_service_of_ones_own(box: Box) -> None:
    """`--user` needs no root, and sees who writes the user's own logs."""
    box.run("useradd", "--create-home", "--uid", "4321", "bob")
    box.run("loginctl", "enable-linger", "bob")
    until(lambda: "Ready" in box.show("StatusText", "user@4321"))
    as_bob = (
        *("runuser", "-u", "bob", "--", "env", "-C", "/home/bob", "HOME=/home/bob"),
        *("XDG_RUNTIME_DIR=/run/user/4321", GPTWATCH, "service"),
    )
    box.run("mkdir", "/home/bob/logs")
    write(box, 0, 50, "/home/bob/logs/a.log")

    said = box.run(*as_bob, "install", "--user", "--dir", "logs")

    state = "/home/bob/.local/state/gptwatch"
    assert "active (running)" in said
    until(lambda: read(box, f"{state}/state") == {"a.log": 49})
    until(lambda: drawn(box, f"{state}/plots") == list(range(50)))
    box.run(*as_bob, "uninstall", "--user", "--yes")
    left = box.run("find", "/home/bob", "-name", "*gptwatch*")
    assert "" == left


def ask(box: Box, query: str = "") -> int:
    """Status of the page's answer to a browser of the box."""
    code = (
        "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8477)\n"
        f"c.request('GET', '/{query}'); print(c.getresponse().status)"
    )
    return int(box.run(f"{VENV}/bin/python", "-c", code))


def test_the_page_is_started_when_it_is_opened(box: Box) -> None:
    """`install --web`: by systemd's socket; the service itself has no network."""
    install(box, "--web")
    write(box, 0, 20)
    assert "inactive" == box.show("ActiveState", "gptwatch-web.service")

    assert 401 == ask(box)
    token = box.path(f"{STATE}/web.token").read_text()
    # The token goes into a cookie, and the browser to the page.
    assert 303 == ask(box, f"?token={token}")

    assert "active" == box.show("ActiveState", "gptwatch-web.service")
    assert "yes" == box.show("PrivateNetwork", "gptwatch-web.service")
    assert "page: http://127.0.0.1:8477/" in box.run(
        GPTWATCH, "status", "--state", STATE
    )


def test_nothing_is_left(machine: Box) -> None:
    """After `uninstall` the box is as it was before `install`, its user included."""
    machine.run("mkdir", "-p", LOGS)
    before = everything(machine)
    install(machine, "--with", "writers")
    write(machine, 0, 50)
    until(lambda: drawn(machine) == list(range(50)))

    machine.run(GPTWATCH, "service", "uninstall", "--yes")

    assert before == everything(machine)
    assert "not-found" == machine.show("LoadState")
    machine.run("rm", "-r", LOGS)


def test_data_may_stay(box: Box) -> None:
    """`--keep-data` keeps settings, state and pictures, for the next `install`."""
    write(box, 0, 50)
    install(box)
    until(lambda: drawn(box) == list(range(50)))

    box.run(GPTWATCH, "service", "uninstall", "--keep-data")

    assert list(range(50)) == drawn(box)
    box.run(GPTWATCH, "service", "install")
    assert {"a.log": 49} == read(box)


def test_without_root_it_says_so(machine: Box) -> None:
    """One sentence says who may."""
    said = machine.run(
        *("runuser", "-u", "nobody", "--"),
        *(GPTWATCH, "service", "install", "--dir", LOGS),
        fine=False,
    )

    assert said.startswith("gptwatch: a system service needs root")
    assert 1 == len(said.splitlines())
