"""Addresses of a class's own server, and their QR codes."""

import io
import re
from urllib.parse import urlencode, urlsplit

from vit_attention.gate.refusal import GateError, shown
from vit_attention.heavy import library

_SIGNS = re.compile(r"[\w.~:/\[\]-]+")
"""Of the address of a server: it stands in pages and in other addresses, where more would mean something."""


def base(text: str) -> str:
    """The address of a server without what follows it.

    Raises:
        GateError: no address of a web page.

    >>> base("http://192.168.1.20:8501/")
    'http://192.168.1.20:8501'
    """
    wrong = GateError("address", "the address of the app such as http://192.168.1.20:8501", shown(text))
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:
        raise wrong from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc
        or not _SIGNS.fullmatch(text.strip())
        or len(text) > 300
    ):
        raise wrong
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def link(
    server: str, lesson: str, step: int | None = None, seat: int = 0, present: bool = False, teacher: bool = False
) -> str:
    """The address of a lesson, or of one of its steps.

    >>> link("http://10.0.0.5:8501", "heads", 3, present=True)
    'http://10.0.0.5:8501/heads?step=3&present=1'
    """
    asked = {
        "step": step,
        "student": seat or None,
        "present": 1 if present else None,
        "teacher": 1 if teacher else None,
    }
    query = urlencode({key: value for key, value in asked.items() if value is not None})
    return f"{server}/{lesson}" + (f"?{query}" if query else "")


def qr(address: str) -> bytes:
    """The QR code of an address as PNG, with the quiet zone that readers need."""
    out = io.BytesIO()
    library("segno").make(address, error="m", micro=False).save(out, kind="png", scale=6, border=4)
    return out.getvalue()
