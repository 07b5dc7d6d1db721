"""How long the key of a lesson takes, from what was measured; `python -m benchmarks.keys` measures it."""

import json
from functools import lru_cache
from pathlib import Path

SECONDS = Path(__file__).with_name("seconds.json")
"""By lesson, the processor seconds of the first seat, with the model's loading, and of each further one, on one core."""


@lru_cache(maxsize=1)
def measured() -> dict[str, tuple[float, float]]:
    """What stands in `SECONDS`."""
    return {name: (float(first), float(each)) for name, (first, each) in json.loads(SECONDS.read_text("utf-8")).items()}


def expected(lesson: str, seats: int) -> float | None:
    """Seconds for so many seats on a core like the measured one; None for a lesson that was not measured."""
    if lesson not in measured():
        return None
    first, each = measured()[lesson]
    return first + each * (seats - 1)


def in_words(lesson: str, seats: int) -> str:
    """That time in a sentence; "" where nothing was measured."""
    seconds = expected(lesson, seats)
    if seconds is None:
        return ""
    how = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
    many = "1 seat" if seats == 1 else f"{seats} seats"
    return f"The key for {many} takes about {how} on a free processor core like the one that this was measured on, and longer on a busy one."
