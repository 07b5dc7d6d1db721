"""Everything slow to import, once, behind one lock, and kept out of the garbage collector's way."""

import contextlib
import ctypes
import gc
import importlib
import itertools
import os
import sys
import threading
from functools import cache
from typing import Any

from vit_attention.heavy import heavy_imports

# What every lesson needs and the first page does not.
MODULES = (
    "vit_attention.adapters.scene_vit",
    "plotly.graph_objects",
    "visualizer.figures.overlay",
    "visualizer.figures.mosaic",
)

# Seconds between the first page's script and the background imports.
WARM_UP_AFTER = 1.5

# One thread a forward pass: each script run is a new thread, and a new OpenMP pool spins on a busy two-core host.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# Every script run is a new thread and would keep freed blocks in an arena of its own. With every page opened, one arena of
# glibc's allocator instead of two took 9 MB off a peak of 450.
_libc: Any = None
if sys.platform == "linux":
    with contextlib.suppress(OSError, AttributeError):  # another C library
        _libc = ctypes.CDLL("libc.so.6")
        _libc.mallopt(-8, 1)  # M_ARENA_MAX
        _libc.mallopt(-1, 1 << 20)  # M_TRIM_THRESHOLD, in bytes
        # M_MMAP_THRESHOLD: tensors of 37 x 37 patches go back as soon as they are freed, and are not scattered. Half of it would make
        # a pass on 16 x 16 a third slower.
        _libc.mallopt(-3, 2 << 20)


def give_back() -> None:
    """Give what was freed back to the system; the allocator itself only does so with what lies at its end."""
    if _libc is not None:
        _libc.malloc_trim(0)


def settle() -> None:
    """Move everything now in memory out of the collector's sight.

    Streamlit collects garbage after every script run, which costs 0.1 to 0.3 s with torch imported; frozen objects are
    not looked at again.
    """
    gc.collect()
    give_back()
    gc.freeze()


_RUNS = itertools.count(1)
# Runs of this process after which what they have left in memory for good is settled.
SETTLED_AFTER = (3, 30)


def ran() -> None:
    """Count a run of a page. The first ones import and build what stays; it cost 11 ms of every later run of 27."""
    # Only twice: what is frozen while a session lives is never looked at again, and would stay when that session has gone.
    if next(_RUNS) in SETTLED_AFTER:
        settle()


@cache
def load_all() -> None:
    """Import torch and what the bundled model needs; later calls return at once."""
    with heavy_imports:
        import torch

        torch.set_num_threads(1)
        for name in MODULES:
            importlib.import_module(name)
        settle()


@cache
def warm_up() -> None:
    """Begin `load_all` in the background, once a process; the first page calls it when it has been drawn."""
    # A moment later: the browser is still fetching and drawing the first page, on the same cores.
    timer = threading.Timer(WARM_UP_AFTER, load_all)
    timer.daemon = True
    timer.start()
