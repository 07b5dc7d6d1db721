"""Where everything from outside is checked before anything is made of it: typed schemas, bounded files, one kind of refusal."""

from typing import TYPE_CHECKING, Any

from vit_attention.gate.files import read_file, regular
from vit_attention.gate.limits import LIMITS, Limit
from vit_attention.gate.refusal import GateError, shown

if TYPE_CHECKING:
    from vit_attention.gate.schema import Schema

__all__ = ["LIMITS", "GateError", "Limit", "Schema", "read_file", "regular", "shown"]


def __getattr__(name: str) -> Any:
    if name == "Schema":  # pydantic, which takes as long as numpy, comes when the first schema is read
        from vit_attention.gate.schema import Schema

        return Schema
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
