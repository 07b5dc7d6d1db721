"""Everything slow to import, once, behind one lock, and kept out of the garbage collector's way."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import sys
import threading

from vit_attention.heavy import heavy_imports

MODULES = (
    "vit_attention.adapters.scene_vit",
    "plotly.graph_objects",
    "visualizer.figures.overlay",
    "visualizer.figures.mosaic",
)
"""What every lesson needs and the first page does not."""

WARM_UP_AFTER = 1.5
"""Seconds between the first page's script and the background imports."""

_ready = threading.Event()
_started = threading.Lock()

# One thread a forward pass: each script run is a new thread, and a new OpenMP pool spins on a busy two-core host.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def frugal_allocator() -> None:
    """Let glibc's allocator share one arena and give freed memory back.

    Every script run is a new thread and would otherwise keep freed blocks in an arena of its own. With every page opened,
    one arena instead of two took 9 MB off a peak of 450.
    """
    if sys.platform == "linux":
        try:
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(-8, 1)  # M_ARENA_MAX
            libc.mallopt(-1, 1 << 20)  # M_TRIM_THRESHOLD, in bytes
        except (OSError, AttributeError):  # another C library
            return


def settle() -> None:
    """Move everything now in memory out of the collector's sight.

    Streamlit collects garbage after every script run, which costs 0.1 to 0.3 s with torch imported; frozen objects are
    not looked at again.
    """
    gc.collect()
    gc.freeze()


def load_all() -> None:
    """Import torch and what the bundled model needs; later calls return at once."""
    if _ready.is_set():
        return
    with heavy_imports:
        if not _ready.is_set():
            import torch

            torch.set_num_threads(1)
            for name in MODULES:
                importlib.import_module(name)
            settle()
            _ready.set()


def warm_up() -> None:
    """Begin `load_all` in the background, once a process; the first page calls it when it has been drawn."""
    if _started.acquire(blocking=False):
        # A moment later: the browser is still fetching and drawing the first page, on the same cores.
        timer = threading.Timer(WARM_UP_AFTER, load_all)
        timer.daemon = True
        timer.start()


frugal_allocator()
