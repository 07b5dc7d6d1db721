"""Swin encoders of the transformers library, read one block at a time and run in little memory."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vit_attention.capture import capture
from vit_attention.gate import GateError
from vit_attention.records.partition import Partition, Stage
from vit_attention.records.windows import Windows

CHUNK_BYTES = 32 << 20
"""Memory of the largest single tensor while `encode` works through a block."""


def stages(encoder: Any, size: Sequence[int]) -> tuple[Stage, ...]:
    """The plan of a Swin encoder for a page: what every stage and block would do, without running or changing anything.

    Window and shift are those that the library would use for this size: where a grid's shorter side is just the
    window, it does not shift. A forward pass of the library writes that into its modules for good; nothing here does.

    Args:
        encoder: `DonutSwinModel` or `SwinModel` of the transformers library.
        size: (height, width) of the page in pixels.

    Raises:
        ValueError: another kind of encoder, or a page too small for its windows.
    """
    layers = _layers(encoder)
    patch = [int(side) for side in encoder.embeddings.patch_embeddings.patch_size]
    rows, columns = (-(-int(s) // p) for s, p in zip(size, patch, strict=True))
    paths = {module: name for name, module in encoder.named_modules()}
    found = []
    for number, layer in enumerate(layers):
        window = int(layer.blocks[0].window_size)
        grid = (rows, columns)
        _refuse_small(grid, window, number, patch, len(layers), size)
        shifts = tuple(0 if min(grid) <= window else int(block.shift_size) for block in layer.blocks)
        core = _core(layer.blocks[0])
        found.append(
            Stage(
                number,
                grid,
                (patch[0] << number, patch[1] << number),
                int(core.num_attention_heads),
                int(layer.blocks[0].layernorm_before.normalized_shape[0]),
                window,
                shifts,
                tuple(paths[_core(block)] for block in layer.blocks),
            )
        )
        rows, columns = -(-rows // 2), -(-columns // 2)
    _refuse_misplaced(encoder, found[-1], size)
    return tuple(found)


def _layers(encoder: nn.Module) -> list[Any]:
    """The stages of the encoder; raises ValueError for a module of another kind."""
    layers = list(getattr(getattr(encoder, "encoder", None), "layers", ()))
    blocks = [block for layer in layers for block in getattr(layer, "blocks", ())]
    wanted = ("layernorm_before", "layernorm_after", "attention", "shift_size", "window_size")
    if not blocks or not all(hasattr(block, name) for block in blocks for name in wanted):
        raise GateError("encoder", "a DonutSwin or Swin model of transformers", f"{type(encoder).__name__}")
    if any(hasattr(_core(block), "logit_scale") for block in blocks):
        raise GateError("encoder", "DonutSwin or Swin", f"{type(encoder).__name__}, whose blocks norm after attending")
    for block in blocks:
        if (2 * int(block.window_size) - 1) ** 2 != len(_table(block)):
            raise ValueError(
                f"encoder: want windows of the size it was made with, got {block.window_size}: an earlier forward pass on a "
                "page too small has changed the model; load it again"
            )
    return layers


def _core(block: Any) -> Any:
    """The module that computes softmax(QK): DonutSwin wraps it, Swin does not."""
    return getattr(block.attention, "self", block.attention)


def _table(block: Any) -> Tensor:
    """(offsets, heads) relative position bias."""
    core = _core(block)
    holder = getattr(core, "relative_position_bias", core)
    table = holder.relative_position_bias_table
    assert isinstance(table, Tensor)
    return table


def _bias(block: Any) -> NDArray[np.float32]:
    """(heads, 2w-1, 2w-1); the library's table holds query minus key, ours says where the key lies from the query."""
    table, side = _table(block).detach().float(), 2 * int(block.window_size) - 1
    return np.ascontiguousarray(table.reshape(side, side, -1).flip(0, 1).permute(2, 0, 1).cpu().numpy())


def _refuse_small(
    grid: Sequence[int], window: int, number: int, patch: Sequence[int], count: int, size: Sequence[int]
) -> None:
    if min(grid) >= window:
        return
    least = [((window - 1) << (count - 1)) * side + 1 for side in patch]
    raise ValueError(
        f"page: want pages of at least {least[0]} x {least[1]} (height x width) pixels, got {size[0]} x {size[1]}, whose "
        f"grid of {grid[0]} x {grid[1]} cells in stage {number + 1} is smaller than a window of {window} x {window}"
    )


def _refuse_misplaced(encoder: nn.Module, last: Stage, size: Sequence[int]) -> None:
    places = getattr(encoder, "places", None)
    if places is not None and tuple(places.shape[:2]) != last.grid:
        wanted = [side * cell for side, cell in zip(places.shape, last.cell, strict=False)]
        raise GateError("page", f"pages of {wanted[0]} x {wanted[1]} (height x width) pixels", f"{size[0]} x {size[1]}")


def estimate(
    encoder: nn.Module,
    size: Sequence[int],
    stage: int,
    block: int,
    queries: Sequence[int] | None = None,
    half: bool = True,
) -> int:
    """Bytes that the weights of `windows` with the same arguments take; nothing is run.

    Args:
        size: (height, width) of the page in pixels.
        stage, block: numbers, 0 first.
        queries: cells whose windows are kept; None keeps all windows.
        half: two bytes a weight instead of four.
    """
    plan = _chosen(stages(encoder, size), stage, block)
    return len(_wanted(plan.partition(block), queries)) * plan.heads * plan.window**4 * (2 if half else 4)


def _chosen(plan: Sequence[Stage], stage: int, block: int) -> Stage:
    if not 0 <= stage < len(plan):
        raise GateError("stage", f"0 to {len(plan) - 1}", f"{stage}")
    if not 0 <= block < plan[stage].blocks:
        raise GateError("block", f"0 to {plan[stage].blocks - 1} in stage {stage}", f"{block}")
    return plan[stage]


def _wanted(cut: Partition, queries: Sequence[int] | None) -> list[int]:
    return list(range(cut.count)) if queries is None else sorted({cut.locate(int(query))[0] for query in queries})


@torch.no_grad()
def windows(
    encoder: nn.Module,
    pixels: Tensor,
    stage: int,
    block: int,
    queries: Sequence[int] | None = None,
    half: bool = True,
) -> Windows:
    """The window attention of one block on one page; the encoder runs no further than that block.

    Only the windows of `queries` are computed, each proven against PyTorch's own attention.

    Args:
        encoder: `DonutSwinModel` or `SwinModel` of the transformers library, in evaluation mode.
        pixels: (1, 3, height, width).
        stage, block: numbers, 0 first; block counts inside its stage.
        queries: cells, numbered in reading order of the stage's grid, whose windows are wanted; None keeps all.
        half: keep the weights in float16.

    Raises:
        ValueError: more than one page, a page too small, or no such stage, block or cell; raised before anything runs.
    """
    if pixels.ndim != 4 or pixels.shape[0] != 1:
        raise GateError("pixels", "one page, (1, 3, height, width)", f"{tuple(pixels.shape)}")
    plan = stages(encoder, pixels.shape[-2:])
    place = _chosen(plan, stage, block)
    cut = place.partition(block)
    wanted = _wanted(cut, queries)
    module = _layers(encoder)[stage].blocks[block]
    hidden = _run(encoder, pixels, plan, None, until=(stage, block))
    found, residual = [], 0.0
    for numbers in _chunks(wanted, module, None):
        with capture(module.attention, half=half) as seen:
            _attend(module, hidden, cut, numbers)
        found.append(seen[0].weights if half else seen[0].weights.float())
        residual = max(residual, seen[0].residual or 0.0)
    return Windows(
        torch.cat(found).cpu().numpy(),
        tuple(wanted),
        place.grid,
        place.window,
        place.shifts[block],
        stage,
        block,
        place.names[block],
        place.cell,
        _bias(module),
        residual,
    )


@torch.no_grad()
def encode(encoder: Any, pixels: Tensor, chunk_windows: int | None = None) -> Tensor:
    """(batch, cells, width), the encoder's last hidden state, in a fraction of the memory of its own forward pass.

    The library's own layers do all the work, on some windows at a time; cells are updated in place. Unlike the
    library's forward pass this changes no module, whatever the size of the page.

    Args:
        encoder: `DonutSwinModel` or `SwinModel` of the transformers library, in evaluation mode.
        pixels: (batch, 3, height, width).
        chunk_windows: windows worked on at a time; None takes as many as keep each tensor under 32 MiB.

    Raises:
        ValueError: another kind of encoder, one in training mode, or a page too small for its windows.
    """
    if chunk_windows is not None and chunk_windows < 1:
        raise GateError("chunk_windows", "at least 1", f"{chunk_windows}")
    hidden = _run(encoder, pixels, stages(encoder, pixels.shape[-2:]), chunk_windows)
    if hasattr(encoder, "layernorm"):
        hidden = encoder.layernorm(hidden)
    places: Tensor | None = getattr(encoder, "places", None)
    return hidden if places is None else hidden + places.flatten(0, 1)


def _run(
    encoder: Any, pixels: Tensor, plan: Sequence[Stage], chunk: int | None, until: tuple[int, int] | None = None
) -> Tensor:
    """(batch, cells, width) after the last stage, or what enters block `until`, given as (stage, block)."""
    if encoder.training:
        raise GateError("encoder", "evaluation mode", "training mode: call encoder.eval() first")
    hidden, _ = encoder.embeddings(pixels)
    for stage, layer in zip(plan, encoder.encoder.layers, strict=True):
        for number, block in enumerate(layer.blocks):
            if (stage.number, number) == until:
                return hidden
            _advance(block, hidden, stage.partition(number), chunk)
        if layer.downsample is not None:
            hidden = layer.downsample(hidden, stage.grid)
    return hidden


def _advance(block: Any, hidden: Tensor, cut: Partition, chunk: int | None) -> None:
    """Take `hidden` through one block, in place: each cell lies in one window, so windows do not disturb each other."""
    for numbers in _chunks(range(cut.count), block, chunk, len(hidden)):
        cells, inside, tokens = _attend(block, hidden, cut, numbers)
        tokens = tokens[:, inside]
        hidden[:, cells[inside]] = tokens + _feed(block, block.layernorm_after(tokens))


def _attend(block: Any, hidden: Tensor, cut: Partition, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Cells (windows, places), which of them are on the page, and their (batch, windows, places, width) after attention."""
    cells = torch.from_numpy(cut.order(numbers)).to(hidden.device)
    inside = cells >= 0
    tokens = hidden[:, cells.clamp(min=0)]
    # The library pads after the norm, so padded cells enter the attention as zeros.
    normed = block.layernorm_before(tokens).masked_fill_(~inside[..., None], 0)
    mask = None
    if any(cut.shift):
        # -100 and not minus infinity: what the library takes, so that even its tiny leaks are the same.
        forbids = torch.from_numpy(cut.forbids(numbers)).to(hidden.device)
        mask = torch.zeros(forbids.shape, dtype=hidden.dtype, device=hidden.device).masked_fill_(forbids, -100.0)
    attended = block.attention(normed.flatten(0, 1), mask)[0]
    return cells, inside, tokens + attended.view_as(tokens)


def _feed(block: Any, tokens: Tensor) -> Tensor:
    fed: Tensor = block.mlp(tokens) if hasattr(block, "mlp") else block.output(block.intermediate(tokens))
    return fed


def _chunks(numbers: Sequence[int], block: Any, size: int | None, batch: int = 1) -> Iterator[list[int]]:
    """The window numbers in groups of `size`, or of as many as keep scores and hidden layer within `CHUNK_BYTES`."""
    if size is None:
        places, core = int(block.window_size) ** 2, _core(block)
        wide = block.mlp.fc1 if hasattr(block, "mlp") else block.intermediate.dense
        entries = places * max(places * int(core.num_attention_heads), wide.out_features)
        size = max(1, CHUNK_BYTES // (entries * batch * wide.weight.element_size()))
    for start in range(0, len(numbers), size):
        yield list(numbers[start : start + size])
