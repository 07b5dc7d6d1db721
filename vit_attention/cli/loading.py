"""From what `--model` says to a loaded model, and from a model to the record of one picture."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vit_attention import registry
from vit_attention.cli.errors import FAILURES, ChoiceError, NoModelError
from vit_attention.cli.guard import unexpected
from vit_attention.cli.inputs import expand, opened
from vit_attention.cli.report import Report
from vit_attention.gate import GateError
from vit_attention.gate.refusal import one_line
from vit_attention.inputs.pictures import PictureError, open_picture
from vit_attention.models.arguments import class_number
from vit_attention.models.cards import Card
from vit_attention.models.devices import moved
from vit_attention.records import AttentionRecord, Similar
from vit_attention.records.similar import missing
from vit_attention.weights.download import DownloadError

_WEIGHTS = (".pth", ".pt", ".bin", ".safetensors", ".ckpt")


@dataclass(frozen=True)
class Source:
    """Which model, from which files, on which device: `model` is a name, a folder, or with `infos_path` a captioning `model.pth`."""

    model: str | None = None
    weights: Path | None = None
    infos_path: Path | None = None
    resnet: Path | None = None
    weights_key: str | None = None
    device: str = "cpu"
    labels: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def load(source: Source, report: Report) -> Any:
    """The model that the options name.

    Raises:
        click.UsageError: no model, an unknown one, or files that do not fit it; says what there is.
        click.ClickException: weights that cannot be downloaded, or those that were are damaged.
    """
    name, file = _named(source)
    files: dict[str, Any] = {"infos": source.infos_path, "resnet": source.resnet, "key": source.weights_key}
    try:
        card = registry.card(name)
        if not card.bundled and file is None and not name.startswith(("hf:", "timm:")):
            report.note(f"{name}: looking for weights on this machine; they are downloaded if missing.")
        model = registry.load(name, file, tenths(report, name), **{k: v for k, v in files.items() if v is not None})
        model = moved(model, source.device, report.note)
    except DownloadError as error:  # the command is right
        raise click.ClickException(one_line(error)) from error
    except FAILURES as error:
        raise click.UsageError(one_line(error)) from error
    except Exception as error:  # not once for every picture
        raise click.ClickException(f"{one_line(name)}: {unexpected(error)}") from error
    return _beside(model, source.beside) if source.beside else _about(model, source.labels)


def _about(model: Any, labels: tuple[str, ...]) -> Any:
    """The model with labels as its classes, if there are some; raises ChoiceError for one that takes none."""
    if not labels:
        return model
    if "labels" not in model.options:
        raise ChoiceError(f"--label: want a model of pictures and texts, such as scene-clip, got {model.card.name}")
    try:
        return model.about(labels)
    except GateError as error:
        raise ChoiceError(f"--{error}".replace("--labels", "--label")) from error


def _beside(model: Any, pictures: tuple[str, ...]) -> Any:
    """Its text encoder with pictures as its classes; raises ChoiceError for a model or a picture that does not do."""
    if "pictures" not in model.options:
        raise ChoiceError(f"--beside: want a model of pictures and texts, such as scene-clip, got {model.card.name}")
    try:
        return model.about_pictures([opened(one).image for one in expand(pictures)])
    except (GateError, OSError) as error:
        raise ChoiceError(f"--beside: {one_line(error)}") from error


def _named(source: Source) -> tuple[str, Path | None]:
    model, weights = source.model, source.weights
    if model is None:
        known = ", ".join(one.name for one in registry.models())
        raise NoModelError(f"want --model with one of {known}, or hf:<folder or hub id>")
    if source.infos_path is not None and weights is None:
        return "aoanet", Path(model)
    if os.path.isdir(model):  # False also for a name too long to be one
        return f"hf:{model}", weights
    if Path(model).suffix.lower() in _WEIGHTS:
        raise click.UsageError(
            f"--model: {Path(model).name} is a weights file. A captioning checkpoint (model.pth) needs its infos_*.pkl "
            "beside it: add --infos_path FILE. For every other model give its name with --model and the file with --weights"
        )
    return model, weights


def tenths(report: Report, name: str) -> Callable[[int, int | None], None]:
    """Says every tenth of a download."""
    said = -1

    def progress(done: int, total: int | None) -> None:
        nonlocal said
        tenth = 10 * done // total if total else done // 50_000_000
        if tenth != said:
            said = tenth
            of = f" of {total / 1e6:.0f} MB" if total else " MB"
            report.note(f"{name}: downloading, {done / 1e6:.0f}{of}")

    return progress


def check_signals(model: Any, keep: frozenset[Any], target: str | None) -> None:
    """Refuse a method whose signals this kind of model does not give, the same for every picture.

    Raises:
        ChoiceError: names the signal, or the target that is needed and was not given.
    """
    missing = sorted(str(getattr(one, "name", one)) for one in keep if getattr(one, "name", one) not in model.signals)
    try:
        if target is None:
            model.asked(keep=keep)
    except GateError as error:
        if error.file != "keep":  # which is said shorter below
            raise ChoiceError(f"--{error}".replace("--labels", "--label")) from error
    if missing:
        raise ChoiceError(f"--method: needs {missing[0]}, which {model.card.name} ({model.card.task}) does not have")


def attend(model: Any, given: Any, /, **wanted: Any) -> AttentionRecord:
    """The record of one picture or file of features; what is None is not asked for.

    Raises:
        ChoiceError: an option that this kind of model does not take.
    """
    asked = {name: value for name, value in wanted.items() if value is not None}
    known = {*inspect.signature(model.attend).parameters, *model.options}
    strange = [f"--{name.replace('_', '-')}" for name in asked if name not in known]
    if strange:
        raise ChoiceError(f"{model.card.name}: this kind of model ({model.card.task}) takes no {', '.join(strange)}")
    record: AttentionRecord = model.attend(given, **asked)
    return record


def target(model: Any, text: str | None) -> int | str | Similar | None:
    """The number of a class, from its name, or from its number where no class is called so; or a similarity; a token of what
    is read or said as it is, since nothing was said yet.

    Raises:
        ChoiceError: a class that the model does not know, a name that several carry, a picture that cannot be read, or a class
            of a model without any.
    """
    if text is None:
        return None
    if getattr(model, "speaks", False):
        return text
    classes = tuple(getattr(model, "classes", ()))
    if "target" in model.signals:
        said = _similar(text, classes)
        if said is not None:
            return said
        if not classes:
            raise ChoiceError(f"--{missing(model.card.name, text)}")
    is_number = text.isdecimal() and len(text) < 10 and text not in classes
    try:
        return class_number(int(text) if is_number else text, classes, model.card.name)
    except GateError as error:
        raise ChoiceError(f"--{error}") from error


def _similar(text: str, classes: tuple[str, ...]) -> Similar | None:
    """The similarity that a text names, once it is known that its picture can be read, which is the same for every input."""
    try:
        said = Similar.named(text, classes)
        if said is not None and said.elsewhere:
            open_picture(said.to)
        return said
    except (GateError, OSError) as error:
        raise ChoiceError(f"--target: {error}" if isinstance(error, PictureError) else f"--{error}") from error


def prompt(model: Any, text: str | None, question: str | None) -> str | None:
    """The task prompt with the question put into it; None for the model's own.

    Raises:
        ChoiceError: a model that wants a question and got none, or the other way round.
    """
    card: Card = model.card
    own = text if text is not None else card.prompt
    if "{question}" in own and not question:
        raise ChoiceError(f'{card.name}: wants a question: add --question "What is the total?"')
    if question is not None and "{question}" not in own:
        raise ChoiceError(f"{card.name}: takes no --question; its prompt is {own!r}")
    return own.replace("{question}", str(question).replace("<", " ").strip()) if question else text
