"""Figures ready to be sent, made once for all sessions: a rerun neither builds, checks nor copies them again."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import plotly.io
from plotly.basedatatypes import BaseFigure

MOST = 16_000_000
"""Bytes of all figures together, as they are sent."""


class Ready(BaseFigure):  # type: ignore[misc]  # plotly has no types
    """A figure as the data that is sent. It is not to be changed, so that nothing of Plotly's machinery is set up.

    Attributes:
        size: bytes that it takes as text.
    """

    def __init__(self, figure: Any) -> None:
        self._sent: dict[str, Any] = figure.to_dict()
        for image in self._sent["layout"].get("images", ()):
            image["source"] = sys.intern(image["source"])  # one picture stands under many maps
        self._size = len(plotly.io.to_json(self._sent, validate=False))

    def to_dict(self) -> dict[str, Any]:
        """The data itself, and no copy."""
        return self._sent


class Kept:
    """Figures and what stands beside them, by their keys, the oldest out first.

    Args:
        most: bytes of the figures that are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.total = most, 0
        self._kept: OrderedDict[Hashable, tuple[int, tuple[Any, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: Hashable, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """What `make` gives, its first thing a figure; made anew if it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        figure, *rest = make()
        ready = Ready(figure)
        with self._lock:
            self._drop(key)
            self._kept[key] = ready._size, (ready, *rest)
            self.total += ready._size
            while self.total > self.most and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
        return ready, *rest

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self.total -= self._kept.pop(key)[0]


kept = Kept()
"""The store of this server."""
