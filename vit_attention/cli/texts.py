"""Sentences on the command line: what is asked of one, the model that reads it, and `extract`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from vit_attention.cli import loading
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.files import safe
from vit_attention.cli.inputs import Given
from vit_attention.cli.options import FOLDER
from vit_attention.cli.provenance import Origin, Shelf, bundle_says
from vit_attention.cli.records import Wanted
from vit_attention.cli.report import Report
from vit_attention.gate import LIMITS
from vit_attention.records import AttentionRecord

MODES = {
    "plot": "attention_vis.png",
    "prepare": "backend_data.json",
    "extract": "attention_data.json",
    "bundle": "attention.npz",
}
"""What `visualize --mode` makes of a sentence, and the file it goes to if none is named."""
MODEL_DIR = "./model_output"
TOGETHER = 25_000_000
"""Bytes of weights that a pass through the model keeps while a file is written; a model of many layers passes several times."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a sentence.

    Attributes:
        text: the sentence, if a model reads one.
        input_file: a bundle or JSON file of one.
        mode: a key of `MODES`.
        output_file: where to; None takes the mode's own name.
        output: folder for it if no file is named.
        words: gather subwords to words.
        beside: pictures that a model compares the text with.
        without_special: leave special tokens out.
    """

    text: str | None = None
    input_file: Path | None = None
    mode: str = "plot"
    output_file: Path | None = None
    output: Path = FOLDER
    words: bool = False
    beside: tuple[str, ...] = ()
    without_special: bool = False

    @property
    def given(self) -> bool:
        """Whether there is a sentence at all."""
        return self.text is not None or self.input_file is not None

    @property
    def options(self) -> dict[str, Any]:
        """The options that are about a sentence alone, by name; those that were not given are empty."""
        mode = self.mode if self.mode != "plot" else ""
        found = {"text": self.text, "input_file": self.input_file, "mode": mode, "output_file": self.output_file}
        return {**found, "words": self.words, "without-special": self.without_special, "beside": self.beside or None}

    @property
    def target(self) -> Path:
        """The file to write."""
        if self.output_file is not None:
            return self.output_file
        return Path(MODES[self.mode]) if self.output == FOLDER else self.output / MODES[self.mode]

    @property
    def said(self) -> str:
        """What the input is called in messages."""
        return "text" if self.input_file is None else str(self.input_file)


def check_text(text: str) -> None:
    """Refuse what is no sentence; raises ChoiceError."""
    try:
        text.encode()
    except UnicodeEncodeError as error:  # an argument in another encoding
        raise ChoiceError("--text: want text in UTF-8, got other bytes") from error
    if not text.strip():
        raise ChoiceError("--text: want words, got an empty text")
    if len(text) > LIMITS["text"].most:
        raise ChoiceError(f"--text: want at most {LIMITS['text'].most:,} letters, got {len(text):,}")


def check_json(wanted: Wanted) -> None:
    """Refuse what a JSON file has no place for; raises ChoiceError."""
    for option in ("queries", "target"):
        if getattr(wanted, option) is not None:
            raise ChoiceError(f"--{option}: a JSON file holds all rows of the weights and no more; leave it out")


def check_alone(images: Sequence[str], options: dict[str, Any]) -> None:
    """Refuse pictures beside options that are about a sentence; raises click.UsageError."""
    given = [f"--{name}" for name, value in options.items() if value not in (None, "", False)]
    if images and given:
        raise click.UsageError(f"{given[0]} is about a sentence: want no IMAGE beside it, got {images[0]!r}")


def check_no_picture(options: dict[str, Any]) -> None:
    """Refuse options about pictures beside a sentence; raises click.UsageError."""
    given = [name.replace("_", "-") for name, value in options.items() if value not in (None, "", False, ())]
    if given:
        advice = " (--mode bundle saves one)" * (given[0] == "bundle")
        raise click.UsageError(f"--{given[0]} is about pictures: leave it out for a sentence{advice}")


def source(given: dict[str, Any], model_dir: str | None) -> loading.Source:
    """The model that reads the sentence, from --model_dir or --model; raises click.UsageError if there is none."""
    model = given["model"]
    if model is not None and model_dir is not None:
        raise click.UsageError("want one of --model and --model_dir, got both")
    if model is None and model_dir is None and not os.path.isdir(MODEL_DIR):
        raise click.UsageError(
            f"want a model's folder {MODEL_DIR}, got none here: name a folder or a model, such as --model_dir review-encoder"
        )
    if model_dir is not None and _is_path(model_dir) and not os.path.isdir(model_dir):
        want = "want a model's folder, or a name such as review-encoder"
        raise click.UsageError(f"--model_dir: {want}, got no folder {model_dir!r}")
    named = model if model is not None else model_dir if model_dir is not None else MODEL_DIR
    fields = {name: given[name] for name in loading.Source.__dataclass_fields__ if name in given}
    return loading.Source(**{**fields, "model": named})


def _is_path(name: str) -> bool:
    return os.path.basename(name) != name and not name.startswith(("hf:", "timm:"))


def loaded(chosen: loading.Source, report: Report) -> Any:
    """The model; raises ChoiceError if it reads no texts."""
    model = loading.load(chosen, report)
    if getattr(model, "inputs", "") != "texts" and not hasattr(model, "text"):
        raise ChoiceError(f"--text: want a model that reads texts, such as review-encoder, got {model.card.name}")
    return model


def attended(model: Any, text: str, wanted: Wanted, keep: frozenset[Any] = frozenset()) -> AttentionRecord:
    """The record of a sentence; raises ChoiceError for an option that is about pictures."""
    options = {
        name: value
        for name, one in wanted.__dataclass_fields__.items()
        if (value := getattr(wanted, name)) not in (None, False, one.default)
    }
    reader = getattr(model, "text", model)  # of a dual encoder, whose pictures can be asked about otherwise
    options["target"] = loading.target(reader, wanted.target)
    more = keep - {"weights"}
    if more:
        loading.check_signals(reader, more, wanted.target)
    return loading.attend(model, text, **options, keep=more or None)


def sentence(model: Any, text: str, wanted: Wanted, note: Callable[[str], object]) -> Any:
    """The `Sentence` of a text whose layers come from the model while they are written, a few in memory at a time.

    The model runs again for every few layers, since all weights of 12 layers of 12 heads over 512 tokens take 150 MB.
    """
    from vit_attention.records.attention_json import Layer, Sentence

    layers = wanted.layers
    first = attended(model, text, replace(wanted, layers=layers[:1] if layers else (0,)))
    for said in first.settings.get("notes", []):
        note(said)
    chosen = layers or tuple(range(len(first.norms)))
    step = max(1, TOGETHER // max(1, sum(one.weights.nbytes for one in first.maps)))
    start = Sentence.of(first)

    @lru_cache(maxsize=1)
    def part(number: int) -> Sentence:
        some = chosen[number * step : (number + 1) * step]
        return Sentence.of(attended(model, text, replace(wanted, layers=some)))

    return replace(
        start,
        layers=tuple(Layer(number, start.layers[0].heads) for number in chosen),
        read=lambda place: part(place // step).read(place % step),
    )


def extract(
    text: str, given: dict[str, Any], model_dir: str | None, output_file: Path | None, output: Path, report: Report
) -> None:
    """Save the attention of a sentence: JSON as the older tool wrote it, or, with --model or as .npz, a bundle."""
    from vit_attention.records import attention_json

    check_text(text)
    wanted = Wanted(**{name: given[name] for name in Wanted.__dataclass_fields__ if name in given})
    as_bundle = given["model"] is not None if output_file is None else output_file.suffix == ".npz"
    if not as_bundle:
        check_json(wanted)
    model = loaded(source(given, model_dir), report)
    with report.attempt("text"):
        if as_bundle:
            report.done("text", [_bundle(attended(model, text, wanted), text, output_file, output, report)])
        else:
            found = sentence(model, text, wanted, report.note)
            path = attention_json.write(output_file or Path(MODES["extract"]), found)
            report.done("text", [path], tokens=list(found.tokens))


def _bundle(record: AttentionRecord, text: str, output_file: Path | None, output: Path, report: Report) -> Path:
    for said in record.settings.get("notes", []):
        report.note(said)
    if output_file is not None:
        return record.save(output_file)
    item = Given("text", safe(text[:40].strip()))
    origin = Origin.of_text(text)
    with Shelf(output, [item], bundle_says, report.note).claimed(item, origin) as base:
        return origin.sign(record).save(base.with_name(base.name + ".npz"))
