"""Where everything from outside is checked before anything is made of it: typed schemas, bounded files, one kind of refusal."""

from vit_attention.gate.files import read_file, regular
from vit_attention.gate.limits import LIMITS, Limit
from vit_attention.gate.refusal import GateError, shown
from vit_attention.gate.schema import Schema

__all__ = ["LIMITS", "GateError", "Limit", "Schema", "read_file", "regular", "shown"]
