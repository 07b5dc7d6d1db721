"""A server of this app on 127.0.0.1 for benchmarks and browser tests, ended when the `with` ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Server:
    """A running server: its address, process number, and when (time.monotonic) it was started."""

    url: str
    pid: int
    started: float
    log: Path

    def cpu(self) -> float:
        """Seconds of processor time that the process has taken so far."""
        told = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self) -> int:
        """Largest resident memory of the process so far, in bytes."""
        return self._told("VmHWM")

    def memory(self) -> int:
        """Resident memory of the process now, in bytes."""
        return self._told("VmRSS")

    def file_memory(self) -> int:
        """Resident pages of files now, in bytes: libraries and weights, which the system may drop and read again."""
        return self._told("RssFile")

    def _told(self, what: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"the system does not tell {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(
    folder: Path, wait: bool = True, environment: dict[str, str] | None = None, script: str = "app.py"
) -> Iterator[Server]:
    """Start `streamlit run` of a script; with `wait`, until its health page answers. The log goes to `folder`."""
    port = free_port()
    log = folder / f"server-{port}.log"
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        script,
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
        "--server.headless",
        "true",
    ]
    with log.open("wb") as out:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", process.pid, started, log)
            if wait:
                _wait(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(server: Server, process: subprocess.Popen[bytes], limit: float = 60) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {server.log.read_text()[-800:]}")
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not answer within {limit} s")
