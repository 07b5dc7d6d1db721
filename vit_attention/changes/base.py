"""What every intervention is, and what it is told of the network that it takes place in."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from vit_attention.gate import GateError, shown


@dataclass(frozen=True)
class Inside:
    """A network that something is changed in.

    Attributes:
        tower: the network.
        blocks: its transformer blocks, in order.
        heads: how many heads a block has.
        prefix: how many special tokens lead.
        width: of a token.
    """

    tower: nn.Module
    blocks: Sequence[nn.Module]
    heads: int
    prefix: int
    width: int

    def layers(self, wanted: Iterable[int] | None) -> list[int]:
        """The numbers of layers, all for None; GateError for one that is not there."""
        return numbers("layers", wanted, len(self.blocks))

    def some_heads(self, wanted: Iterable[int] | None) -> list[int]:
        """The numbers of heads, all for None; GateError for one that is not there."""
        return numbers("heads", wanted, self.heads)


class Change(ABC):
    """Something that is changed in a network while it runs."""

    special: tuple[str, ...] = ()
    """Names of special tokens that it adds, behind those that the model has."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The change in words, as a record's notes tell it; two changes that differ have different words."""

    @abstractmethod
    def during(self, inside: Inside) -> AbstractContextManager[Any]:
        """A context in which the network of this thread's passes is changed; raises GateError for what it does not have."""


def numbers(name: str, wanted: Iterable[int] | None, count: int) -> list[int]:
    """Numbers of layers, heads or tokens, each once; all for None.

    >>> numbers("layers", [2, 0], 3), numbers("layers", None, 2)
    ([2, 0], [0, 1])
    """
    if wanted is None:
        return [*range(count)]
    found = [*wanted]
    wrong = [n for n in found if isinstance(n, bool) or not hasattr(n, "__index__") or not 0 <= n.__index__() < count]
    if wrong or len({*found}) < len(found) or not found:
        want = f"different whole numbers from 0 to {count - 1}"
        raise GateError(name, want, shown(wrong[0] if wrong else found))
    return [n.__index__() for n in found]


def listed(name: str, wanted: Sequence[int] | None) -> str:
    """Numbers in words, counted from 1.

    >>> listed("layer", [0]), listed("layer", [0, 2]), listed("head", None)
    ('layer 1', 'layers 1, 3', 'all heads')
    """
    if wanted is None:
        return f"all {name}s"
    return f"{name}{'s' * (len(wanted) != 1)} {', '.join(str(n + 1) for n in wanted)}"


def digest(array: NDArray[Any]) -> str:
    """A few letters that tell one array from another."""
    data = repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes()
    return f"(#{hashlib.sha256(data).hexdigest()[:8]})"
