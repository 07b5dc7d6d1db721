"""One input, one record: a picture through a model, features through a captioning model, or a bundle as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visualizer.method.base import LARGE
from vit_attention.cli import loading
from vit_attention.cli.errors import ChoiceError, NoModelError
from vit_attention.cli.inputs import Given, Opened, is_bundle, opened
from vit_attention.gate import regular
from vit_attention.inputs.edited import edited
from vit_attention.records import AttentionRecord, Axis
from vit_attention.weights.download import DownloadError

FEATURES = (".npz", ".npy")


@dataclass(frozen=True)
class Wanted:
    """What is asked of a model beside the picture; None and False ask for nothing."""

    half: bool = False
    target: str | None = None
    prompt: str | None = None
    question: str | None = None
    beams: int | None = None
    features: Path | None = None
    stage: int | None = None
    block: int | None = None
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None
    queries: tuple[int, ...] | None = None
    size: tuple[int, int] | None = None
    whole: tuple[int, ...] | None = None
    edit: tuple[int, ...] | None = None
    edit_with: str = "mean"
    edit_seed: int = 0
    edit_turn: str = "180"
    edit_shift: tuple[int, int] = (0, 0)
    edit_from: str | None = None

    @property
    def chooses(self) -> bool:
        """Whether somebody said what of the maps is kept."""
        return any(one is not None for one in (self.layers, self.heads, self.queries, self.whole))


def check(items: Sequence[Given], wanted: Wanted) -> None:
    """Refuse what cannot hold for several inputs.

    Raises:
        ChoiceError: one file of features for several pictures.
    """
    if wanted.features is not None and not wanted.features.is_dir() and len(items) > 1:
        raise ChoiceError(
            f"--features: want a folder of files named like the {len(items)} pictures, got the one file {wanted.features.name}"
        )


def of(
    given: Given,
    model: Callable[[], Any],
    wanted: Wanted,
    keep: frozenset[Any] = frozenset(),
    sparing: Callable[[Axis], dict[str, Any]] | None = None,
) -> tuple[AttentionRecord, Opened]:
    """The record of an input and the picture that it is drawn on.

    Args:
        given: a picture, a file of features, or a bundle, for which no model is loaded.
        model: loads the model when it is first needed.
        wanted: what is asked of the model.
        keep: what a method needs beside weights.
        sparing: from the model's tokens to what `attend` is asked for, where a picture is large and nothing was chosen.

    Raises:
        PictureError, ValueError: the input cannot be read, or the model cannot take it.
        ChoiceError: something that this kind of model does not know.
    """
    if given.suffix == ".npz" and is_bundle(given.path):
        if wanted.edit is not None:
            raise ChoiceError("--edit: want a picture, got a bundle, for which no model is run")
        record = AttentionRecord.load(given.path)
        if record.text and not record.picture:
            raise ValueError("want a record of a picture; that of a sentence is drawn with --input_file FILE")
        return record, Opened(record.image, given.path.name)
    # A picture that cannot be opened is told before a model is loaded or fetched for it.
    picture = None if given.suffix in FEATURES else opened(given)
    try:
        loaded = model()
    except NoModelError:
        if picture is None:  # most likely a bundle that is damaged: what opens bundles knows why
            AttentionRecord.load(regular(given.path))
        raise
    more = keep - {"weights"}
    if more:
        loading.check_signals(loaded, more, wanted.target)
    options = {**_options(loaded, wanted), "keep": more or None}
    if sparing is not None and wanted.size is not None and not wanted.chooses and hasattr(loaded, "axis"):
        axis = loaded.axis(wanted.size)
        options |= sparing(axis) if len(axis) - axis.prefix > LARGE else {}
    if wanted.edit is not None:
        picture = _changed(loaded, picture, wanted, options)
    if picture is None and loaded.card.task == "caption":
        return _of_features(given, loaded, options)
    picture = opened(given) if picture is None else picture
    if wanted.features is not None:
        if loaded.card.task != "caption":
            raise ChoiceError(f"--features: want a captioning model, got {loaded.card.name} ({loaded.card.task})")
        file = _features(wanted.features, given)
        return loading.attend(loaded, file, picture=picture.image, **options), picture
    try:
        return loading.attend(loaded, picture.image, **options), picture
    except DownloadError as error:
        raise ValueError(f"{error} Here: --resnet FILE; or --features FILE, of the regions themselves.") from error


def _changed(model: Any, picture: Opened | None, wanted: Wanted, options: dict[str, Any]) -> Opened:
    """The picture with the patches of --edit changed; the model looks once to say where they lie."""
    if picture is None or wanted.features is not None:
        raise ChoiceError("--edit: want a picture, got features of one")
    asked = {name: value for name, value in options.items() if name in ("prompt", "beams", "size")}
    record = loading.attend(model, picture.image, **asked)
    grid = next((one.key.grid for one in record.maps if one.key.grid is not None), None)
    if grid is None:
        raise ChoiceError(f"--edit: want a model that looks at patches in rows and columns, got {model.card.name}")
    other = None if wanted.edit_from is None else opened(Given(wanted.edit_from, wanted.edit_from)).image
    more: dict[str, Any] = {
        "seed": wanted.edit_seed,
        "quarters": int(wanted.edit_turn) // 90,
        "shift": wanted.edit_shift,
    }
    image = edited(picture.image, record.geometry, grid, wanted.edit or (), wanted.edit_with, **more, other=other)
    return replace(picture, image=image)


def _of_features(given: Given, model: Any, options: dict[str, Any]) -> tuple[AttentionRecord, Opened]:
    """The record of a file of features that brings its own picture."""
    record = loading.attend(model, given.path, **options)
    if not record.picture:
        raise ValueError(
            "want the picture inside the features' file (an array called picture), or IMAGE with --features FILE"
        )
    return record, Opened(record.image, given.path.name)


def _options(model: Any, wanted: Wanted) -> dict[str, Any]:
    reads = model.card.task == "read"
    asked = wanted.prompt is not None or wanted.question is not None
    return {
        "half": wanted.half or None,
        "target": loading.target(model, wanted.target),
        "prompt": loading.prompt(model, wanted.prompt, wanted.question) if reads or asked else None,
        "beams": wanted.beams,
        "layers": wanted.layers,
        "heads": wanted.heads,
        "queries": _queries(model, wanted.queries),
        "size": wanted.size,
        "whole": wanted.whole,
    }


def _queries(model: Any, queries: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if queries is not None and model.card.task in ("read", "caption"):
        raise ChoiceError(f"--queries: {model.card.name} keeps every word that it writes; leave it out")
    return queries


def _features(where: Path, given: Given) -> Path:
    """The file of features of one picture."""
    if not where.is_dir():
        return where
    names = dict.fromkeys((given.path.stem, given.path.name, given.name))
    found = [where / f"{name}{suffix}" for name in names for suffix in FEATURES]
    there = next((file for file in found if file.is_file()), None)
    if there is None:
        raise ValueError(f"features: want {found[0].name} or {found[1].name} in {where.name}, got neither")
    return there
