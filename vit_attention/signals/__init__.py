"""What methods need beside weights: runs, one file each, found by their names.

A run either runs the model again behind the pass, ``run(again, **knobs)``, or takes part in it, ``ride(net, **knobs)``; `given` says
what it gets.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

from vit_attention.gate import GateError
from vit_attention.records import Run
from vit_attention.signals.given import Net, Ride


@cache
def runs(of: str) -> tuple[str, ...]:
    """Names of the runs on "pictures", "texts", the "labels" of a picture or "pages" that are read, as each file says; some are on several.

    >>> "masking" in runs("texts"), "masking" in runs("pictures")
    (True, False)
    """
    return tuple(name for name, module in _files() if of in getattr(module, "OF", ()))


@cache
def aimed() -> frozenset[str]:
    """Names of the runs that are about a target, as each file says."""
    return frozenset(name for name, module in _files() if getattr(module, "AIMED", False))


@cache
def _files() -> tuple[tuple[str, Any], ...]:
    names = sorted(one.name for one in pkgutil.iter_modules(__path__))
    return tuple((name.replace("_", "-"), _module(name)) for name in names)


def rides(run: Run) -> bool:
    """Whether a run takes part in the pass."""
    return hasattr(_module(run.name), "ride")


def reads_states(run: Run) -> bool:
    """Whether a run reads the tokens between the blocks."""
    return getattr(_module(run.name), "STATES", False)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def carry_out(run: Run, again: Any) -> Any:
    """What a run leaves for its method to read, an array or several; raises ValueError for other knobs than it has, or one
    out of range.
    """
    return _checked(run, _module(run.name).run, "again")(again, **run.knobs)


def ride(run: Run, net: Net) -> Ride:
    """What takes part in a pass for a run; raises as `carry_out` does."""
    found: Ride = _checked(run, _module(run.name).ride, "net")(net, **run.knobs)
    return found


def _checked(run: Run, function: Callable[..., Any], given: str) -> Callable[..., Any]:
    """The function of a run, if it has these knobs; a knob with a default came later than its run, and may be left out."""
    knobs = {name: one for name, one in inspect.signature(function).parameters.items() if name != given}
    needed = {name for name, one in knobs.items() if one.default is one.empty}
    if not needed <= {*run.knobs} <= {*knobs}:
        raise GateError(run.name, f"the knobs {', '.join(sorted(knobs))}", f"{', '.join(sorted(run.knobs)) or 'none'}")
    return function
