"""Notifications of a service without a network do not fail in silence."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from watcher.alerts.channels.network import has_network
from watcher.cli import cli
from watcher.service import place as places
from watcher.service.network import service_network
from watcher.service.place import SYSTEM, Place


ROOT: Final = Path(__file__).parents[1]
URLS: Final = '[notify]\nurls = ["json://localhost:1"]\n'


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A machine whose systemd runs the service as it is shipped: without a network."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\necho LoadState=loaded\necho PrivateNetwork=yes\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    place = replace(SYSTEM, config=tmp_path / "gptwatch.toml")
    place.config.write_text(URLS)
    monkeypatch.setattr(places, "SYSTEM", place)
    return place


def test_addresses_without_a_network_are_a_problem(service: Place) -> None:
    """The check names the setting, and the command that grants the network."""
    found = service_network(service)

    assert found is not None
    assert ("problem", "none, so notifications by urls fail") == (
        found.verdict,
        found.text,
    )
    assert "sudo gptwatch service install --with network" in found.advice


def test_without_addresses_there_is_no_problem(service: Place) -> None:
    """What stays on the machine needs no network."""
    service.config.write_text("[notify]\ndesktop = true\n")

    found = service_network(service)

    assert found is not None
    assert "ok" == found.verdict


def test_a_machine_without_the_service_has_no_such_check(
    service: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither without systemd nor with a network."""
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho PrivateNetwork=no\n")
    assert service_network(service) is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert service_network(service) is None


def test_a_test_of_the_services_channels_fails(service: Place) -> None:
    """The channels may work for who tests them: the service reaches none."""
    service.config.write_text('[notify]\non_alert = "cat"\n')

    done = CliRunner().invoke(
        cli, ["--config", str(service.config), "notify", "--test"]
    )

    assert "command: accepted" in done.output
    assert "network of the service: none" in done.output
    assert done.exit_code != 0


def isolated(code: str) -> str:
    """What Python prints in a process that has no network."""
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        pytest.skip("only root may take the network from a process")
    done = subprocess.run(
        [unshare, "--net", sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("no network namespace here")
    return done.stdout + done.stderr


def test_a_process_knows_whether_it_has_a_network() -> None:
    """The loopback alone is none."""
    said = isolated(
        "from watcher.alerts.channels.network import has_network; print(has_network())"
    )

    assert has_network()
    assert "False\n" == said


def test_the_daemon_warns_before_the_first_alert() -> None:
    """Addresses without a network are one warning at the start, and say why later."""
    said = isolated(
        "import logging; logging.basicConfig(format='%(message)s')\n"
        "from watcher.alerts.channels import Settings, channels\n"
        "from watcher.errors import DeliveryError\n"
        "from pathlib import Path\n"
        "found = channels(Settings(urls=('json://localhost:1',)), Path())\n"
        "try:\n"
        "    found[-1].send({'severity': 'info', 'kind': 'test', 'title': 't',"
        " 'message': 'm'})\n"
        "except DeliveryError as error:\n"
        "    print(error)\n"
    )

    assert 2 == said.count("this process has no network")
    assert "--with network" in said
