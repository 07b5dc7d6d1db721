"""A survey's Parquet data set to its summary, in bounded memory; run as a program it does so for a file that nobody vouches for.

``python -m tutorials.findings.summarising FOLDER`` writes the summary as JSON. The reader of Parquet is a large program in another
language that damaged files may crash or have take any amount of memory, so a page runs it in a process of its own, which has a
limit of memory and of time.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.surveyed import LEVELS, Extreme, Head, Measured, Survey
from vit_attention.gate import LIMITS, GateError
from vit_attention.gate.refusal import one_line, reading, shown

BINS = 1024
"""Steps between the smallest and the largest value of a head; quantiles are right to one of them."""
ROWS = 65_536
"""Rows that are read at once."""
EXTREMES = 4
"""Pictures of each head and measure that are named, on each side."""
HUGE = 1e30
"""What is larger is taken for no number, as infinite ones are: no measure comes near, and sums and figures stay finite."""
KEYS = ("picture", "layer", "head")


class Some(NamedTuple):
    """Some rows of a survey.

    Attributes:
        pictures: the column of names, each of which is read only if it is wanted.
        keys: (rows,) layer and head as one number.
        values: (rows,) of each measure; NaN for none.
    """

    pictures: Any
    keys: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]


Rows = Callable[[], Iterator[Some]]


def summary(files: Sequence[Path], said: Mapping[str, str]) -> Survey:
    """How every measure of every head is distributed over the pictures of a survey, and on which pictures it is extreme.

    The rows are read twice, some at a time: for the range of each head, and for how many values lie in each of 1,024 steps of it.
    Quantiles are those of the steps (their middles, between which is interpolated), the mean and the extremes are exact.

    Args:
        files: of the data set, Parquet with the columns picture, layer and head, and one of floats for each measure.
        said: model, about and weights, as the survey's manifest has them.

    Raises:
        GateError: no such files, or more rows, heads or measures than are let in.
    """

    def rows() -> Iterator[Some]:
        for file in files:
            yield from _batches(file)

    seen = _Seen()
    for some in rows():
        seen.add(some)
    if not seen.heads:
        raise GateError("survey", "rows of pictures, layers and heads", "none")
    keys = np.array(sorted(seen.heads), np.int64)
    counted = _counted(rows, keys, seen)
    heads = tuple(Head(int(key) >> 16, int(key) & 0xFFFF) for key in keys)
    measures = {name: _measured(at, counted[at], keys, seen) for at, name in enumerate(seen.names)}
    pictures = max(one.rows for one in seen.heads.values())
    model, about, weights = (str(said.get(name, "")) for name in ("model", "about", "weights"))
    return Survey(model, about, weights, pictures, heads, measures)


def _batches(file: Path) -> Iterator[Some]:
    """The rows of a file, some at a time."""
    import pyarrow.parquet as parquet  # 40 MB that nothing else needs

    with reading(file.name, "an undamaged Parquet file"):
        bounds = {"thrift_string_size_limit": 1 << 20, "thrift_container_size_limit": 1 << 20}
        with parquet.ParquetFile(file, memory_map=False, pre_buffer=False, **bounds) as opened:
            names = _columns(opened, file.name)
            for batch in opened.iter_batches(ROWS, columns=[*KEYS, *names], use_threads=False):
                yield _some(batch, names, file.name)


def _columns(opened: Any, file: str) -> list[str]:
    """The columns that are measures; raises GateError for a table of another kind, or a larger one than is let in."""
    import pyarrow.types as types

    schema = opened.schema_arrow
    kinds = {one.name: one.type for one in schema}
    whole = all(name in kinds and types.is_integer(kinds[name]) for name in ("layer", "head"))
    if len(kinds) < len(schema) or not whole or "picture" not in kinds or not _text(kinds["picture"]):
        got = [f"{one.name} ({one.type})" for one in schema]
        raise GateError(file, "columns picture (text), layer and head (whole numbers)", one_line(", ".join(got))[:150])
    names = [one for one, kind in kinds.items() if types.is_float32(kind) or types.is_float64(kind)]
    LIMITS["survey measures"].check(len(names), file)
    LIMITS["survey rows"].check(opened.metadata.num_rows, file)
    for name in names:
        LIMITS["survey name"].check(len(name), file, "measure")
    return names


def _text(kind: Any) -> bool:
    """Whether a column holds text, be it as numbers in a list of texts, which pandas calls a category."""
    import pyarrow.types as types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return any(is_text(kind) for is_text in (types.is_string, types.is_large_string, types.is_string_view))


def _some(batch: Any, names: Sequence[str], file: str) -> Some:
    keys = []
    for name in ("layer", "head"):
        column = batch.column(name)
        numbers = column.to_numpy(zero_copy_only=False)
        if column.null_count or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < LIMITS[f"{name}s"].most):
            raise GateError(file, f"numbers from 0 to {LIMITS[f'{name}s'].most - 1}", "others", field=name)
        keys.append(numbers.astype(np.int64))
    values = {name: batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in names}
    known = {name: np.where(np.abs(one) <= HUGE, one, np.nan) for name, one in values.items()}
    return Some(batch.column("picture"), (keys[0] << 16) | keys[1], known)


@dataclass
class _Head:
    """One head, as far as it has been seen: per measure the range, the sum, how many, and the extreme pictures."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    total: NDArray[np.float64]
    counts: NDArray[np.int64]
    rows: int = 0
    extremes: dict[tuple[int, int], list[tuple[float, str]]] = field(default_factory=dict)

    @classmethod
    def empty(cls, measures: int) -> "_Head":
        """Before anything is seen."""
        inf, none = np.full(measures, np.inf), np.zeros(measures)
        return cls(inf, -inf, none, none.astype(np.int64))

    def meet(self, at: int, side: int, value: float, name: Callable[[], str]) -> bool:
        """Whether a value is among the extremes of a measure, `side` 1 for small ones and -1 for large ones; if so it is kept."""
        kept = self.extremes.setdefault((at, side), [])
        if len(kept) == EXTREMES and side * value >= side * kept[-1][0]:
            return False
        found = (value, name())
        if found in kept:  # a row that is there twice
            return True
        kept.append(found)
        kept.sort(key=lambda one: side * one[0])
        del kept[EXTREMES:]
        return True


class _Seen:
    """What the first reading leaves: heads by key."""

    def __init__(self) -> None:
        self.heads: dict[int, _Head] = {}
        self.names: list[str] = []
        self.rows = 0

    def add(self, some: Some) -> None:
        """Some more rows; raises GateError if files do not fit together, or if they hold too much."""
        names = [*some.values]
        if self.heads and names != self.names:
            raise GateError("survey", f"the same measures in every file: {shown(self.names)}", shown(names))
        self.names, self.rows = names, self.rows + len(some.keys)
        LIMITS["survey rows"].check(self.rows, "survey")
        order = np.argsort(some.keys, kind="stable")
        keys, starts = np.unique(some.keys[order], return_index=True)
        for key, begin, end in zip(keys.tolist(), starts, [*starts[1:], len(order)], strict=True):
            if key not in self.heads:
                self.heads[key] = _Head.empty(len(names))
                LIMITS["survey numbers"].check(len(self.heads) * max(len(names), 1), "survey")
            self._of_head(self.heads[key], order[begin:end], some)

    def _of_head(self, head: _Head, where: NDArray[np.intp], some: Some) -> None:
        head.rows += len(where)
        for at, name in enumerate(self.names):
            values = some.values[name][where]
            there = np.flatnonzero(np.isfinite(values))
            if not len(there):
                continue
            known = values[there]
            head.low[at], head.high[at] = min(head.low[at], known.min()), max(head.high[at], known.max())
            head.total[at] += known.sum()
            head.counts[at] += len(known)
            for side in (1, -1):  # of equal values the picture that comes first, on both sides
                for n in np.argsort(side * known, kind="stable")[: 4 * EXTREMES]:
                    row = int(where[there[n]])
                    if not head.meet(at, side, float(known[n]), lambda row=row: _name(some.pictures, row)):  # type: ignore[misc]
                        break


def _name(pictures: Any, row: int) -> str:
    name = pictures[row].as_py()
    if not isinstance(name, str):
        raise GateError("survey", "the name of a picture in every row", "none", field="picture")
    LIMITS["survey name"].check(len(name), "survey", "picture")
    return name


def _counted(rows: Rows, keys: NDArray[np.int64], seen: _Seen) -> NDArray[np.int32]:
    """(measures, heads, BINS) how many values lie in each step between the smallest and the largest of a head."""
    counts = np.zeros((len(seen.names), len(keys), BINS), np.int32)
    lows, highs = (np.array([getattr(seen.heads[int(key)], end) for key in keys]) for end in ("low", "high"))
    for some in rows():
        place = np.searchsorted(keys, some.keys)
        for at, name in enumerate(seen.names):
            values = some.values[name]
            there = np.isfinite(values)
            head, value = place[there], values[there]
            low, span = lows[head, at], (highs - lows)[head, at]
            step = np.divide(value - low, span, out=np.zeros_like(value), where=span > 0) * BINS
            cell = head * BINS + np.clip(step.astype(np.int64), 0, BINS - 1)
            counts[at] += np.bincount(cell, minlength=len(keys) * BINS).reshape(-1, BINS).astype(np.int32)
    return counts


def _measured(at: int, counts: NDArray[np.int32], keys: NDArray[np.int64], seen: _Seen) -> Measured:
    heads = [seen.heads[int(key)] for key in keys]
    many = np.array([one.counts[at] for one in heads])
    total = np.array([one.total[at] for one in heads])
    quantiles = np.stack(
        [quantiles_of(one, head.low[at], head.high[at]) for one, head in zip(counts, heads, strict=True)]
    )
    named = [
        tuple(tuple(Extreme(name, value) for value, name in one.extremes.get((at, side), ())) for one in heads)
        for side in (-1, 1)
    ]
    mean = np.divide(total, many, out=np.full(len(heads), np.nan), where=many > 0)
    return Measured(quantiles, mean, many, named[0], named[1])


def quantiles_of(counts: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    """(`LEVELS`,) quantiles of values of which one knows how many lie in each of equal steps from `low` to `high`.

    The value of rank r is taken for the middle of its step; between two ranks is interpolated, as numpy's ``linear`` does. NaN
    without any value.

    >>> float(quantiles_of(np.array([1, 0, 0, 1]), 0.0, 4.0)[3])
    2.0
    """
    reached = np.cumsum(counts)
    if not reached[-1]:
        return np.full(len(LEVELS), np.nan)
    ranks = np.array(LEVELS) * (reached[-1] - 1)
    below, above = (np.searchsorted(reached, end, side="right") for end in (np.floor(ranks), np.ceil(ranks)))
    width = (high - low) / len(counts)
    first, second = ((low + (place + 0.5) * width) for place in (below, above))
    return np.asarray(first + (ranks - np.floor(ranks)) * (second - first), np.float64)


MEMORY, SECONDS = 1 << 30, 60
"""Bytes of address space and seconds of computing that a stranger's survey may take."""


def _limited() -> None:
    """Have this process end rather than take more than it may; nothing where the system knows no such limits."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def main() -> None:
    _limited()
    folder = Path(sys.argv[1])
    try:
        found: dict[str, Any] = summary(sorted(folder.glob("*.parquet")), {}).plain()
    except GateError as error:
        found = {"refused": str(error)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
