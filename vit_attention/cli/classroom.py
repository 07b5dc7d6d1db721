"""`class`: the app for a room: the address to write on the board, its QR code, and how many visitors the machine holds."""

import http.client
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import click

from vit_attention.cli import network
from vit_attention.cli.guard import StoppedError, say
from vit_attention.gate.refusal import GateError
from vit_attention.heavy import library, machine

HELP = """Start the app for a class, and show the address that students open.

\b
  vit-attention class
  vit-attention class --port 8600
  vit-attention class --address 192.168.1.20

Run it in the folder of the repository, where app.py is. The address is found without asking anybody; --address takes another one of this machine, or its
name. The server answers there and, on the machine itself, at 127.0.0.1 (at ::1 for an IPv6 address), and fetches nothing. It ends with Ctrl-C, and with the terminal. Who can reach the machine can open the app.
"""

APP = "app.py"
# Measured; docs/measured.md, "One more visitor".
SERVER_MB, VISITOR_MB = 760, 3
CHANGE_S, PICTURE_S = 0.092, 0.27
EVERY_S, PICTURES_S = 10, 60
"""Seconds from one change of a visitor to the next, and from one new picture to the next."""
BUSY, SHARE = 0.5, 0.5
"""Part of a core, and part of the machine's memory, that a class may take."""
START_S, END_S = 90.0, 10.0
ENDED = (
    "The class has ended: nobody can open its address any more. Pages that are still open keep what they show. Answers that a student "
    "has not downloaded come back in the same tab if the class starts again at the same address before the tab is closed."
)
# A port that nothing listens at: whatever would fetch through it fails at once.
NOWHERE = "http://127.0.0.1:9"


@click.command("class", help=HELP, short_help="Start the app for a room; shows its address and QR code.")
@click.option("--address", metavar="HOST", help="Address or name that students open; found if not given.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port of the server.")
def room(address: str | None, port: int) -> None:
    """Start the server as a child, say where it is once it answers, and end with it."""
    host = network.own_address() if address is None else network.checked(address)
    app = _app()
    network.require_free(host, port)
    child = subprocess.Popen(_command(app, host, port), cwd=app.parent, env=_around())
    try:
        _wait(child, host, port)
        say(announced(host, port))
        code = child.wait()
    except (KeyboardInterrupt, StoppedError) as asked:
        _end(child)
        say(ENDED)
        raise click.exceptions.Exit(
            128 + (asked.args[0] if isinstance(asked, StoppedError) else signal.SIGINT)
        ) from None
    finally:
        _end(child)
    if code:
        raise click.exceptions.Exit(128 - code if code < 0 else code)


def _app() -> Path:
    """The app of this clone: beside the library, or in the folder that the command runs in."""
    for folder in (Path(__file__).resolve().parents[2], Path.cwd()):
        if (folder / APP).is_file() and (folder / "ui").is_dir():
            return folder / APP
    advice = "The app is no part of the installed library: run the command in a clone of the repository."
    raise GateError("class", f"a folder with {APP} and ui", str(Path.cwd()), advice=advice)


def _command(app: Path, host: str, port: int) -> list[str]:
    library("streamlit.version")  # where it is missing, this says what to install
    # With its own address told, Streamlit asks no server outside for one.
    options = {
        "server.address": network.bound(host),
        "server.port": port,
        "server.headless": "true",
        "browser.serverAddress": host,
        "logger.hideWelcomeMessage": "true",
    }
    asked = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "streamlit", "run", str(app), *asked]


def _around() -> dict[str, str]:
    """The environment of a server that fetches nothing."""
    proxies = {
        name: NOWHERE for scheme in ("http", "https", "all") for name in (f"{scheme}_proxy", f"{scheme}_PROXY".upper())
    }
    return {**os.environ, **proxies, "NO_PROXY": "", "no_proxy": "", "HF_HUB_OFFLINE": "1"}


def _wait(child: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    end = time.monotonic() + START_S
    while child.poll() is None:
        if _answers(host, port):
            return
        if time.monotonic() > end:
            raise GateError("class", f"a server that answers within {START_S:.0f} s", "none")
        time.sleep(0.1)
    raise GateError("class", "a server that stays", f"one that ended with exit code {child.returncode}")


def _answers(host: str, port: int) -> bool:
    talk = http.client.HTTPConnection(host if network.is_ip(host) else network.LOOPBACK, port, timeout=2)
    with suppress(OSError, http.client.HTTPException):
        talk.request("GET", "/_stcore/health")
        return talk.getresponse().status == 200
    return False


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C reaches the child as well; whatever else ends this process must end it, too."""
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()


def announced(host: str, port: int) -> str:
    """What stands in the terminal: the address, its QR code, how many visitors there may be, and what is in the way."""
    where = network.url(host, port)
    warning = (
        "Warning: only this machine can open this address. It is on no network, or --address names itself alone.\n\n"
        if network.is_loopback(host)
        else "If a student's browser does not open it: are both in the same network, and does the machine's firewall let the port through?\n\n"
    )
    return f"\nWrite on the board:  {where}\n\n{code(where)}\n{warning}{capacity(machine())}\n\nCtrl-C ends the class."


def code(text: str) -> str:
    """The QR code of a text in signs of a terminal, with a quiet zone."""
    out = io.StringIO()
    library("segno").make(text, error="m", micro=False).terminal(out=out, compact=True, border=2)
    return out.getvalue()


def visitors(megabytes: int) -> tuple[int, int]:
    """How many visitors memory of that size holds, and how many one processor core.

    >>> visitors(8192)
    (1112, 36)
    """
    by_memory = (megabytes * SHARE - SERVER_MB) / VISITOR_MB
    return max(int(by_memory), 0), int(BUSY / (CHANGE_S / EVERY_S + PICTURE_S / PICTURES_S))


def capacity(megabytes: int) -> str:
    """How many visitors the machine holds, and from which figures that follows."""
    by_memory, by_core = visitors(megabytes)
    return (
        f"Visitors at once: about {min(by_memory, by_core)}. Memory: {by_memory:,} (half of {megabytes:,} MB, less {SERVER_MB} MB of the server with two "
        f"models, {VISITOR_MB} MB each). Processor: {by_core}, one core half busy, if each makes a change every {EVERY_S} s ({CHANGE_S * 1000:.0f} ms) and "
        f"opens a new picture every {PICTURES_S} s ({PICTURE_S * 1000:.0f} ms). Measured elsewhere (docs/measured.md, One more visitor): a slower core holds fewer."
    )
