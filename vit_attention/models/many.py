"""Many inputs through one model: records one by one, in order, past what cannot be read; or a table of their numbers."""

import glob
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from vit_attention.gate.refusal import GateError, shown
from vit_attention.inputs.arrays import CHANNELS
from vit_attention.inputs.finding import matching, within
from vit_attention.inputs.prepared import Input
from vit_attention.models.arguments import count
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import BudgetError, Model
from vit_attention.records import AttentionRecord
from vit_attention.records.record import thumbnail

if TYPE_CHECKING:
    import pandas
    import pyarrow

_SAID = 5
"""Failures that the warning names; `Many.failed` has all."""

Named = tuple[str, Any]


class Many:
    """Records of many inputs, each computed when it is requested; see `Model.attend_many`.

    Iterating again runs the model again; a generator can be iterated only once.

    Attributes:
        failed: name and reason of every input skipped so far.
    """

    def __init__(
        self, model: Model, pictures: Any, batch: int, progress: bool | None, attend: Mapping[str, Any]
    ) -> None:
        self._model, self._batch, self._progress = model, count("batch", batch, 1) or 1, progress
        self._asked, self._options = model.asked(**attend)
        self._pictures = _listed(pictures)
        self.failed: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        count = f"{len(self._pictures)} inputs" if isinstance(self._pictures, Sized) else "inputs from a generator"
        return f"<Many: {self._model.card.name}, {count}, {len(self.failed)} failed so far>"

    def __iter__(self) -> Iterator[AttentionRecord]:
        return (record for _, record in self.items())

    def items(self) -> Iterator[tuple[str, AttentionRecord]]:
        """Name and record of every input; the name is a file's, a drawn picture's, or the input's number, from 0.

        Raises:
            ValueError: no input could be read; the message contains the first reason.
        """
        self.failed.clear()
        total, done = len(self._pictures) if isinstance(self._pictures, Sized) else None, 0
        silent = None if self._progress is None else not self._progress  # tqdm takes None for "unless in a terminal"
        with tqdm(total=total, disable=silent, unit="picture", leave=bool(self._progress)) as bar:
            given = self._counted(bar)
            for found in self._records(given):
                done += 1
                yield found
        if self.failed and not done:
            name, reason = self.failed[0]
            raise GateError(name, "an input that can be read", f"{len(self.failed)} that cannot: {reason}")
        if self.failed:
            some = "; ".join(f"{name} ({reason})" for name, reason in self.failed[:_SAID])
            more = f"; and {len(self.failed) - _SAID} more, in .failed" if len(self.failed) > _SAID else ""
            warnings.warn(f"{len(self.failed)} left out, {done} done: {some}{more}", stacklevel=2)

    def table(self, numbers: Any, by: Sequence[str] = ("picture", "layer", "head")) -> "pandas.DataFrame":
        """Numbers of every head of every input, or of a method, as a pandas table; no record is kept.

        Args:
            numbers: a name of `visualizer.STATISTICS`, a function of (heads, queries, keys) weights that gives one number a
                head or a head and query, the name of a method, or several of the first two in a list.
            by: columns that identify a row; the mean is taken over the others.

        Raises:
            ValueError: numbers that a record does not have, or pandas is not installed.
        """
        from vit_attention import doors

        return doors.frame(self.items(), numbers, by)

    def arrow(self, numbers: Any, by: Sequence[str] = ("picture", "layer", "head")) -> "pyarrow.Table":
        """The same as an Arrow table, without pandas."""
        from vit_attention import doors

        return doors.arrow(self.items(), numbers, by)

    def _counted(self, bar: Any) -> Iterator[Named]:
        for n, (name, given) in enumerate(self._pictures):
            yield name or f"picture {n}", given
            bar.update()

    def _records(self, inputs: Iterator[Named]) -> Iterator[tuple[str, AttentionRecord]]:
        model = self._model
        return self._together(model, inputs) if isinstance(model, EncoderModel) else self._one_by_one(inputs)

    def _one_by_one(self, inputs: Iterable[Named]) -> Iterator[tuple[str, AttentionRecord]]:
        for name, given in inputs:
            try:
                found = self._model._attend(given, self._asked, **self._options)
            except BudgetError:
                raise
            except (ValueError, OSError) as error:
                self.failed.append((name, str(error)))
                continue
            yield name, self._model.assembled(found, self._asked)

    def _together(self, model: EncoderModel, inputs: Iterable[Named]) -> Iterator[tuple[str, AttentionRecord]]:
        waiting: list[tuple[str, Any]] = []
        for name, given in inputs:
            try:
                ready = model.prepare(given, **self._options)
            except (ValueError, OSError) as error:
                self.failed.append((name, str(error)))
                continue
            if waiting and (len(waiting) == self._batch or not model.alike(waiting[0][1], ready)):
                yield from self._batched(model, waiting)
                waiting = []
            if (
                isinstance(ready, Input) and ready.image is not None and not self._asked.runs
            ):  # a batch of whole photographs would take a gigabyte
                ready = replace(ready, image=thumbnail(ready.image))
            waiting.append((name, ready))
        if waiting:
            yield from self._batched(model, waiting)

    def _batched(self, model: EncoderModel, waiting: list[tuple[str, Any]]) -> Iterator[tuple[str, AttentionRecord]]:
        found = model.attend_ready([ready for _, ready in waiting], self._asked, **self._options)
        for (name, _), one in zip(waiting, found, strict=True):
            yield name, model.assembled(one, self._asked)


class _Each:
    """The entries of a batch tensor or array, without names, by number."""

    def __init__(self, pictures: Any) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[Named]:
        return (("", one) for one in self.pictures)


def _listed(pictures: Any) -> Iterable[Named]:
    """What was given as names and single inputs; a generator is not gone through yet."""
    if isinstance(pictures, (str, os.PathLike)):
        return _found(pictures)
    if isinstance(pictures, Tensor) and not pictures.is_floating_point():
        pictures = pictures.cpu().numpy()  # whole numbers are pictures, not prepared pixels
    if isinstance(pictures, Tensor) or (isinstance(pictures, np.ndarray) and pictures.dtype.kind not in "OUT"):
        # Three axes are grey pictures where they can be no single one of colours.
        grey = isinstance(pictures, np.ndarray) and not {*pictures.shape[::2]} & {*CHANNELS}
        if pictures.ndim != 4 and not (pictures.ndim == 3 and grey):
            want = "four axes, (pictures, 3, height, width), or an array (pictures, height, width, 3)"
            raise GateError("pictures", want, f"shape {tuple(pictures.shape)}", advice="Put a single one into a list.")
        return _Each(pictures)
    if isinstance(pictures, (bytes, bytearray, Mapping)) or not isinstance(pictures, Iterable):
        raise GateError("pictures", "a folder, a glob, a list, a generator or a batch", shown(pictures))
    if isinstance(pictures, Sized):
        return [_named(one) for one in pictures]
    return (_named(one) for one in pictures)


def _named(one: Any) -> Named:
    return (str(one) if isinstance(one, (str, os.PathLike)) else "", one)


def _found(given: str | os.PathLike[str]) -> list[Named]:
    """The files of a folder or a glob; a file, or a drawn picture, alone."""
    text = os.fspath(given)
    if os.path.isdir(text):
        files = within(text)
        if not files:
            raise GateError(text, "a folder with pictures in it", "none there")
        return [(Path(file).name, Path(file)) for file in files]
    if glob.has_magic(text) and not os.path.lexists(text):
        files = matching(text)
        if not files:
            raise GateError(text, "a pattern that some file's name fits", "no such file")
        return [(file, Path(file)) for file in files]
    return [_named(given)]
