"""What the leaderboard asks of every bundled model: fresh inputs, the thing that a map should point at, and what knows no model.

A case is one input and one question about it. Its places are patches, cells or words; a map is compared with the truth place by place.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count as numbers
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import captioning, localisation, reading, sentences
from benchmarks.labels import FIRST_SEED as LABELS_SEED
from tutorials.findings.deciding import by_word, longest, tokens_of
from visualizer.measures.controls import centre_prior, colour_contrast
from visualizer.measures.fields import fields
from visualizer.measures.masks import covered
from visualizer.measures.reading import token_names
from visualizer.measures.reading_score import token_truth
from visualizer.method import Map, Method
from vit_attention.records import AttentionRecord, Similar
from worlds.caption_marks import named
from worlds.photographs import photographs
from worlds.phrases import phrase, phrases
from worlds.receipts import receipt
from worlds.scenes import Scene, coverage, scene
from worlds.sentences import Sentence
from worlds.sentences import sentences as reviews

HIT = localisation.HIT
LABELS = 12
"""Phrases that scene-clip chooses between."""
WORDS = 3
"""Words of a receipt that are asked about."""
SIZE = 224
"""Pixels of a photograph's side for photo-dino, of which 518 would take ten times as long."""

Place = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """One input and one question about it.

    Attributes:
        given: as `attend` takes it.
        truth: (places,) what the map should point at.
        other: (places,) what it should not: another object; None where there is nothing else.
        blind: (places,) maps that know no model, by name.
        options: of `attend`, beside the target.
        target: of `attend`, for methods that are about one.
        asked: of a method's call, such as the row of a word.
        places: from a map's values to (places,).
        scored: target and options of `scores_covered`; None where no score is taken.
        covers: (n, places) what is covered to (n, *shape).
    """

    given: Any
    truth: Place
    other: Place | None
    blind: Mapping[str, Values]
    options: Mapping[str, Any] = field(default_factory=dict)
    target: Any = None
    asked: Callable[[Method], dict[str, Any]] = lambda _method: {}
    places: Callable[[Map], Values] = lambda found: np.asarray(found.values, np.float64).ravel()
    scored: Mapping[str, Any] | None = None
    covers: Callable[[Place], Place] = lambda covers: covers

    def record(self, model: Any, method: Method) -> AttentionRecord:
        """The record that a method needs for this case."""
        about = {"target": self.target} if method.asks_class else {}
        found: AttentionRecord = model.attend(self.given, keep=method.needs, **about, **self.options)
        return found

    def values(self, model: Any, method: Method) -> Values:
        """(places,) the method's map at its default knobs; what is not defined is the least."""
        found = self.places(method(self.record(model, method), **self.asked(method)))
        return np.nan_to_num(found, nan=float(np.nanmin(found)) if np.isfinite(found).any() else 0.0)


def of_scenes(many: int) -> Iterator[Case]:
    """scene-vit: each of two objects of one scene after the other, by its shape."""
    for made in islice(_two(numbers(localisation.FIRST_SEED), _shapes_differ), many):
        for thing in made.things:
            yield _scene_case(made, thing, target=thing.shape, scored={"target": thing.shape})


def of_labels(many: int) -> Iterator[Case]:
    """scene-clip: the same, by a phrase of colour and shape among twelve."""
    every = phrases()
    for made in islice(_two(numbers(LABELS_SEED), _shapes_differ), many):
        own = [phrase(thing) for thing in made.things]
        chance = np.random.default_rng(made.seed)
        others = [one for one in chance.permutation(every).tolist() if one not in own][: LABELS - len(own)]
        for thing, text in zip(made.things, own, strict=True):
            options = {"labels": [*own, *others]}
            asked = partial(_of_label, text)
            scored = {"target": text, **options}
            yield _scene_case(made, thing, target=text, options=options, asked=asked, scored=scored)


def _of_label(text: str, method: Method) -> dict[str, Any]:
    return {"query": text} if method.asked_by == "label" else {}


def _two(seeds: Iterator[int], fits: Callable[[Scene], bool]) -> Iterator[Scene]:
    return (made for made in map(scene, seeds) if fits(made))


def _shapes_differ(made: Scene) -> bool:
    return len({thing.shape for thing in made.things}) == 2


def _scene_case(made: Scene, thing: Any, **more: Any) -> Case:
    on = {one.shape: (coverage(one.mask) > HIT) for one in made.things}
    other = next(place for shape, place in on.items() if shape != thing.shape)
    blind = _blind(made.picture, other.shape, None)
    return Case(made.picture, on[thing.shape].ravel(), other.ravel(), blind, covers=_over(other.shape), **more)


def _over(grid: tuple[int, ...]) -> Callable[[Place], Place]:
    """(n, patches) to (n, rows, columns)."""
    return lambda covers: covers.reshape(-1, *grid)


def _blind(picture: Any, grid: Any, geometry: Any) -> dict[str, Values]:
    contrast = colour_contrast(picture, grid, geometry)
    return {"centre prior": centre_prior(grid).ravel(), "colour contrast": contrast.ravel()}


def of_photographs(model: Any) -> Iterator[Case]:
    """photo-dino: the main outline of every sample photograph; asked and scored is what makes it resemble its mirror image.

    Its similarity to itself has no gradient, since it cannot be larger.
    """
    for one in photographs().values():
        if not one.outlines:
            continue
        picture = one.open()
        record = model.attend(picture, size=SIZE, queries=[0], half=True)
        grid = record.maps[0].query.grid
        truth = covered(next(iter(one.outlines.values())).mask(), grid, record.geometry) > HIT
        blind = _blind(picture, grid, record.geometry)
        target = Similar(to=picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        options, scored = {"size": SIZE}, {"target": target, "size": SIZE}
        yield Case(picture, truth.ravel(), None, blind, options, target, scored=scored, covers=_over(grid))


def of_reviews(model: Any, many: int) -> Iterator[Case]:
    """review-encoder: the words that decide a made-up review of a template that training never saw."""
    for made in reviews(many, sentences.FIRST_SEED, "held-out"):
        truth, at = np.isin(np.arange(len(made.words)), made.decisive), np.arange(len(made.words))
        blind = {"longest word": (at == longest(made)).astype(float), "last word": at.astype(float)}
        axis = model.prepare(made.text).axis
        hidden = partial(_hidden, tokens_of(axis, made), len(axis))
        told: dict[str, Any] = {"target": made.label}
        yield Case(made.text, truth, None, blind, **told, places=partial(_of_words, made), scored=told, covers=hidden)


def _of_words(made: Sentence, found: Map) -> Values:
    return by_word(np.asarray(found.row, np.float64), found.axis, made)


def _hidden(tokens: list[tuple[int, ...]], width: int, covers: Place) -> Place:
    """(n, tokens) which tokens are hidden, of (n, words)."""
    found = np.zeros((len(covers), width), dtype=bool)
    for word, some in enumerate(tokens):
        found[:, list(some)] = covers[:, word, None]
    return found


def of_receipts(model: Any, many: int) -> Iterator[Case]:
    """receipt-donut: words of values that were read right, each with the cells in which it is printed."""
    for number in range(many):
        page = receipt(reading.FIRST_SEED + number, 1 + number % 5)
        encoded = model.page(page.picture)
        options = {"prompt": page.task}
        record = model.attend(encoded, **options)
        tokens = token_names(record)
        truth = token_truth(tokens, reading.values_of(page), record.geometry)
        cross = next(one for one in record.maps if one.kind == "cross")
        grid = cross.key.grid
        goals = reading.on_box(np.nan_to_num(truth.boxes, nan=-1e6), grid, record.geometry.seen)
        starts = [word.tokens[0] for one in fields(tokens) for word in one.words if truth.words[word.tokens[0]]]
        chance = np.random.default_rng(number)
        for token in chance.permutation(starts)[:WORDS].tolist():
            yield Case(
                encoded,
                goals[token],
                None,
                {"centre prior": centre_prior(grid).ravel()},
                options,
                target=int(token),
                asked=partial(_of_row, int(token) + cross.query.prefix),
            )


def of_captions(model: Any, many: int) -> Iterator[Case]:
    """scene-aoanet: nouns of its captions that name an object that is there."""
    for made, said in islice(captioning.clear_scenes(captioning.FIRST_SEED, 2), many):
        record = model.attend(made.picture)
        cross = next(one for one in record.maps if one.kind == "cross")
        grid = cross.key.grid
        on = [coverage(thing.mask, grid).ravel() > HIT for thing in made.things]
        for at, thing in named(tuple(cross.query.labels), said).items():
            if thing is not None:
                blind = _blind(made.picture, grid, record.geometry)
                asked = partial(_of_row, at)
                yield Case(made.picture, on[thing], on[1 - thing], blind, target=int(at), asked=asked)


def _of_row(row: int, method: Method) -> dict[str, Any]:
    found: dict[str, Any] = {} if method.spoken else {"kind": "cross"}
    return {**found, "query": row} if method.asked_by == "any" else found
