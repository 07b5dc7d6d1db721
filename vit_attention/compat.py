"""Lets torchvision import beside a CPU-only torch; whatever needs torchvision or transformers imports this first."""

import importlib.machinery
import importlib.util
import sys

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


declared: torch.library.Library | None = None
"""The declaration, where one is necessary; it lasts as long as this object. Calling `nms` itself still fails, in torch's words."""
if operators_missing():
    declared = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        declared.define(schema)
