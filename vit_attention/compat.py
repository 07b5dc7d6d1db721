"""Lets torchvision import beside a CPU-only torch, and transformers without its compiler; whatever needs either imports this first."""

import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

# torchvision registers meta kernels for these two while it is imported, and dies if no operator of that name exists.
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def operators_missing() -> bool:
    """Whether torchvision is installed but its compiled operators do not load into this torch."""
    if "torchvision" in sys.modules:
        return False  # it imported, so it found what it needs
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False  # nothing to guard; the import itself says what is wrong
    binary = importlib.machinery.PathFinder.find_spec("_C", list(spec.submodule_search_locations))
    if binary is None or binary.origin is None:
        return True
    try:
        torch.ops.load_library(binary.origin)
    except OSError:  # built against another torch, for instance a CUDA one
        return True
    return False


COMPILER = "torch._dynamo"

declared: torch.library.Library | None = None
"""The declaration, where one is necessary; it lasts as long as this object. Calling `nms` itself still fails, in torch's words."""
if operators_missing():
    declared = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        declared.define(schema)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Inside, nothing imports PyTorch's compiler or its distributed tensors, which take 70 MB as soon as transformers is there.

    For a process that never compiles: what is imported inside does not tell the compiler which functions to leave out. Whatever
    else is asked of the compiler imports it. It does nothing where the compiler is there already.

    Yields:
        None; whoever calls holds the lock of heavy imports.
    """
    if COMPILER in sys.modules:
        yield
        return
    plain = torch.distributed.is_available
    sys.modules |= {COMPILER: _Compiler(COMPILER), f"{COMPILER}.utils": _Compiler(f"{COMPILER}.utils")}
    torch.distributed.is_available = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_available = plain
        _Compiler.leave()


class _Compiler(types.ModuleType):
    """Stands for the compiler's package, or for its module `utils`, until something is asked that only the real one can answer."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = [str(Path(torch.__file__).parent / "_dynamo")]  # other modules are the real ones

    @staticmethod
    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        """What decorates functions for the compiler alone leaves them as they are."""
        return (lambda one: one) if function is None else function

    allow_in_graph = assume_constant_result = disable

    @staticmethod
    def is_compile_supported(device: Any) -> Any:
        return importlib.import_module(f"{COMPILER}.utils").is_compile_supported(device)

    @staticmethod
    def leave() -> None:
        """Let later imports find the real modules."""
        for name in (COMPILER, f"{COMPILER}.utils"):
            if isinstance(sys.modules.get(name), _Compiler):
                del sys.modules[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by the import system
            raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(self.__name__), name)
