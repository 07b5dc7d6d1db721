"""Published weights fetched over the network: resumed, checked against their hash, put in place in one step."""

import errno
import hashlib
import http.client
import os
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from vit_attention.gate import regular
from vit_attention.gate.refusal import one_line
from vit_attention.heavy import Progress
from vit_attention.weights import connection

CHUNK = 1 << 18  # bytes per read
REPORT_S = 0.1  # seconds between two calls of the progress function
PAUSE_S = 0.5  # seconds before the first retry; doubles with each further one
LOCK_POLL_S = 0.2
TOLERANCE = 1.05  # of the size that a card tells: 346.3 MB stand for 346,328,529 bytes
LARGEST = 40_000_000_000  # bytes of a file whose size nobody tells
WORTH_RETRYING = (408, 425, 429, 500, 502, 503, 504)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


class DownloadError(RuntimeError):
    """A download that did not succeed; the message says why and how to do it by hand.

    Attributes:
        reason: why, alone; "" where the message has no manual way.
    """

    reason = ""


class DownloadStopped(DownloadError):
    """For `progress` to raise: ends a download that nobody wants any more, and keeps what has arrived for a later call."""


class _CutError(Exception):
    """A failure that may pass; what has arrived so far is kept for the next attempt."""


def cache_folder() -> Path:
    """The folder for downloaded weights: SIGHTLINES_CACHE, else the platform's cache folder for this user."""
    chosen = os.environ.get("SIGHTLINES_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "sightlines" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sightlines"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightlines"


def fetch(
    url: str,
    target: Path,
    sha256: str,
    size: int | None = None,
    progress: Progress | None = None,
    timeout: float = 20,
    retries: int = 2,
    again: bool = False,
) -> Path:
    """The file `target`, downloaded from `url` unless it is already there.

    Bytes go to a hidden partial file beside `target`, which a later call resumes; it is renamed only once its hash
    is right. A lock beside it makes other threads and processes that want the same file wait and then use it; other
    files have other locks. A file that is there with another hash is never replaced without being asked.

    Args:
        url: http or https address.
        target: where the file goes; folders are made.
        sha256: the expected hash in hexadecimal, or its first 8 or more digits.
        size: about how many bytes to expect; what is clearly larger is given up, and nothing of it is kept.
        progress: called with (bytes so far, bytes in all or None), at most about ten times a second. What it raises
            ends the download and is passed on.
        timeout: longest silence of the server, in seconds.
        retries: further attempts after a failure that may pass.
        again: download it once more, though a file of this name is there, and put it in its place.

    Returns:
        `target`.

    Raises:
        DownloadError: if the file cannot be had, or the one that is there is damaged.
        ValueError: for an address or a hash of the wrong form.
    """
    target, expected = Path(target), sha256.lower()
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError(f"url: want an http or https address, got {url!r}")
    if not re.fullmatch(r"[0-9a-f]{8,64}", expected):
        raise ValueError(f"sha256: want 8 to 64 hexadecimal digits, got {sha256!r}")
    job = _Job(url, target, expected, size, progress or (lambda done, total: None), timeout)
    with _disk_errors(url, target.parent, job.partial):
        if not again and job.is_there():  # needs no lock, which a cache that may only be read has no place for
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with job.locked():
            if again or not job.is_there():
                job.run(retries)
    return target


@dataclass
class _Job:
    """One download under its lock."""

    url: str
    target: Path
    expected: str
    size: int | None
    progress: Progress
    timeout: float
    reported: float = 0.0

    @property
    def partial(self) -> Path:
        """Where the bytes gather; the hash in the name keeps two versions of a file from being glued together."""
        return self.target.with_name(f".{self.target.name}.{self.expected[:8]}.part")

    def is_there(self) -> bool:
        """Whether the file is there; raises DownloadError if it is, but damaged."""
        if not os.path.lexists(self.target):
            return False
        if self.target.is_file() and _has_hash(self.target, self.expected):
            return True
        raise DownloadError(
            f"{self.target} is damaged or another file: want a SHA-256 hash that begins with {self.expected}. It was not "
            "changed. Delete it, and it is downloaded at the next use; or run: vit-attention fetch NAME --again"
        )

    def locked(self) -> AbstractContextManager[Any]:
        """Holds the lock beside the file, reporting the progress of the thread or process that holds it before us."""
        from filelock import FileLock, Timeout  # takes longer to import than all the rest of this file

        while True:
            try:
                lock = FileLock(self.target.with_name(f".{self.target.name}.lock"))
                return lock.acquire(timeout=LOCK_POLL_S, poll_interval=LOCK_POLL_S / 4)
            except Timeout:
                with suppress(FileNotFoundError):
                    self.report(self.partial.stat().st_size, self.size)

    def run(self, retries: int) -> None:
        """Downloads, retrying what may pass, then checks the hash and renames."""
        if self.partial.is_file() and _has_hash(self.partial, self.expected):  # stopped just before the renaming
            os.replace(self.partial, self.target)
            return
        for attempt in range(retries + 1):
            try:
                resumed = self.transfer()
            except _CutError as error:
                if attempt == retries:
                    raise _failure(f"{error} ({attempt + 1} attempts).", self.url) from error
                time.sleep(PAUSE_S * 2**attempt)
                continue
            if _has_hash(self.partial, self.expected):
                os.replace(self.partial, self.target)
                return
            self.partial.unlink()
            if not resumed:  # a resumed file may have begun as another one: once more, whole
                break
        raise _failure(
            f"The file that arrived is not the published one: want a SHA-256 hash that begins with {self.expected}. "
            "It was deleted.",
            self.url,
        )

    def transfer(self) -> bool:
        """Fills the partial file to its full length; returns whether it held something before."""
        start = regular(self.partial).stat().st_size if self.partial.exists() else 0
        with self.connect(start) as answer:
            start, total = self.span(answer, start)
            self.check_size(total)
            needed, free = (total or self.size or 0) - start, shutil.disk_usage(self.partial.parent).free
            if needed > free:  # refused before any of it is stored
                text = f"Not enough space in {self.partial.parent}: want {needed / 1e6:.1f} MB free, got {free / 1e6:.1f} MB."
                raise _failure(text, self.url)
            with self.partial.open("ab" if start else "wb") as file:
                self.copy(answer, file, start, total)
                file.flush()
                os.fsync(file.fileno())
        return start > 0

    def span(self, answer: http.client.HTTPResponse, start: int) -> tuple[int, int | None]:
        """From which byte on the answer's body goes, and how long the whole file is, if the server says so."""
        packed = answer.headers.get("Content-Encoding", "identity")
        if packed != "identity":
            raise _failure(f"The server sends the file packed ({one_line(packed)}), which was not asked for.", self.url)
        length = answer.headers.get("Content-Length", "")
        held = int(length) if _NUMBER.fullmatch(length) else None
        if answer.status != 206:
            return 0, held  # the server sends the whole file, perhaps again
        place = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        first = int(place[1]) if place else -1
        if first not in (0, start):
            self.partial.unlink(missing_ok=True)
            raise _CutError(f"The server sent another part of the file than bytes {start} and on")
        return first, int(place[2]) if place and place[2] != "*" else None if held is None else first + held

    def check_size(self, bytes_: int | None) -> None:
        """Gives up a file that is clearly larger than the published one; nothing of it is kept."""
        most = LARGEST if self.size is None else int(self.size * TOLERANCE) + CHUNK
        if bytes_ is not None and bytes_ > most:
            self.partial.unlink(missing_ok=True)
            text = f"The server sends another file than the published one: want at most {most / 1e6:.1f} MB, got more."
            raise _failure(f"{text} Nothing of it was kept.", self.url)

    def connect(self, start: int) -> http.client.HTTPResponse:
        """The server's answer to a request for the file from byte `start` on."""
        headers = {"User-Agent": "sightlines"} | ({"Range": f"bytes={start}-"} if start else {})
        request = urllib.request.Request(self.url, headers=headers)
        try:
            return connection.opened(request, self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the partial file does not fit this file
                self.partial.unlink(missing_ok=True)
                raise _CutError("The server refused to resume the download") from error
            text = f"The server answered {error.code} ({one_line(str(error.reason))})"
            if error.code in WORTH_RETRYING:
                raise _CutError(text) from error
            raise _failure(f"{text}.", self.url) from error
        except (OSError, http.client.HTTPException) as error:
            raise self.network_error(error) from error
        except ValueError as error:  # redirected to what is no address
            raise _failure(f"The server sends on to no address ({one_line(str(error))}).", self.url) from error

    def network_error(self, error: Exception) -> Exception:
        """What a failure of the connection means to the reader."""
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        host = urlsplit(self.url).hostname
        if isinstance(cause, connection.SlowError):
            return _CutError(f"{host} sent {cause}")
        if isinstance(cause, TimeoutError):
            return _CutError(f"{host} was silent for {self.timeout:g} seconds")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _failure(f"The certificate of {host} could not be verified ({cause.verify_message}).", self.url)
        if isinstance(error, urllib.error.URLError):
            return _CutError(f"{host} could not be reached; is there a network? ({cause})")
        return _CutError(f"The connection to {host} was cut ({one_line(str(cause)) or type(cause).__name__})")

    def copy(self, answer: http.client.HTTPResponse, file: BinaryIO, done: int, total: int | None) -> None:
        """Appends the answer's body to `file`; `total` is the length in bytes that the file must reach, if known."""
        self.report(done, total, at_once=True)
        while True:
            try:
                chunk = answer.read1(CHUNK)
            except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: pieces of no length
                raise self.network_error(error) from error
            if not chunk:
                break
            done += len(chunk)
            self.check_size(done)
            file.write(chunk)
            self.report(done, total)
        if total is not None and done < total:
            raise _CutError(f"The connection was cut after {done} of {total} bytes")
        self.report(done, total, at_once=True)

    def report(self, done: int, total: int | None, at_once: bool = False) -> None:
        """Calls the progress function, unless it was called a moment ago."""
        now = time.monotonic()
        if at_once or now - self.reported >= REPORT_S:
            self.reported = now
            self.progress(done, total or self.size)


def _failure(reason: str, url: str) -> DownloadError:
    error = DownloadError(
        f"{reason} By hand: download {url} yourself and load it with va.load(name, weights=FILE) or --weights FILE."
    )
    error.reason = reason
    return error


def _has_hash(path: Path, expected: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(expected)


@contextmanager
def _disk_errors(url: str, folder: Path, partial: Path) -> Iterator[None]:
    """Turns failures of the disk into a DownloadError; a full disk gets its space back."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise _failure(f"The disk became full while writing to {folder}.", url) from error
        raise _failure(f"Cannot use {folder} ({error}).", url) from error
