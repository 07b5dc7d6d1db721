"""`class`: a server for a room that starts, is open, fetches nothing and ends with its command; and what is refused."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from vit_attention.cli import classroom, network
from vit_attention.cli.app import main
from vit_attention.gate import GateError

ROOT = Path(__file__).resolve().parents[3]
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(port: int, log: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "vit_attention", "class", "--port", str(port), *more]
    around = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as out:
        # What runs the tests in the background may have it ignored, and a child inherits that.
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        running = subprocess.Popen(words, cwd=ROOT, env=around, stdout=out, stderr=subprocess.STDOUT, preexec_fn=heard)
        try:
            yield running
        finally:
            running.terminate()  # and not killed: it could not end its server any more
            try:
                running.wait(30)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def said(log: Path, running: subprocess.Popen[bytes]) -> str:
    """What the command has printed, once it has said how to end it."""
    for _ in range(900):
        text = log.read_text("utf-8")
        if "Ctrl-C ends the class" in text:
            return text
        assert running.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_a_class_opens_and_ends_with_its_command(number: signal.Signals, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with started(port, log, "--address", "127.0.0.1") as running:
        text = said(log, running)
        assert f"http://127.0.0.1:{port}\n" in text
        assert "only this machine can open this address" in text
        assert "visitor" in text.lower()
        with OPEN.open(f"http://127.0.0.1:{port}/", timeout=20) as page:
            assert b"<title>Streamlit</title>" in page.read()
        running.send_signal(number)
        assert running.wait(20) == 128 + number
        ended = log.read_text("utf-8")
        assert "Traceback" not in ended
        assert "The class has ended" in ended
        assert "files" not in ended.partition("Ctrl-C ends the class")[2]
    with pytest.raises(OSError, match="refused"):
        OPEN.open(f"http://127.0.0.1:{port}/_stcore/health", timeout=5)


@pytest.mark.parametrize("given", [(), ("--address",)], ids=["found", "given"])
def test_the_board_s_address_and_the_machine_s_own_both_answer(given: tuple[str, ...], tmp_path: Path) -> None:
    own, port, log = network.own_address(), free_port(), tmp_path / "log"
    if network.is_loopback(own):
        pytest.skip("this machine is on no network")
    with started(port, log, *given, *([own] if given else [])) as running:
        assert f"{network.url(own, port)}\n" in said(log, running)
        for host in (own, "127.0.0.1"):
            with OPEN.open(f"{network.url(host, port)}/_stcore/health", timeout=20) as page:
                assert page.status == 200


def test_a_server_that_dies_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "app.py").touch()
    monkeypatch.setattr(classroom, "_app", lambda: tmp_path / "app.py")
    monkeypatch.setattr(classroom, "_command", lambda *given: [sys.executable, "-c", "raise SystemExit(3)"])
    found = CliRunner().invoke(main, ["class", "--address", "127.0.0.1", "--port", str(free_port())])
    assert found.exit_code == 2
    assert "want a server that stays, got one that ended with exit code 3" in found.output


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = CliRunner().invoke(main, ["class", "--address", "127.0.0.1", "--port", str(port)])
    assert found.exit_code == 2
    assert f"--port: want a free one, got {port}" in found.output


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "fe80::1%eth0",
        "a b",
        "a;b",
        "http://x",
        "-a.org",
        "1.2.3",
        "x" * 64,
        "ä.de",
        "a\nb",
    ],
)
def test_what_no_browser_can_open_is_refused(host: str) -> None:
    with pytest.raises(GateError, match="--address: want a host name or an IP address"):
        network.checked(host)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(GateError, match="--address: want an address of this machine, got 192"):
        network.require_free("192.0.2.77", free_port())


def test_without_the_app_the_command_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classroom, "APP", "no_such_app.py")
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["class"])
    assert "run the command in a clone of the repository" in found.output


def test_a_machine_on_no_network_has_its_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_given: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", nowhere)
    assert network.own_address() == "127.0.0.1"
    assert "only this machine" in classroom.announced("127.0.0.1", 8501)


def test_nothing_can_be_fetched_by_that_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in classroom._around().items():
        monkeypatch.setenv(name, value)
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(OSError, match="refused"):
        urllib.request.build_opener().open("http://192.0.2.1/", timeout=5)


def test_figures_of_a_visitor_are_those_that_were_measured() -> None:
    page = (ROOT / "docs" / "measured.md").read_text("utf-8")
    part = page.partition("### One more visitor")[2].partition("\n## ")[0]
    assert re.search(rf"\b{classroom.VISITOR_MB:.1f} MB\b", part)
    assert f"{classroom.CHANGE_S * 1000:.0f} ms" in part
    assert f"{classroom.PICTURE_S:.2f} s" in part
    assert f"{classroom.SERVER_MB} MB" in page
    # Ten seconds between changes, a minute between pictures: 0.0092 and 0.0045 of a core; half of one is free.
    assert classroom.visitors(24_000) == ((12_000 - 760) // 3, int(0.5 / (0.0092 + 0.0045)))
    assert classroom.visitors(500)[0] == 0
