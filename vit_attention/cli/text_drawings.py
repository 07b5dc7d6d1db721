"""`visualize` for sentences: figures over tokens, and files of one form made into another."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from vit_attention.cli import films, texts
from vit_attention.cli.drawings import View, choices
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import is_bundle
from vit_attention.cli.paint import Paint
from vit_attention.cli.records import Wanted
from vit_attention.cli.report import Report
from vit_attention.gate.refusal import one_line
from vit_attention.records import AttentionRecord, Axis

if TYPE_CHECKING:
    from vit_attention.records.attention_json import Sentence

FORMS = {"prepare": "backend", "extract": "extracted"}
LONGEST = 200
"""Letters of a text that are printed above its figure."""


def visualize(
    asked: texts.Asked, given: dict[str, Any], view: View, paint: Paint, wanted: Wanted, report: Report
) -> None:
    """Draw a sentence, from a model or a file, or bring its file into another form.

    Raises:
        click.UsageError: what is asked cannot be done with any sentence.
    """
    if asked.text is not None and asked.input_file is not None:
        raise click.UsageError("want one of --text and --input_file, got both")
    if asked.beside and asked.text is None:
        raise click.UsageError("--beside: want --text, which the pictures are compared with, got --input_file")
    if asked.mode in FORMS:
        texts.check_json(wanted)
    model = None
    if asked.text is not None:
        texts.check_text(asked.text)
        model = texts.loaded(texts.source(given, None), report)
    films.check(view, paint, together=False, window=False)
    with report.attempt(asked.said):
        if asked.mode in FORMS:
            written = [_converted(asked, model, wanted, report)]
        else:
            written = _of_record(asked, model, view, paint, wanted, report)
        report.done(asked.said, written)


def _converted(asked: texts.Asked, model: Any, wanted: Wanted, report: Report) -> Path:
    """The JSON file in one of its forms, a layer at a time."""
    from vit_attention.records import attention_json

    form = FORMS[asked.mode]
    with ExitStack() as stack:
        if asked.input_file is None:
            found = texts.sentence(model, str(asked.text), wanted, report.note)
        else:
            found = stack.enter_context(_opened(asked.input_file))
        if form == "backend":
            _tell_padding(found, asked, report)
        return attention_json.write(asked.target, found, form)


@contextmanager
def _opened(path: Path) -> Iterator["Sentence"]:
    """What is in a bundle or JSON file."""
    from vit_attention.records import attention_json

    if _is_bundle(path):
        yield attention_json.Sentence.of(AttentionRecord.load(path))
    else:
        with attention_json.opened(path) as file:
            yield file.sentence


def _is_bundle(path: Path) -> bool:
    return path.suffix == ".npz" or is_bundle(path)


def _tell_padding(found: "Sentence", asked: texts.Asked, report: Report) -> None:
    from vit_attention.records.attention_json import cut

    if lost := found.padding_read:
        report.note(f"{asked.said}: {cut(lost)}.")


def _of_record(asked: texts.Asked, model: Any, view: View, paint: Paint, wanted: Wanted, report: Report) -> list[Path]:
    """A figure, with a film where one is asked for; or the bundle of the whole record."""
    from vit_attention.records.attention_json import Sentence

    plain = view.method == "raw" and not view.query
    if plain and view.without_sinks:
        raise ChoiceError("--without-sinks: want one token that asks, with --query, got a whole matrix")
    if asked.input_file is not None and asked.mode == "plot" and plain and not paint.film:
        with _opened(asked.input_file) as found:  # of which one matrix is read
            return [_matrix(asked, found, view, paint, report)]
    record = _record(asked, model, view, wanted)
    for said in record.settings.get("notes", []):
        report.note(f"{asked.said}: {said}")
    if asked.mode == "bundle":
        return [record.save(asked.target)]
    still = replace(view, layer=view.layer[-1:]) if paint.film and view.layer else view
    if plain:
        written = _matrix(asked, Sentence.of(record), still, paint, report, record)
    else:
        written = _bars(asked, record, still, report)
    filmed = view if asked.input_file is None else replace(view, layer=_numbers(record, view.layer))
    gathered = {"words": asked.words, "special": False if asked.without_special else None}
    return [written, *films.write(record, filmed, paint, asked.target.parent, **gathered)]


def _numbers(record: AttentionRecord, places: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The layers' own numbers of their places within a file."""
    return places and tuple(record.maps[_one("layer", (n,), len(record.maps), 0) or 0].layer for n in places)


def _record(asked: texts.Asked, model: Any, view: View, wanted: Wanted) -> AttentionRecord:
    if asked.input_file is None:
        return texts.attended(model, str(asked.text), wanted, view.needs)
    if _is_bundle(asked.input_file):
        return AttentionRecord.load(asked.input_file)
    from vit_attention.records.attention_json import read_attention_json

    return read_attention_json(asked.input_file)


def _matrix(
    asked: texts.Asked,
    found: "Sentence",
    view: View,
    paint: Paint,
    report: Report,
    record: AttentionRecord | None = None,
) -> Path:
    """The token x token heatmap of one layer; of a file layer 0 and head 0, of a model the last and the mean of all."""
    from visualizer.export.token_paper import save_matrix
    from visualizer.measures.words import gather_words
    from visualizer.style.scale import Scale

    _tell_padding(found, asked, report)
    found = found.without_padding
    place = _one("layer", view.layer, len(found.layers), 0 if record is None else len(found.layers) - 1) or 0
    layer = found.layers[place]
    head = _one("head", view.head, len(layer.heads), 0 if record is None else None)
    weights = found.read(place).astype(np.float32)
    units = _units(asked, _axis(found.tokens, record), found.text)
    shown = gather_words(weights.mean(axis=0) if head is None else weights[head], units.numbers, units.special)
    who = "mean of all heads" if head is None else f"head {layer.heads[head] + 1}"
    title = f"layer {layer.number + 1}, {who}{units.how}\n{_short(found.text)}"
    with _told(report):
        mode = Scale(paint.scale, clip_percentile=paint.clip)
        names = units.names
        return save_matrix(shown, names, names, asked.target, title=title, mode=mode, colormap=paint.colormap)


def _bars(asked: texts.Asked, record: AttentionRecord, view: View, report: Report) -> Path:
    """A bar for each token: one row of a method's map."""
    from visualizer.export.token_paper import save_bars
    from vit_attention.records.tokens import tokens_of

    with choices(view):
        layer, head = (_single(name, getattr(view, name)) for name in ("layer", "head"))
        if layer is not None and asked.input_file is not None:
            layer = record.maps[_one("layer", (layer,), len(record.maps), 0) or 0].layer
        asker, sinks = view.query or None, "hide" if view.without_sinks else "show"
        found = view.chosen(record, query=asker, layer=layer, head=head, kind=view.kind, sinks=sinks, **view.given)
    if found.axis.kind != "text":
        raise ChoiceError(f"--method {view.method}: want a map over tokens, got one over {found.axis.kind}")
    units = _units(asked, _axis(tokens_of(found.axis), record), record.text)
    bars = np.nan_to_num(found.over(units.tokens))
    with _told(report):
        title = f"{found.words}{units.how}\n{_short(record.text)}"
        return save_bars(bars, units.names, asked.target, title=title, unit=found.unit)


class _Units:
    """What rows and columns of a figure are: tokens, or words, with or without special tokens."""

    def __init__(self, axis: Axis, text: str, words: bool, special: bool) -> None:
        from visualizer.measures.words import groups, words_of

        names = (*axis.special, *axis.labels)
        alone = tuple(-1 if number < 0 else n for n, number in enumerate(axis.words))
        self.special = special
        self.numbers = axis.words if words else alone
        self.tokens = groups(self.numbers, special)
        if not self.tokens:
            raise ChoiceError("--without-special: want a word beside special tokens, got none")
        found = [one.text for one in words_of(axis, text, special)] if words else []
        self.names = found or [names[one[0]] for one in self.tokens]
        self.how = "; subwords gathered: rows averaged, columns summed" * words
        self.how += "; special tokens left out: rows sum to less than 1" * (not special)


def _units(asked: texts.Asked, axis: Axis, text: str) -> _Units:
    return _Units(axis, text, asked.words, not asked.without_special)


def _axis(tokens: tuple[str, ...], record: AttentionRecord | None = None) -> Axis:
    """The axis of a record where it says which token is of which word, else what spelling tells."""
    from vit_attention.records.tokens import axis_of, tokens_of

    known = [] if record is None else [one.key for one in record.maps if one.key.words and tokens_of(one.key) == tokens]
    return known[0] if known else axis_of(tokens)


def _single(option: str, numbers: tuple[int, ...] | None) -> int | None:
    if numbers is not None and len(numbers) > 1:
        raise ChoiceError(f"--{option}: want one number for a sentence, got {len(numbers)}")
    return None if numbers is None else numbers[0]


def _one(option: str, numbers: tuple[int, ...] | None, count: int, otherwise: int | None) -> int | None:
    """The one number that an option gives, if there are so many."""
    number = _single(option, numbers)
    if number is not None and number >= count:
        raise ChoiceError(f"--{option}: want a number from 0 to {count - 1}, got {number}")
    return otherwise if number is None else number


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


@contextmanager
def _told(report: Report) -> Iterator[None]:
    """Tells as notes what the library warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for one in caught:
        report.note(str(one.message))
