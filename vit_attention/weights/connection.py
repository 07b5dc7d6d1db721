"""Connections to servers of weights: no redirect to another scheme, and no server that drips for ever."""

import http.client
import io
import time
import urllib.error
import urllib.request
from http.client import HTTPMessage
from typing import IO, Any
from urllib.parse import urlsplit

SLOWEST = 1000  # bytes a second; less, measured over SLOW_S, is given up, or 300 MB would take days
SLOW_S = 60.0


class SlowError(TimeoutError):
    """Bytes come, but hardly any."""


def opened(request: urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
    """The server's answer; raises what urllib raises, and while it is read `SlowError`; `timeout` in seconds of silence."""
    answer: http.client.HTTPResponse = _OPENER.open(request, timeout=timeout)
    return answer


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


class Pace:
    """Bytes as they come, of which there must be enough; a socket's own timeout begins anew with every single byte."""

    def __init__(self) -> None:
        self.since, self.count = time.monotonic(), 0

    def add(self, count: int) -> None:
        """Counts bytes; raises `SlowError` where fewer than `SLOWEST` a second came for `SLOW_S` seconds."""
        self.count += count
        passed = time.monotonic() - self.since
        if passed >= SLOW_S:
            if self.count < SLOWEST * passed:
                raise SlowError(f"fewer than {SLOWEST} bytes a second for {SLOW_S:g} seconds")
            self.since, self.count = time.monotonic(), 0


class _Metered(io.RawIOBase):
    """What a server sends, at a pace."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self.raw, self.pace = raw, Pace()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self.raw.readinto(buffer)
        self.pace.add(count or 0)
        return count

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose every byte is metered, its head and the lengths of its pieces, too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fp = io.BufferedReader(_Metered(self.fp.detach()))


class _Plain(http.client.HTTPConnection):
    response_class = _Answer


class _Secure(http.client.HTTPSConnection):
    response_class = _Answer


class _PlainHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Plain, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Secure, req, context=self._context)  # type: ignore[attr-defined]


_OPENER = urllib.request.build_opener(SafeRedirects, _PlainHandler, _SecureHandler)
