"""The address that a room opens: checked if it is given, found without asking anybody if it is not."""

import ipaddress
import re
import socket
from contextlib import suppress

from vit_attention.gate.refusal import GateError, shown

LOOPBACK = "127.0.0.1"
HOST = "a host name or an IP address that visitors can open"
# Of networks kept for documentation: no packet is sent, the system only says which of its addresses it would use.
_SOMEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII | re.IGNORECASE)


def own_address() -> str:
    """This machine's address on its network, IPv4 before IPv6; the loopback address where it is on none."""
    for family, target in _SOMEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            found = str(probe.getsockname()[0])
            if not is_loopback(found):
                return found
    return LOOPBACK


def checked(text: str) -> str:
    """A host that was typed, without the brackets of IPv6, in lower case.

    Raises:
        GateError: no host name and no address, or an address that nobody can open, such as 0.0.0.0.

    >>> checked("Room-12.local"), checked("[fd00::17]")
    ('room-12.local', 'fd00::17')
    """
    host = text.strip().removeprefix("[").removesuffix("]").lower()
    try:
        known = ipaddress.ip_address(host)
    except ValueError:
        labels = host.rstrip(".").split(".")
        if len(host) > 253 or labels[-1].isdecimal() or not all(_LABEL.fullmatch(one) for one in labels):
            raise GateError("--address", HOST, shown(text)) from None
        return host
    if known.is_multicast or known.is_unspecified or known.is_reserved or getattr(known, "scope_id", None):
        raise GateError("--address", HOST, shown(text))
    return str(known)


def is_ip(host: str) -> bool:
    """Whether a checked host is an address and not a name."""
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def is_loopback(host: str) -> bool:
    """Whether only this machine itself can open a checked host."""
    return host == "localhost" or (is_ip(host) and ipaddress.ip_address(host).is_loopback)


def url(host: str, port: int) -> str:
    """What is typed into a browser.

    >>> url("fd00::17", 8501), url("10.0.0.5", 80)
    ('http://[fd00::17]:8501', 'http://10.0.0.5')
    """
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}" + (f":{port}" if port != 80 else "")


def bound(host: str) -> str:
    """Where the server listens: at every address of the machine, so that it also answers itself, unless only itself is to open it.

    >>> bound("10.0.0.5"), bound("room-12.local"), bound("fd00::17"), bound("localhost")
    ('0.0.0.0', '0.0.0.0', '::', '127.0.0.1')
    """
    if is_loopback(host):
        return host if is_ip(host) else LOOPBACK
    return "::" if ":" in host else "0.0.0.0"


def require_free(host: str, port: int) -> None:
    """Try to listen there, for a moment.

    Raises:
        GateError: another program listens there, or the address is not this machine's.
    """
    if is_ip(host) and not _is_mine(host):
        raise GateError("--address", "an address of this machine", host)
    at = bound(host)
    try:
        with socket.socket(socket.AF_INET6 if ":" in at else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((at, port))
            probe.listen()
    except PermissionError as error:
        raise GateError("--port", "one that this user may listen at", str(port), advice="Try --port 8501.") from error
    except OSError as error:
        advice = "Another program listens there: end it, or choose another port."
        raise GateError("--port", "a free one", str(port), advice=advice) from error


def _is_mine(at: str) -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6 if ":" in at else socket.AF_INET) as probe:
        probe.bind((at, 0))
        return True
    return False
