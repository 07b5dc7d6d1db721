"""The address that a class opens: the page's own, this machine's in its network where that one names the machine to itself, or a typed one."""

from urllib.parse import SplitResult, urlsplit

import streamlit as st

from tutorials.plain import plain
from ui.frame import texts
from ui.parts import widgets
from vit_attention.cli import network
from vit_attention.gate import GateError

FIELD = "class_address"
"""Key of the field, and its name in the address."""


def draw() -> str:
    """Draw the field; the address for links and QR codes, without the page."""
    from tutorials.pack.links import base

    usual = found()
    typed = widgets.text(texts.say("class_at"), FIELD, usual, 300, help=texts.say("class_at_help"))
    try:
        at = base(typed)
    except GateError as error:
        st.warning(f"{plain(str(error))}; {plain(usual)} is used.")
        at = usual
    if network.is_loopback(urlsplit(at).hostname or ""):
        st.info(texts.say("class_at_local"))
    elif at == usual != _written(opened()):
        st.info(texts.say("class_at_found"))
    return at


def found() -> str:
    """The address that this page was opened by, or, where only this machine can open that, its own in the network if it is on one."""
    here = opened()
    own = network.own_address() if network.is_loopback(here.hostname or "") else ""
    if not own or network.is_loopback(own):
        return _written(here)
    host = f"[{own}]" if ":" in own else own
    return _written(here._replace(netloc=host + (f":{here.port}" if here.port else "")))


def opened() -> SplitResult:
    """The address that this page was opened by, as the browser says; the usual one where it says none."""
    try:
        parts = urlsplit(str(st.context.url or ""))
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    return parts if sound else urlsplit("http://localhost:8501/")


def _written(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').rpartition('/')[0]}"
