"""What every function that writes a file asks of its arguments, refused in the same sentence."""

from collections.abc import Collection, Mapping
from pathlib import Path

from vit_attention.gate import GateError, shown


def target(path: str | Path, kinds: Collection[str], advice: Mapping[str, str] | None = None) -> tuple[Path, str]:
    """Where to, and its ending in small letters; raises `GateError`, with advice by the ending, for none of `kinds`."""
    try:
        found = Path(path)
    except TypeError as error:
        raise GateError("path", "a file's path", shown(path)) from error
    kind = found.suffix.lower()
    if kind not in kinds:
        want = f"a name that ends in {', '.join(kinds)}"
        raise GateError(found.name, want, shown(found.suffix), advice=(advice or {}).get(kind, ""))
    return found, kind
