"""A model of its own, made from another: the modules copied, and everything that refers to them referring to the copy."""

import copy
import functools
from dataclasses import fields, is_dataclass, replace
from types import CellType, FunctionType, MethodType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from vit_attention.capture.hooks import copied
from vit_attention.models.model import Model

M = TypeVar("M", bound=Model)
T = TypeVar("T")


def copy_of(model: M, fresh: set[int]) -> M:
    """The model over a copy of its network, which gives what the model gives; parameters are shared but for some.

    Adapters keep a network's parts in functions, such as the forward pass of an `Anatomy`; those are bound to the copy.

    Args:
        model: stays as it is, and may run in other threads meanwhile.
        fresh: ids of the parameters and buffers that the copy has for itself.
    """
    shared = [
        one
        for part in model.module.modules()
        for one in (*part._parameters.values(), *part._buffers.values())
        if one is not None and id(one) not in fresh
    ]
    with torch.inference_mode(False):
        return _Copies(model.module, {id(one): one for one in shared}).of(model)


class _Copies:
    """What refers to a network, bound to a copy of it; what refers to none of its parts stays the same object."""

    def __init__(self, module: nn.Module, memo: dict[int, Any]) -> None:
        self.memo = memo
        copied(module, memo)
        self.tensors = [one for one in module.parameters() if self.memo.get(id(one), one) is not one]

    def of(self, value: T) -> T:
        """The value with the copy in the network's place."""
        if id(value) not in self.memo:
            self.memo[id(value)] = value  # for what refers to itself
            self.memo[id(value)] = self._made(value)
        found: T = self.memo[id(value)]
        return found

    def _made(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._view(value)
        if isinstance(value, Model):
            return self._model(value)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            own = self.of(value.__self__)
            return value if own is value.__self__ else MethodType(value.__func__, own)
        if hasattr(value, "__wrapped__") and hasattr(value, "cache_info"):
            inner = self.of(value.__wrapped__)
            return value if inner is value.__wrapped__ else functools.cache(inner)
        if isinstance(value, tuple) and type(value) is tuple:
            return self._if_other(value, tuple(self.of(one) for one in value))
        if is_dataclass(value) and not isinstance(value, type):
            named = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
            made = {name: self.of(one) for name, one in named.items()}
            return value if all(made[name] is one for name, one in named.items()) else replace(value, **made)
        return value

    @staticmethod
    def _if_other(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
        return old if all(a is b for a, b in zip(old, new, strict=True)) else new

    def _model(self, model: Model) -> Model:
        found = copy.copy(model)
        self.memo[id(model)] = found
        vars(found).update({name: self.of(one) for name, one in vars(model).items()})
        return found

    def _function(self, function: FunctionType) -> FunctionType:
        cells = function.__closure__ or ()
        filled = [cell for cell in cells if cell != CellType()]
        if not filled:
            return function
        made = {id(cell): CellType() for cell in cells}
        found = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
            tuple(made[id(cell)] for cell in cells),
        )
        found.__kwdefaults__ = function.__kwdefaults__
        self.memo[id(function)] = found
        for cell in filled:
            made[id(cell)].cell_contents = self.of(cell.cell_contents)
        return found

    def _view(self, tensor: Tensor) -> Tensor:
        """The same part of the copied parameter, if a tensor is a part of one, such as a position table without its batch."""
        for old in self.tensors:
            first, size = old.data_ptr(), old.element_size()
            if old.dtype == tensor.dtype and first <= tensor.data_ptr() < first + old.numel() * size:
                new = self.memo[id(old)]
                offset = new.storage_offset() + (tensor.data_ptr() - first) // size
                return torch.as_strided(new.detach(), tensor.size(), tensor.stride(), offset)
        return tensor
