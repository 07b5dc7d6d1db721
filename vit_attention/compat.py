"""Lets torchvision import beside a CPU-only torch; whatever needs torchvision or transformers imports this first."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys

import torch

# torchvision registers meta kernels for these two while it is imported, and dies if no operator of that name exists.
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_declared: list[torch.library.Library] = []  # a declaration lasts as long as its Library object


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


def declare_missing_operators() -> bool:
    """Declare the schemas that torchvision's import asks for; returns whether it was necessary.

    Models and transforms then work; calling `nms` itself still fails, with torch's own message.
    """
    if _declared or not operators_missing():
        return bool(_declared)
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    _declared.append(library)
    return True


declare_missing_operators()
