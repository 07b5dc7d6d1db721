"""A DINOv2 backbone out of an ONNX graph: its tensors under the names that the transformers library gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAD = "backbone."
"""What the graph's names of the backbone begin with; the rest of the graph is a head, which is left out."""
_POSITIONS = "embeddings.position_embeddings"

Tensors = dict[str, NDArray[np.float32]]


def backbone(path: Path) -> Tensors:
    """Every tensor of the backbone by the name that `transformers.Dinov2Model` saves it under.

    Exporting renames the matrix of a linear layer and stores it transposed. It is known again by the bias that is added
    to its product. The position table stands in two unnamed constants, for the class token and for the grid.

    Raises:
        ValueError: a graph that is built in another way.
    """
    import onnx

    graph = onnx.load(path).graph
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    named = {name.removeprefix(LEAD): one for name, one in stored.items() if name.startswith(LEAD)}
    tables = sorted((one for name, one in stored.items() if _is_table(name, one)), key=len_of)
    if len(tables) != 2:
        raise ValueError(f"{path.name}: want two constants for the position table, got {len(tables)}")
    return named | _matrices(graph, stored) | {_POSITIONS: np.concatenate(tables, axis=1)}


def len_of(table: NDArray[Any]) -> int:
    """Places of a (1, places, width) table."""
    return table.shape[1]


def _is_table(name: str, one: NDArray[Any]) -> bool:
    return not name.startswith((LEAD, "decoder.")) and one.ndim == 3 and one.dtype == np.float32


def _matrices(graph: Any, stored: Tensors) -> Tensors:
    """The matrices of linear layers, upright, by the names that their biases give them."""
    makers = {output: node for node in graph.node for output in node.output}
    found: Tensors = {}
    for node in graph.node:
        bias = next((one for one in node.input if one.startswith(LEAD) and one.endswith(".bias")), None)
        if node.op_type != "Add" or bias is None:
            continue
        product = makers.get(next(one for one in node.input if one != bias))
        matrix = None if product is None else next((one for one in product.input if one in stored), None)
        if product is not None and product.op_type == "MatMul" and matrix is not None:
            found[bias.removeprefix(LEAD).removesuffix("bias") + "weight"] = np.ascontiguousarray(stored[matrix].T)
    return found
