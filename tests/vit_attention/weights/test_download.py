"""Downloads against a server on this machine that misbehaves on request; no test reaches any other host."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import http.server
import io
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vit_attention.weights import connection, download
from vit_attention.weights.download import DownloadError, cache_folder, fetch

CONTENT = np.random.default_rng(2).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
HASH = hashlib.sha256(CONTENT).hexdigest()
Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers request number n with `server.plan[n]`, and all later ones with the last entry of the plan."""

    server: Server

    def do_GET(self) -> None:
        number = len(self.server.ranges)
        self.server.ranges.append(self.headers.get("Range"))
        with contextlib.suppress(ConnectionError):  # a client that has hung up
            self.server.plan[min(number, len(self.server.plan) - 1)](self)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Remembers the Range header of every request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []
        self.plan: list[Answer] = [whole]
        self.released = threading.Event()

    def url(self, path: str = "weights.pth") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


def send(handler: Handler, code: int, body: bytes, length: int | None, **headers: str) -> None:
    handler.send_response(code)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: Handler) -> None:
    """A server that knows no ranges."""
    send(handler, 200, CONTENT, len(CONTENT))


def ranged(handler: Handler, limit: int | None = None) -> None:
    """A server that resumes; with `limit` it cuts the connection after that many bytes."""
    asked = handler.headers.get("Range")
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    if start >= len(CONTENT):
        return send(handler, 416, b"", 0, Content_Range=f"bytes */{len(CONTENT)}")
    rest = CONTENT[start:]
    span = {"Content_Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if asked else {}
    return send(handler, 206 if asked else 200, rest[:limit], len(rest), **span)


def cut(handler: Handler) -> None:
    ranged(handler, limit=1_000_000)


def code(number: int) -> Answer:
    return lambda handler: send(handler, number, b"no", 2)


def body(data: bytes) -> Answer:
    return lambda handler: send(handler, 200, data, len(data))


def redirect(address: str) -> Answer:
    return lambda handler: send(handler, 302, b"", 0, Location=address)


def stall(handler: Handler) -> None:
    """Sends half of the file and then nothing, until the test is over."""
    send(handler, 200, CONTENT[:1_000_000], len(CONTENT))
    handler.server.released.wait(20)


def mute(handler: Handler) -> None:
    handler.server.released.wait(20)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    monkeypatch.setattr(download, "LOCK_POLL_S", 0.01)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights.pth"


def partials(target: Path) -> list[Path]:
    return list(target.parent.glob(".*.part"))


def fails(server: Server, target: Path, *words: str, sha256: str = HASH, **options: Any) -> str:
    """The message of the failure; nothing may lie under the final name, and the manual way must be told."""
    with pytest.raises(DownloadError) as caught:
        fetch(server.url(), target, sha256, **options)
    message = str(caught.value)
    for word in (*words, f"By hand: download {server.url()} yourself", "va.load(name, weights=FILE)"):
        assert word in message
    assert not target.exists()
    return message


# Success


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_arrives_whole_with_progress(server: Server, target: Path, digits: int) -> None:
    seen: list[tuple[int, int | None]] = []
    result = fetch(server.url(), target, HASH[:digits].upper(), progress=lambda *step: seen.append(step))
    assert result == target
    assert target.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert partials(target) == []


def test_every_chunk_is_reported_when_reports_are_not_rationed(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_S", 0.0)
    seen: list[int] = []
    fetch(server.url(), target, HASH, progress=lambda done, total: seen.append(done))
    assert len(set(seen)) > len(CONTENT) // download.CHUNK
    assert max(np.diff(seen)) <= download.CHUNK


def test_a_file_that_is_there_needs_no_request(server: Server, target: Path) -> None:
    fetch(server.url(), target, HASH)
    fetch(server.url(), target, HASH)
    assert len(server.ranges) == 1


def test_a_file_that_is_there_wants_no_place_for_a_lock(server: Server, target: Path) -> None:
    """A cache that many share may be open to reading alone."""
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    assert fetch(server.url(), target, HASH) == target
    assert list(target.parent.iterdir()) == [target]


def test_a_damaged_file_is_named_and_replaced_only_when_asked(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(
        DownloadError, match=r"weights\.pth is damaged.*Delete it.*vit-attention fetch NAME --again"
    ) as caught:
        fetch(server.url(), target, HASH)
    assert str(target) in str(caught.value)
    assert target.read_bytes() == CONTENT[:-1] + b"x"
    assert server.ranges == []
    fetch(server.url(), target, HASH, again=True)
    assert target.read_bytes() == CONTENT


def test_a_damaged_file_stays_when_it_cannot_be_had_again(server: Server, target: Path) -> None:
    server.plan = [code(404)]
    target.parent.mkdir()
    target.write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="answered 404"):
        fetch(server.url(), target, HASH, again=True)
    assert target.read_bytes() == b"damaged"


def test_without_a_length_the_given_size_serves_the_progress(server: Server, target: Path) -> None:
    server.plan = [lambda handler: send(handler, 200, CONTENT, None)]
    seen: list[int | None] = []
    fetch(server.url(), target, HASH, size=3_100_000, progress=lambda done, total: seen.append(total))
    assert set(seen) == {3_100_000}
    target.unlink()
    seen.clear()
    fetch(server.url(), target, HASH, progress=lambda done, total: seen.append(total))
    assert set(seen) == {None}


def test_a_redirect_is_followed(server: Server, target: Path) -> None:
    server.plan = [redirect("/elsewhere.pth"), whole]
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT


# Retry and resume


def test_an_error_of_the_server_that_passes(server: Server, target: Path) -> None:
    server.plan = [code(500), code(503), whole]
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_where_it_broke(server: Server, target: Path) -> None:
    server.plan = [cut, cut, ranged]
    seen: list[int] = []
    fetch(server.url(), target, HASH, progress=lambda done, total: seen.append(done))
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-", "bytes=2000000-"]
    assert seen == sorted(seen)


def test_a_later_call_resumes_what_an_earlier_one_left(server: Server, target: Path) -> None:
    server.plan = [cut, ranged]
    fails(server, target, "cut after 1000000 of 3000000 bytes", retries=0)
    fetch(server.url(), target, HASH, retries=0)
    assert target.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=1000000-"


def test_a_server_that_cannot_resume_sends_all_again(server: Server, target: Path) -> None:
    server.plan = [cut, whole]
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-"]


def test_an_answer_that_continues_elsewhere_is_not_appended(server: Server, target: Path) -> None:
    def elsewhere(handler: Handler) -> None:
        send(handler, 206, CONTENT, len(CONTENT), Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")

    server.plan = [cut, elsewhere]
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT


def test_a_partial_file_of_another_version_is_thrown_away(server: Server, target: Path) -> None:
    server.plan = [ranged]
    target.parent.mkdir()
    (target.parent / f".weights.pth.{HASH[:8]}.part").write_bytes(b"x" * 500)
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["bytes=500-", None]


def test_a_partial_file_that_is_too_long_is_thrown_away(server: Server, target: Path) -> None:
    server.plan = [ranged]
    target.parent.mkdir()
    (target.parent / f".weights.pth.{HASH[:8]}.part").write_bytes(CONTENT + b"x")
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) + 1}-", None]


def test_a_complete_partial_file_needs_no_request(server: Server, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / f".weights.pth.{HASH[:8]}.part").write_bytes(CONTENT)
    fetch(server.url(), target, HASH)
    assert target.read_bytes() == CONTENT
    assert server.ranges == []


# Failure


@pytest.mark.parametrize("number", [403, 404, 410])
def test_a_missing_file_is_asked_for_once(server: Server, target: Path, number: int) -> None:
    server.plan = [code(number)]
    fails(server, target, f"answered {number}")
    assert len(server.ranges) == 1


def test_an_error_of_the_server_that_stays(server: Server, target: Path) -> None:
    server.plan = [code(500)]
    fails(server, target, "answered 500", "3 attempts")
    assert len(server.ranges) == 3


def test_a_connection_that_is_cut_for_good(server: Server, target: Path) -> None:
    server.plan = [lambda handler: ranged(handler, limit=0)]
    fails(server, target, "cut after 0 of 3000000 bytes")
    assert len(server.ranges) == 3


def test_a_server_that_hangs_up_without_a_word(server: Server, target: Path) -> None:
    server.plan = [lambda handler: None]
    fails(server, target, "cut")


def test_a_body_in_pieces_that_ends_early(server: Server, target: Path) -> None:
    def chunked(handler: Handler) -> None:
        send(handler, 200, b"5\r\nhello\r\n", None, Transfer_Encoding="chunked")

    server.plan = [chunked]
    fails(server, target, retries=0)


def test_nobody_listens(server: Server, target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match="could not be reached; is there a network"):
        fetch(f"http://127.0.0.1:{port}/w.pth", target, HASH)


def test_a_name_that_does_not_resolve(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DownloadError, match=r"weights\.invalid could not be reached.*Name or service not known"):
        fetch("https://weights.invalid/w.pth", target, HASH)


def test_a_wrong_file_is_deleted_and_not_asked_for_again(server: Server, target: Path) -> None:
    server.plan = [body(b"<html>please log in</html>")]
    fails(server, target, "not the published one", HASH)
    assert partials(target) == []
    assert len(server.ranges) == 1


def test_a_wrong_last_digit_is_noticed(server: Server, target: Path) -> None:
    wrong = HASH[:-1] + ("0" if HASH[-1] != "0" else "1")
    fails(server, target, "not the published one", sha256=wrong)


@pytest.mark.parametrize("plan", [mute, stall])
def test_a_silent_server_is_given_up(server: Server, target: Path, plan: Answer) -> None:
    server.plan = [plan]
    before = time.monotonic()
    fails(server, target, "silent for 0.2 seconds", "2 attempts", timeout=0.2, retries=1)
    assert time.monotonic() - before < 5


def test_a_full_disk_is_seen_before_anything_is_written(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT) - 1))
    fails(server, target, "Not enough space", "want 3.0 MB free")
    assert partials(target) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT)))
    fetch(server.url(), target, HASH)


def test_only_the_missing_part_needs_space(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.plan = [cut, ranged]
    fails(server, target, retries=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    fetch(server.url(), target, HASH)


class FullDisk:
    """A file on a disk that becomes full, or fails otherwise, at the second write."""

    def __init__(self, file: Any, number: int) -> None:
        self.file, self.number, self.writes = file, number, 0

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes) -> Any:
        self.writes += 1
        if self.writes > 1:
            raise OSError(self.number, "the disk says no")
        return self.file.write(data)


@pytest.mark.parametrize(
    ("number", "words", "left"),
    [(errno.ENOSPC, "became full", 0), (errno.EDQUOT, "became full", 0), (errno.EIO, "no", 1)],
)
def test_a_disk_that_fails_while_writing(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, left: int
) -> None:
    real = Path.open

    def limited(self: Path, mode: str = "r", *rest: Any) -> Any:
        file = real(self, mode, *rest)
        return FullDisk(file, number) if self.suffix == ".part" and mode in ("wb", "ab") else file

    monkeypatch.setattr(Path, "open", limited)
    fails(server, target, words)
    assert len(partials(target)) == left
    assert len(server.ranges) == 1


def test_a_folder_that_is_a_file(server: Server, target: Path) -> None:
    target.parent.write_text("in the way")
    with pytest.raises(DownloadError, match="Cannot use"):
        fetch(server.url(), target, HASH)


def endless(handler: Handler) -> None:
    """Sends until nobody listens, without saying how much."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(bytes(1 << 20))


def pieces(handler: Handler) -> None:
    """The same in the pieces of chunked transfer."""
    send(handler, 200, b"", None, Transfer_Encoding="chunked")
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b"100000\r\n" + bytes(1 << 20) + b"\r\n")


def larger(handler: Handler) -> None:
    """Says at once that it is far too large."""
    send(handler, 200, b"", 10**12)


def resumed_for_ever(handler: Handler) -> None:
    """Continues a file that grew meanwhile."""
    asked = handler.headers.get("Range")
    if not asked:
        return cut(handler)
    return send(handler, 206, b"", 10**12, Content_Range=f"bytes 1000000-{10**12}/{10**12 + 1}")


@pytest.mark.parametrize("plan", [endless, pieces, larger, resumed_for_ever])
def test_what_is_clearly_larger_is_given_up_and_not_kept(server: Server, target: Path, plan: Answer) -> None:
    server.plan = [plan]
    seen = [0]
    fails(server, target, "want at most 3.4 MB, got more", size=3_000_000, progress=lambda done, _: seen.append(done))
    assert max(seen) < 3.5e6
    assert partials(target) == []


def test_a_size_told_in_round_numbers_is_no_bound_to_the_byte(server: Server, target: Path) -> None:
    assert fetch(server.url(), target, HASH, size=2_900_000).read_bytes() == CONTENT


def test_a_file_that_is_packed_on_the_way_is_refused(server: Server, target: Path) -> None:
    server.plan = [lambda handler: send(handler, 200, gzip.compress(CONTENT), None, Content_Encoding="gzip")]
    fails(server, target, "packed (gzip)")
    assert partials(target) == []


@pytest.mark.parametrize("place", ["bytes 500-2999999/3000000", "bytes */3000000", "bytes x-y/z", "", "bytes -1-5/9"])
def test_another_part_than_asked_for_begins_anew(server: Server, target: Path, place: str) -> None:
    server.plan = [cut, lambda handler: send(handler, 206, CONTENT[500:], None, Content_Range=place), whole]
    assert fetch(server.url(), target, HASH).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-", None]


def test_a_part_that_is_shorter_than_asked_for_is_continued(server: Server, target: Path) -> None:
    def some(handler: Handler) -> None:
        place = f"bytes 1000000-1999999/{len(CONTENT)}"
        send(handler, 206, CONTENT[1_000_000:2_000_000], 1_000_000, Content_Range=place)

    server.plan = [cut, some, ranged]
    assert fetch(server.url(), target, HASH).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-", "bytes=2000000-"]


@pytest.mark.parametrize("length", [1, 2_999_999, 3_000_001, 3_100_000])
def test_a_length_that_is_not_true(server: Server, target: Path, length: int) -> None:
    server.plan = [lambda handler: send(handler, 200, CONTENT, length)]
    fails(server, target, retries=0)


@pytest.mark.parametrize("length", ["-5", "1e9", "٣", "9" * 400, "3000000, 3000000", " "])
def test_a_length_that_is_no_number_is_not_believed(server: Server, target: Path, length: str) -> None:
    server.plan = [lambda handler: send(handler, 200, CONTENT, None, Content_Length=length)]
    with contextlib.suppress(DownloadError):  # http.client may hold it for a body of no bytes
        assert fetch(server.url(), target, HASH, retries=0, size=3_000_000).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "words"),
    [("/weights.pth", "infinite loop"), ("http://[", "sends on to no address"), ("http://exa mple/x", ""), ("//", "")],
)
def test_a_redirect_that_leads_nowhere(server: Server, target: Path, address: str, words: str) -> None:
    server.plan = [redirect(address)]
    assert "\n" not in fails(server, target, words, retries=0)
    assert len(server.ranges) < 15


def drip(handler: Handler) -> None:
    """A byte now and then, never silent for long; the body never ends."""
    send(handler, 200, b"", None)
    with contextlib.suppress(OSError):
        while not handler.server.released.wait(0.02):
            handler.wfile.write(b"x")


def dripping_head(handler: Handler) -> None:
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not handler.server.released.wait(0.02):
            handler.wfile.write(b"x")


def dripping_pieces(handler: Handler) -> None:
    send(handler, 200, b"", None, Transfer_Encoding="chunked")
    with contextlib.suppress(OSError):
        while not handler.server.released.wait(0.02):
            handler.wfile.write(b"0")


@pytest.mark.parametrize("plan", [drip, dripping_head, dripping_pieces])
def test_a_server_that_drips_is_given_up(
    server: Server, target: Path, plan: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SLOW_S", 0.3)
    server.plan = [plan]
    before = time.monotonic()
    fails(server, target, "sent fewer than 1000 bytes a second", "2 attempts", retries=1, timeout=5)
    assert time.monotonic() - before < 5


@pytest.mark.parametrize("scheme", ["ftp", "file", "data", "javascript"])
def test_a_redirect_to_another_scheme_is_refused(server: Server, target: Path, scheme: str) -> None:
    server.plan = [redirect(f"{scheme}://127.0.0.1/w.pth")]
    fails(server, target, "answered 302")
    assert len(server.ranges) == 1


def test_a_redirect_never_leads_from_https_to_http() -> None:
    request = urllib.request.Request("https://weights.invalid/w.pth")

    def follow(address: str) -> urllib.request.Request | None:
        arguments = (request, io.BytesIO(), 302, "Found", HTTPMessage(), address)
        return connection.SafeRedirects().redirect_request(*arguments)

    with pytest.raises(urllib.error.HTTPError, match="not allowed"):
        follow("http://weights.invalid/w.pth")
    onward = follow("https://other.invalid/w.pth")
    assert onward is not None
    assert onward.full_url == "https://other.invalid/w.pth"


@pytest.mark.parametrize("url", ["ftp://host/w.pth", "file:///etc/passwd", "weights.pth", "http:///w.pth", ""])
def test_other_addresses_are_refused(url: str, target: Path) -> None:
    with pytest.raises(ValueError, match="url: want"):
        fetch(url, target, HASH)


@pytest.mark.parametrize("sha256", ["", "c867db9", "not hexadecimal", "0" * 65])
def test_a_hash_of_the_wrong_form_is_refused(sha256: str, target: Path) -> None:
    with pytest.raises(ValueError, match="sha256: want"):
        fetch("http://127.0.0.1/w.pth", target, sha256)


def test_what_the_progress_function_raises_is_passed_on(server: Server, target: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(done: int, total: int | None) -> None:
        raise Stop

    with pytest.raises(Stop):
        fetch(server.url(), target, HASH, progress=stop)
    assert not target.exists()
    assert fetch(server.url(), target, HASH).read_bytes() == CONTENT  # the lock is free again


# Several at once


def slow(handler: Handler) -> None:
    """The whole file, in ten pieces over 0.3 seconds."""
    send(handler, 200, b"", len(CONTENT))
    for start in range(0, len(CONTENT), 300_000):
        handler.wfile.write(CONTENT[start : start + 300_000])
        time.sleep(0.03)


def test_threads_that_want_the_same_file_download_it_once(server: Server, target: Path) -> None:
    server.plan = [slow]
    seen: list[list[int]] = [[], [], []]
    failed: list[Exception] = []

    def work(steps: list[int]) -> None:
        try:
            fetch(server.url(), target, HASH, progress=lambda done, total: steps.append(done))
            assert target.read_bytes() == CONTENT
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(steps,)) for steps in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(server.ranges) == 1
    assert all(seen)  # those who wait see the progress of the one who works
    assert partials(target) == []


def test_two_processes_that_want_the_same_file_download_it_once(server: Server, target: Path) -> None:
    server.plan = [slow]
    # Not multiprocessing: its children begin by running __main__ again, which page tests have replaced by the app.
    program = (
        "import sys; from pathlib import Path; from vit_attention.weights.download import fetch;"
        "fetch(sys.argv[1], Path(sys.argv[2]), sys.argv[3])"
    )
    command = [sys.executable, "-c", program, server.url(), str(target), HASH]
    processes = [subprocess.Popen(command, cwd=Path(__file__).resolve().parents[3]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_one_who_waits_tries_again_when_the_other_fails(server: Server, target: Path) -> None:
    started = threading.Event()

    def stalled_once(handler: Handler) -> None:
        started.set()
        stall(handler)

    server.plan = [stalled_once, ranged]
    errors: list[Exception] = []

    def first() -> None:
        try:
            fetch(server.url(), target, HASH, timeout=0.3, retries=0)
        except DownloadError as error:
            errors.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(5)
    assert fetch(server.url(), target, HASH).read_bytes() == CONTENT
    thread.join()
    assert "silent" in str(errors[0])
    assert server.ranges == [None, "bytes=1000000-"]


def slowly(url: str, target: Path) -> None:
    with contextlib.suppress(DownloadError):
        fetch(url, target, HASH, retries=0, timeout=5)


def test_a_slow_server_holds_up_no_other_file(server: Server, target: Path) -> None:
    def by_name(handler: Handler) -> None:
        (mute if "slow" in handler.path else whole)(handler)

    server.plan = [by_name]
    slow_one = target.with_name("slow.pth")
    thread = threading.Thread(target=lambda: slowly(server.url("slow.pth"), slow_one))
    thread.start()
    while not server.ranges:
        time.sleep(0.01)
    before = time.monotonic()
    assert fetch(server.url(), target, HASH).read_bytes() == CONTENT
    assert time.monotonic() - before < 2
    assert thread.is_alive()
    server.released.set()
    thread.join()


# Where files go


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGHTLINES_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SIGHTLINES_CACHE", "~/weights")
    assert cache_folder() == tmp_path / "weights"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/sightlines"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/sightlines"),
        ("darwin", {}, "home/Library/Caches/sightlines"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/sightlines/Cache"),
    ],
)
def test_else_it_is_the_platforms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variables: dict[str, str], expected: str
) -> None:
    for name in ("SIGHTLINES_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download.sys, "platform", platform)
    assert cache_folder() == tmp_path / expected
