"""What methods need beside weights and a single forward pass does not leave: runs, one file each, found by their names."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError
from vit_attention.inputs.prepared import Input
from vit_attention.records import Run


@dataclass(frozen=True)
class Again:
    """A model that can be run again on changed inputs: what a run is given.

    Attributes:
        ready: the picture and its pixels.
        grid: (rows, columns) of patches on them.
        patch: (height, width) of one in pixels.
        target: which column of the scores is asked about, or None.
        scores: (batch, 3, height, width) pixels to (batch, classes) raw scores, or to (batch, 1) similarities where one is asked about.
        hidden: a picture, prepared like this one, to (layers + 1, tokens, width), the tokens that enter the first block and leave every block.
    """

    ready: Input
    grid: tuple[int, int]
    patch: tuple[int, int]
    target: int | None
    scores: Callable[[Tensor], NDArray[np.float32]]
    hidden: Callable[[Any], NDArray[np.float32]]


@cache
def runs(of: str) -> tuple[str, ...]:
    """Names of the runs on "pictures", "texts" or the "labels" of a picture, as each file says.

    >>> runs("pictures")
    ('occlusion', 'painted')
    """
    names = sorted(one.name for one in pkgutil.iter_modules(__path__))
    return tuple(name.replace("_", "-") for name in names if of == _module(name).OF)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def carry_out(run: Run, again: Any) -> NDArray[Any]:
    """What a run leaves for its method to read; raises ValueError for other knobs than it has, or one out of range."""
    module = _module(run.name)
    wanted = sorted({*inspect.signature(module.run).parameters} - {"again"})
    if sorted(run.knobs) != wanted:
        raise GateError(f"{run.name}", f"the knobs {', '.join(wanted)}", f"{', '.join(sorted(run.knobs)) or 'none'}")
    found: NDArray[Any] = module.run(again, **run.knobs)
    return found
