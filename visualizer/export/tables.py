"""Numbers of many records as one table, in plain columns, for pandas or for Arrow."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.summary import STATISTICS
from visualizer.method import methods
from visualizer.method.base import Method
from visualizer.method.heads import Number, number_name, per_head
from visualizer.method.question import head_numbers, numbered
from vit_attention.records import AttentionRecord

if TYPE_CHECKING:
    import pandas
    import pyarrow

KEYS = ("picture", "layer", "head")
"""What rows can be told apart by."""

Columns = dict[str, NDArray[Any]]


class TableError(ValueError):
    """A table that cannot be made; says why."""


def columns(
    records: Iterable[tuple[str, AttentionRecord]],
    numbers: Number | Method | Sequence[Number],
    by: Sequence[str] = KEYS,
) -> Columns:
    """Numbers of every head of every record as columns of one length; no record is kept.

    Args:
        records: names and records, gone through once.
        numbers: a name of `visualizer.STATISTICS`; a function of (heads, queries, keys) weights that gives one number a
            head, or one a head and query, whose mean is taken; several of these in a list; or a method or its name, whose
            map has a row for every token: ``row`` and ``column`` of a patch from 0, or the ``token``'s number.
        by: which of `KEYS` rows are told apart by; over the others the mean of what is defined is taken.

    Returns:
        Columns for what rows are told apart by, layers and heads from 0, and one for each number, with underlines for blanks.

    Raises:
        TableError: no such number, nothing to be told apart by, or numbers that a record does not have.
    """
    if isinstance(by, str) or not isinstance(by, Iterable) or any(name not in KEYS for name in by):
        raise TableError(f"by: want some of {', '.join(KEYS)} in a list, got {by!r}")
    chosen = _chosen(numbers)
    pictures: list[str] = []
    parts: list[tuple[Columns, Columns]] = []
    for name, record in records:
        keys, values = _of_method(record, chosen) if isinstance(chosen, Method) else _of_heads(record, chosen)
        keys = {"picture": np.full(len(next(iter(values.values()))), len(pictures)), **keys}
        pictures.append(name)
        kept = {key: column for key, column in keys.items() if key in by or key not in KEYS}
        parts.append((kept, {part: one for value, column in values.items() for part, one in _counted(value, column)}))
        if "picture" not in by:
            parts = [_folded(parts)]
    if not parts:
        names = (
            [column_name(chosen.name)]
            if isinstance(chosen, Method)
            else [column_name(number_name(one)) for one in chosen]
        )
        return {name: np.zeros(0) for name in (*by, *names)}
    keys, sums = _folded(parts)
    if "picture" in keys:
        keys["picture"] = np.array(pictures, dtype=object)[keys["picture"]]
    means = {name: _mean(sums[name], sums[f"{name} #"]) for name in sums if not name.endswith(" #")}
    return {**{name: keys[name] for name in by if name in keys}, **keys, **means}


def _chosen(numbers: Number | Method | Sequence[Number]) -> Method | list[Number]:
    if isinstance(numbers, Method):
        return numbers
    if isinstance(numbers, str) and numbers in methods():
        return methods()[numbers]
    several = isinstance(numbers, Iterable) and not isinstance(numbers, str) and not callable(numbers)
    given: Sequence[Any] = list(numbers) if several else [numbers]  # type: ignore[arg-type]
    spelled = [spelled_out(one) if isinstance(one, str) else one for one in given]
    strange = [one for one in spelled if one not in STATISTICS if isinstance(one, str) or not callable(one)]
    if strange or not spelled:
        raise TableError(
            f"numbers: want a function of weights, one of {', '.join(STATISTICS)}, or a method alone "
            f"({', '.join(methods())}), got {strange[0] if strange else 'none'!r}"
        )
    return spelled


def _of_heads(record: AttentionRecord, numbers: list[Number]) -> tuple[Columns, Columns]:
    keys: dict[str, list[int]] = {"layer": [], "head": []}
    values: dict[str, list[float]] = {}
    for n, number in enumerate(numbers):
        column = values.setdefault(column_name(number_name(number)), [])
        for layer, heads, found in per_head(record, number):
            column += found.tolist()
            if n == 0:
                keys["layer"] += [layer] * len(heads)
                keys["head"] += heads
    return {name: np.array(one) for name, one in keys.items()}, {name: np.array(one) for name, one in values.items()}


def _of_method(record: AttentionRecord, method: Method) -> tuple[Columns, Columns]:
    """Every map of a method over this record: of each layer where it looks at one, of each head where it looks at one."""
    there = method.fitting(numbered(record)) or numbered(record)  # a method that fits none of them says why
    maps = []
    for layer in there if method.layers == "one" else [None]:
        heads = head_numbers(there[layer]) if method.heads and layer is not None else (None,)
        maps += [(head, method(record, layer=layer, head=head)) for head in heads]
    parts: list[Columns] = []
    for head, found in maps:
        seen = found.row[found.axis.prefix :]
        place = {"token": found.axis.prefix + np.arange(len(seen))}
        if found.axis.grid is not None:
            row, column = np.divmod(np.arange(len(seen)), found.axis.grid[1])
            place = {"row": row, "column": column}
        where = {"layer": np.full(len(seen), found.layer)} | (
            {} if head is None else {"head": np.full(len(seen), head)}
        )
        parts.append({**where, **place, column_name(method.name): seen.astype(np.float64)})
    if len({tuple(part) for part in parts}) > 1:
        raise TableError(
            f"{method.name}: want maps over one kind of places, got patches and others: draw them one by one"
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined, {column_name(method.name): joined.pop(column_name(method.name))}


def spelled_out(name: str) -> str:
    """The name of a statistic that was written with underlines or dashes."""
    return name.replace("_", " ").replace("-", " ")


def column_name(name: str) -> str:
    """What the column of a number is called.

    >>> column_name("special share")
    'special_share'
    """
    return name.replace(" ", "_").replace("-", "_")


def _counted(name: str, column: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    known = ~np.isnan(column)
    return [(name, np.where(known, column, 0.0)), (f"{name} #", known.astype(np.int64))]


def _folded(parts: list[tuple[Columns, Columns]]) -> tuple[Columns, Columns]:
    """Rows of the same keys as one, sums added up; in the order in which they first came."""
    keys = {name: np.concatenate([one[name] for one, _ in parts]) for name in parts[0][0]}
    sums = {name: np.concatenate([one[name] for _, one in parts]) for name in parts[0][1]}
    if not keys:
        return {}, {name: np.array([column.sum()]) for name, column in sums.items()}
    _, first, inverse = np.unique(np.stack(list(keys.values()), axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    added = {name: np.bincount(inverse.ravel(), weights=column)[order] for name, column in sums.items()}
    return {name: column[first[order]] for name, column in keys.items()}, added


def _mean(sums: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))


def as_frame(found: Columns) -> "pandas.DataFrame":
    """Columns as a pandas table; raises `TableError` where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise TableError("table: want pandas, which is not installed: pip install pandas") from error
    return pandas.DataFrame(found)


def as_arrow(found: Columns) -> "pyarrow.Table":
    """Columns as an Arrow table; raises `TableError` where pyarrow is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise TableError("arrow: want pyarrow, which is not installed: pip install pyarrow") from error
    return pyarrow.table({name: column.tolist() for name, column in found.items()})
