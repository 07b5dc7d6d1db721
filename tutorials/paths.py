"""Ways through the lessons for 45 minutes, 90 minutes and a term, and how far somebody is on one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as File

import yaml

from tutorials.lessons import LessonError, lessons


@dataclass(frozen=True)
class Path:
    """One way through the lessons.

    Attributes:
        name: as the address has it.
        title: in words.
        parts: title and names of the lessons of each part, in order.
    """

    name: str
    title: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def lessons(self) -> tuple[str, ...]:
        """The names of all lessons, in order."""
        return tuple(name for _, names in self.parts for name in names)

    @property
    def minutes(self) -> int:
        """The minutes of all lessons."""
        return sum(lessons()[name].minutes for name in self.lessons)

    def left(self, reached: Mapping[str, int]) -> int:
        """The minutes left, to the minute.

        Args:
            reached: the last step that was answered, by lesson; one that is not named has not begun.

        >>> paths()["45"].minutes, paths()["45"].left({"model": 99})
        (45, 35)
        """
        return round(sum(lessons()[name].minutes * (1 - self.share(name, reached)) for name in self.lessons))

    def next(self, reached: Mapping[str, int]) -> tuple[str, int] | None:
        """The lesson and its step to go on with; None at the end."""
        for name in self.lessons:
            if self.share(name, reached) < 1:
                return name, reached.get(name, 0) + 1
        return None

    def share(self, name: str, reached: Mapping[str, int]) -> float:
        """How much of a lesson is done, 0 to 1."""
        return min(reached.get(name, 0) / len(lessons()[name].steps), 1.0)


@lru_cache(maxsize=1)
def paths() -> dict[str, Path]:
    """Every path by its name.

    Raises:
        LessonError: a path names a lesson that there is not.
    """
    stored = yaml.safe_load(File(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    found = {}
    for name, said in stored.items():
        parts = tuple((str(one["title"]), tuple(one["lessons"])) for one in said["parts"])
        found[name] = Path(name, str(said["title"]), parts)
        if unknown := set(found[name].lessons) - set(lessons()):
            raise LessonError(f"paths: {name}: want names of lessons, got {min(unknown)}")
    return found
