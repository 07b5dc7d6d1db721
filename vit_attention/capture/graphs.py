"""Modules whose forward pass makes no Python call: compiled, scripted and exported graphs, refused with the way out."""

import torch
from torch import nn

from vit_attention.capture.seen import CaptureError


def refuse_graphs(module: nn.Module) -> None:
    """Nothing for a module of plain PyTorch.

    Raises:
        CaptureError: it is no torch module, or it holds a graph that runs outside of Python's hearing.
    """
    if not isinstance(module, nn.Module):
        exported = hasattr(module, "graph_module")
        hint = ": capture the module that was exported, and call that one" if exported else ""
        raise CaptureError(f"module: want a torch.nn.Module, got {type(module).__name__}{hint}")
    for name, part in module.named_modules():
        found = _graph(part)
        if found is not None:
            where = f"{name} of {type(module).__name__}" if name else type(module).__name__
            raise CaptureError(
                f"{where} is a {found[0]}, which runs without the Python calls that capture hears. Capture the module it was "
                f"made from, and call that one{found[1]}"
            )


def original(module: nn.Module) -> nn.Module:
    """The module inside wrappers that only run it: `torch.compile`, and `nn.DataParallel` or its distributed sister."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if inner is None and type(module).__name__ in ("DataParallel", "DistributedDataParallel"):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def _graph(part: nn.Module) -> tuple[str, str] | None:
    """What kind of graph a module is, and the way out; None of a module of plain PyTorch."""
    if isinstance(part, torch.jit.ScriptModule):
        return "scripted module (torch.jit)", ""
    # Looked up where they lie: asking a module for what it has not is slow, and there are hundreds of modules.
    if "_orig_mod" in part._modules:
        return "compiled module (torch.compile)", ": compiled._orig_mod"
    if part.__dict__.get("_compiled_call_impl") is not None:
        undone = "; module.compile() is undone by module._compiled_call_impl = None"
        return "compiled module (torch.compile)", undone
    if isinstance(part, torch.fx.GraphModule) and any(
        isinstance(node.target, torch._ops.OpOverload) for node in part.graph.nodes
    ):
        return "exported graph (torch.export)", ""
    return None
