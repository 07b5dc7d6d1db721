"""Typed schemas of JSON from outside, on pydantic: strict about kinds, deaf to fields that nobody knows."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator

from vit_attention.gate.refusal import GateError, shown

_CHOICES = ("constrained-", "dict[", "list[", "tuple[", "function-")
"""How pydantic names one of several kinds that a field may have; no part of the file."""

# Told of every wrong entry, pydantic takes a kilobyte for each: a file of some MB would take gigabytes.
FIRST = Field(fail_fast=True)
"""Of a list: refused at its first wrong entry."""
_AT_ONCE = 1000
_AROUND = re.compile(r"^(Input should be|Value error,|Assertion failed,|\w+ should have) | after validation, .*$")
"""What pydantic says around what it wants."""


def entries(most: int) -> WrapValidator:
    """Of a dictionary: at most so many entries, and refused within a thousand of its first wrong one."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        if not isinstance(value, dict):
            return handler(value)
        if len(value) > most:
            raise ValueError(f"at most {most:,} entries")
        items, found = iter(value.items()), dict[Any, Any]()
        while part := dict(islice(items, _AT_ONCE)):
            found |= handler(part)
        return found

    return WrapValidator(check)


class Schema(BaseModel):
    """Base of every schema; a field says its kind and its bounds, numbers are finite, true is no number.

    >>> class Size(Schema):
    ...     height: int
    >>> Size.read(b'{"height": 10}', "config.json").height
    10
    >>> Size.read(b'{"height": true}', "config.json")
    Traceback (most recent call last):
    vit_attention.gate.refusal.GateError: config.json: height: want a valid integer, got True
    """

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    @classmethod
    def read(cls, data: bytes, file: str, advice: str = "") -> Self:
        """JSON in `data` by this schema.

        Args:
            data: JSON in UTF-8. Numbers beyond what a field takes, lone surrogates and deep nesting are refused.
            file: its name, for the message.
            advice: what to do if it is refused.

        Raises:
            GateError: not JSON, or a field of the wrong kind or out of its bounds; says which.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise refusal(error, file, advice) from error


def refusal(error: ValidationError, file: str, advice: str = "") -> GateError:
    """The first thing that pydantic found wrong, as a sentence of ours."""
    first = error.errors(include_url=False, include_context=False)[0]
    want = _AROUND.sub("", first["msg"]).replace("String should match pattern", "text of the form")
    field = ".".join(str(part) for part in first["loc"] if not str(part).startswith(_CHOICES))
    if first["type"] == "json_invalid":
        return GateError(file, "JSON", want.removeprefix("Invalid JSON: "), advice=advice)
    if first["type"] == "missing":
        return GateError(file, "this field", "none", field=field, advice=advice)
    return GateError(file, want, shown(first["input"]), field=field, advice=advice)
