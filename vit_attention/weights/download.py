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
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from vit_attention.heavy import Progress

CHUNK = 1 << 18  # bytes per read
REPORT_S = 0.1  # seconds between two calls of the progress function
PAUSE_S = 0.5  # seconds before the first retry; doubles with each further one
LOCK_POLL_S = 0.2
WORTH_RETRYING = (408, 425, 429, 500, 502, 503, 504)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class DownloadError(RuntimeError):
    """A download that did not succeed; the message says why and how to do it by hand."""


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
) -> Path:
    """The file `target`, downloaded from `url` unless it is already there with the right hash.

    Bytes go to a hidden partial file beside `target`, which a later call resumes; it is renamed only once its hash
    is right. A lock beside it makes other threads and processes that want the same file wait and then use it.

    Args:
        url: http or https address.
        target: where the file goes; folders are made.
        sha256: the expected hash in hexadecimal, or its first 8 or more digits.
        size: about how many bytes to expect; stands in where the server does not say.
        progress: called with (bytes so far, bytes in all or None), at most about ten times a second. What it raises
            ends the download and is passed on.
        timeout: longest silence of the server, in seconds.
        retries: further attempts after a failure that may pass.

    Returns:
        `target`.

    Raises:
        DownloadError: if the file cannot be had.
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
        target.parent.mkdir(parents=True, exist_ok=True)
        with job.locked():
            if not (target.is_file() and _has_hash(target, expected)):
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
        start = self.partial.stat().st_size if self.partial.exists() else 0
        with self.connect(start) as answer:
            place = answer.headers.get("Content-Range", "")
            if answer.status != 206 or not place.startswith(f"bytes {start}-"):
                start = 0  # the server sends the whole file again
            length = answer.headers.get("Content-Length", "")
            total = start + int(length) if length.isdecimal() else None
            needed, free = (total or self.size or 0) - start, shutil.disk_usage(self.partial.parent).free
            if needed > free:  # refused before any of it is stored
                text = f"Not enough space in {self.partial.parent}: want {needed / 1e6:.1f} MB free, got {free / 1e6:.1f} MB."
                raise _failure(text, self.url)
            with self.partial.open("ab" if start else "wb") as file:
                self.copy(answer, file, start, total)
                file.flush()
                os.fsync(file.fileno())
        return start > 0

    def connect(self, start: int) -> http.client.HTTPResponse:
        """The server's answer to a request for the file from byte `start` on."""
        headers = {"User-Agent": "sightlines"} | ({"Range": f"bytes={start}-"} if start else {})
        request = urllib.request.Request(self.url, headers=headers)
        try:
            answer: http.client.HTTPResponse = _OPENER.open(request, timeout=self.timeout)
            return answer
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the partial file does not fit this file
                self.partial.unlink(missing_ok=True)
                raise _CutError("The server refused to resume the download") from error
            text = f"The server answered {error.code} ({error.reason})"
            if error.code in WORTH_RETRYING:
                raise _CutError(text) from error
            raise _failure(f"{text}.", self.url) from error
        except (OSError, http.client.HTTPException) as error:
            raise self.network_error(error) from error

    def network_error(self, error: Exception) -> Exception:
        """What a failure of the connection means to the reader."""
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        host = urlsplit(self.url).hostname
        if isinstance(cause, TimeoutError):
            return _CutError(f"{host} was silent for {self.timeout:g} seconds")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _failure(f"The certificate of {host} could not be verified ({cause.verify_message}).", self.url)
        if isinstance(error, urllib.error.URLError):
            return _CutError(f"{host} could not be reached; is there a network? ({cause})")
        return _CutError(f"The connection to {host} was cut ({str(cause) or type(cause).__name__})")

    def copy(self, answer: http.client.HTTPResponse, file: BinaryIO, done: int, total: int | None) -> None:
        """Appends the answer's body to `file`; `total` is the length in bytes that the file must reach, if known."""
        self.report(done, total, at_once=True)
        while True:
            try:
                chunk = answer.read1(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise self.network_error(error) from error
            if not chunk:
                break
            done += len(chunk)
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


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https, and to http only from http; the standard handler would follow ftp too."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """The next request, or an error for another scheme."""
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and scheme != urlsplit(req.full_url).scheme:
            raise urllib.error.HTTPError(newurl, code, f"redirected to {scheme}, which is not allowed", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(SafeRedirects)


def _failure(reason: str, url: str) -> DownloadError:
    return DownloadError(f"{reason} By hand: download {url} yourself and load it with va.load(name, weights=FILE).")


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
        raise _failure(f"Cannot write to {folder} ({error}).", url) from error
