"""Figures ready to be sent, made once for all sessions: a rerun neither builds, checks nor copies them again."""

import sys
from collections.abc import Callable, Hashable
from typing import Any

import plotly.io
from plotly.basedatatypes import BaseFigure

from ui.store.kept import Kept

MOST = 16_000_000
"""Bytes of all figures together, as they are sent."""


class Ready(BaseFigure):  # type: ignore[misc]  # plotly has no types
    """A figure as the data that is sent; nothing of Plotly's machinery is set up, so that it cannot be changed."""

    def __init__(self, figure: Any) -> None:
        self._sent: dict[str, Any] = figure.to_dict()
        for image in self._sent["layout"].get("images", ()):
            image["source"] = sys.intern(image["source"])  # one picture stands under many maps
        self._size = len(plotly.io.to_json(self._sent, validate=False))

    def to_dict(self) -> dict[str, Any]:
        """The data itself, and no copy."""
        return self._sent


_kept = Kept(MOST, lambda made: 1 + sum(getattr(one, "_size", 0) for one in made))


def kept(key: Hashable, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """What `make` gives, figures in it ready to be sent; made anew if it is not kept."""
    return _kept(key, lambda: tuple(Ready(one) if isinstance(one, BaseFigure) else one for one in make()))


def one(key: Hashable, make: Callable[[], Any]) -> Any:
    """The figure that `make` gives, ready to be sent."""
    return kept(key, lambda: (make(),))[0]
