"""Who may look, and what hostile requests get."""

import http.client
import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import Bench, append, lines, open_to_all, until
from pages import Served

from watcher.errors import ConfigError, OutputError
from watcher.web import peer
from watcher.web.command import Settings
from watcher.web.guard import CSP
from watcher.web.server import serve
from watcher.web.token import NAME, token


pytestmark = pytest.mark.process
NOBODY = 65534


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database with one run."""
    bench = Bench(tmp_path_factory.mktemp("web"))
    append(bench.logs / "train.log", lines(0, 50))
    bench.look()
    yield bench.state
    bench.stop()


@pytest.fixture(scope="module")
def page(state: Path) -> Iterator[Served]:
    """The page of it."""
    with Served(state) as served:
        yield served


@pytest.mark.parametrize("path", ["/", "/app/main.js", "/api/1/runs", "/nothing"])
def test_every_answer_has_its_headers(page: Served, path: str) -> None:
    """No script, frame or form of others; no guessing of types; no referrer."""
    found = {k.lower(): v for k, v in page.get(path).headers.items()}

    assert CSP == found["content-security-policy"]
    assert "'unsafe" not in found["content-security-policy"]
    assert "nosniff" == found["x-content-type-options"]
    assert "no-referrer" == found["referrer-policy"]
    assert "same-origin" == found["cross-origin-resource-policy"]
    assert "server" not in found


@pytest.mark.parametrize("path", ["/", "/api/1/runs", "/api/1/events", "/healthz"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "", "[::1", "localhost@evil"]
)
def test_a_rebound_name_gets_nothing(page: Served, path: str, host: str) -> None:
    """A name of somebody else's that leads here: DNS rebinding."""
    answer = page.get(path, headers={"host": host})

    assert answer.status in {400, 421}
    assert b"train.log" not in answer.body


def test_a_refusal_is_said_in_russian(page: Served) -> None:
    """Where the browser asks for it."""
    headers = {"host": "evil.example", "accept-language": "ru"}
    answer = page.get("/", headers=headers)

    assert "имя хоста не разрешено" in answer.body.decode()


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8477"])
def test_names_of_this_machine_are_fine(page: Served, host: str) -> None:
    """With any port: ssh -L may forward from another one."""
    assert 200 == page.get("/api/1/runs", headers={"host": host}).status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_other_sites_get_nothing(page: Served, headers: dict[str, str]) -> None:
    """Also a page of another port of this machine."""
    assert 403 == page.get("/api/1/runs", headers=headers).status


def test_a_link_to_the_page_may_be_followed(page: Served) -> None:
    """But not into a frame."""
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

    assert 200 == page.get("/", headers=link | {"sec-fetch-dest": "document"}).status
    assert 403 == page.get("/", headers=link | {"sec-fetch-dest": "iframe"}).status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(page: Served, method: str) -> None:
    """There is nothing but GET and HEAD."""
    assert page.get("/api/1/runs", method=method).status in {400, 405}


def test_head_has_no_body(page: Served) -> None:
    """As it should be."""
    answer = page.get("/api/1/runs", method="HEAD")

    assert (200, b"") == (answer.status, answer.body)


def test_headers_are_bounded(page: Served) -> None:
    """16 KiB."""
    answer = page.get("/", headers={"x": "y" * 40_000})

    assert answer.status in {400, 431}
    assert 200 == page.get("/").status


def test_connections_are_bounded(page: Served) -> None:
    """The thirty-third gets a clear answer, and all is well when they are gone."""
    streams = []
    for _ in range(32):
        line = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
        line.request("GET", "/api/1/events")
        streams.append((line, line.getresponse()))

    assert 503 == page.get("/api/1/runs").status
    for line, stream in streams:
        stream.close()
        line.close()
    until(lambda: page.get("/api/1/runs").status == 200)


def test_it_ends_at_once_with_streams_open(state: Path) -> None:
    """A page that is open holds nothing up."""
    with Served(state) as served:
        line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        line.request("GET", "/api/1/events")
        line.getresponse().readline()

        served.process.terminate()

        assert served.process.wait(timeout=10) in {0, -15}
        line.close()
        assert "Traceback" not in served.said


def test_the_token_is_the_users_alone(state: Path, page: Served) -> None:
    """256 bits in a file of mode 0600."""
    assert "http" in page.address
    path = state / NAME

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert len(path.read_text()) >= 43


def test_a_token_that_others_could_read_is_refused(tmp_path: Path) -> None:
    """And one that is a link to somewhere."""
    made = token(tmp_path)
    assert made == token(tmp_path)
    path = tmp_path / NAME

    path.chmod(0o644)
    with pytest.raises(OutputError, match="delete it"):
        token(tmp_path)
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(OutputError, match="cannot be read"):
        token(tmp_path)


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")


def as_nobody(port: int, request: bytes) -> bytes:
    """What another user of this machine gets."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            line.sendall(request)
            while data := line.recv(65536):
                os.write(writing, data)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found = answer.read()
    os.waitpid(child, 0)
    return found


REQUEST = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n"


@root_only
def test_another_user_of_the_machine_needs_the_token(state: Path, page: Served) -> None:
    """The address with it sets a cookie and leads to one without it."""
    secret = (state / NAME).read_bytes()
    assert page.port

    refused = as_nobody(page.port, REQUEST % (b"/api/1/runs", b""))
    wrong = as_nobody(page.port, REQUEST % (b"/?token=x", b""))
    right = as_nobody(page.port, REQUEST % (b"/?token=" + secret, b""))
    cookie = b"Cookie: " + right.partition(b"set-cookie: ")[2].split(b";")[0] + b"\r\n"
    let_in = as_nobody(page.port, REQUEST % (b"/api/1/runs", cookie))

    assert refused.startswith(b"HTTP/1.1 401")
    assert wrong.startswith(b"HTTP/1.1 401")
    assert right.startswith(b"HTTP/1.1 303")
    head = right.lower()
    assert b"\r\nlocation: /\r\n" in head
    assert b"httponly" in head
    assert b"samesite=strict" in head
    assert let_in.startswith(b"HTTP/1.1 200")


@root_only
def test_users_may_be_allowed(state: Path) -> None:
    """By name, in gptwatch.toml."""
    import pwd

    name = pwd.getpwuid(NOBODY).pw_name
    (state.parent / "gptwatch.toml").write_text(f'[web]\nallow_users = ["{name}"]\n')
    try:
        with Served(state) as served:
            assert served.port
            found = as_nobody(served.port, REQUEST % (b"/api/1/runs", b""))
    finally:
        (state.parent / "gptwatch.toml").unlink()

    assert found.startswith(b"HTTP/1.1 200")


def test_beyond_loopback_a_token_is_needed(state: Path) -> None:
    """The address that is printed has it; the plain one is refused... to strangers."""
    with Served(state, listen="0.0.0.0:0") as served:
        assert "?token=" in served.address


def test_a_unix_socket_is_guarded_by_its_rights(state: Path) -> None:
    """Mode 0600: whoever can connect may look."""
    path = state / "web.sock"
    with Served(state, listen=f"unix:{path}") as served:
        assert str(path) in served.address
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(REQUEST % (b"/api/1/runs", b""))
            assert line.recv(12).startswith(b"HTTP/1.1 200")


def test_a_socket_of_systemd_is_used(state: Path) -> None:
    """Socket activation: the service itself may open none."""
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        given.listen()
        passed = given.fileno()
        script = (
            f"import os, sys; os.dup2({passed}, 3); pid = str(os.getpid());"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=pid);"
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        before = (sys.executable, "-c", script)
        with Served(state, listen="127.0.0.1:1", before=before, fds=(passed,)) as page:
            assert given.getsockname()[1] == page.port, page.said
            assert page.get("/api/1/runs").json["runs"]


def test_the_unit_of_the_page_is_as_hard_as_the_daemons() -> None:
    """Every line of hardening of the one stands in the other."""
    units = Path(__file__).parents[1] / "systemd"
    hardening = [
        (units / name).read_text().partition("# Hardening")[2].splitlines()[1:]
        for name in ("gptwatch.service", "gptwatch-web.service")
    ]

    assert len(hardening[1]) > 20
    assert set(hardening[1]) >= set(hardening[0]) - {
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    }


@pytest.mark.parametrize("listen", ["8477", "localhost:x", ":80", "localhost:99999"])
def test_what_is_no_address(state: Path, listen: str) -> None:
    """It is said what to write."""
    with pytest.raises(ConfigError, match=r"write 127\.0\.0\.1:8477"):
        serve(Settings(str(state), listen=listen))


def test_a_port_that_is_taken(state: Path, page: Served) -> None:
    """It is said what to do."""
    with pytest.raises(ConfigError, match="choose another with --listen"):
        serve(Settings(str(state), listen=f"127.0.0.1:{page.port}"))


def test_lines_of_logs_may_be_kept_back(state: Path) -> None:
    """[web] lines = false."""
    (state.parent / "gptwatch.toml").write_text("[web]\nlines = false\n")
    try:
        with Served(state) as served:
            answer = served.get("/api/1/lines", run="train.log", at=1)
    finally:
        (state.parent / "gptwatch.toml").unlink()

    assert 404 == answer.status
    assert b"iter" not in answer.body


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_user_of_a_connection(family: socket.AddressFamily) -> None:
    """As the kernel knows it."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as listening:
        try:
            listening.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listening.listen(1)
        own = listening.getsockname()[:2]
        with socket.create_connection(own) as line:
            name = line.getsockname()[:2]

            assert os.getuid() == peer.uid(name, own)
            assert peer.uid((name[0], 1), own) is None


def test_a_client_that_sends_nothing_is_let_go(page: Served) -> None:
    """After ten seconds."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost:")

        assert b"" == line.recv(100)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """In JSON, as any other name; nothing of a request is put into HTML."""
    bench = Bench(tmp_path)
    name = "<img src=x onerror=alert(1)>.log"
    append(bench.logs / name, lines(0, 5))
    bench.look()
    with Served(bench.state) as served:
        runs = served.get("/api/1/runs")
        page = served.get("/")
    bench.stop()

    assert name == runs.json["runs"][0]["run"]
    assert "application/json" == runs.headers["content-type"]
    assert b"onerror" not in page.body


def test_only_the_owner_reads_the_state(tmp_path: Path) -> None:
    """The page opens the database read only: its bytes stay what they were."""
    bench = Bench(tmp_path)
    append(bench.logs / "train.log", lines(0, 5))
    bench.look()
    bench.stop()
    open_to_all(tmp_path)
    before = (bench.state / "store.db").read_bytes()

    with Served(bench.state) as served:
        assert served.get("/api/1/runs").json["runs"]

    assert before == (bench.state / "store.db").read_bytes()
