"""What every rerun of a view asks for again: made once for all sessions, bounded, the oldest out first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """Things by their keys; nobody changes them afterwards.

    Args:
        most: the sum of the sizes that is kept. What alone is larger stays until the next one comes.
        size: of a thing; by itself each counts 1.

    >>> kept = Kept(most=8, size=len)
    >>> kept("first", lambda: "12345"), kept("second", lambda: "67890")
    ('12345', '67890')
    >>> kept.get("first"), kept.get("second")
    (None, '67890')
    """

    def __init__(self, most: int, size: Callable[[Any], int] = lambda made: 1) -> None:
        self.most, self.size, self.total = most, size, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The thing of that key; the default if it is not kept any more."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key, default)

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of that key; what `make` gives if it is not kept."""
        found: T = self.get(key, self)
        if found is not self:
            return found
        made = make()
        with self._lock:
            if key not in self._kept:  # else another session was quicker
                self._kept[key] = made
                self.total += self.size(made)
            while self.total > self.most and len(self._kept) > 1:
                self.total -= self.size(self._kept.popitem(last=False)[1])
        return made
