"""`python -m benchmarks.captioning`: what scene-aoanet says and where its words look, against masks, chance and a control.

Every figure is measured on scenes of seeds that no training ever saw; scenes near a diagonal, where two relations are as
true, are left out (`worlds.captions.CLEAR`). Words are chosen greedily. A word points where the mean over heads of the
decoder's attention is strongest at the step that said it; a cell is on an object if the object covers more than 10 % of
it. The control has the same architecture and random weights. It hardly ever says a noun, so both are also measured while
they are made to read the true caption ("true caption read").
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import count as numbers
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.scene_aoanet_learner import to_tensor
from training.scene_data import halved
from vit_attention.models.captioning import Caption as Written
from vit_attention.models.captioning import captions
from vit_attention.models.cards import BUNDLED
from vit_attention.networks import scene_aoanet
from vit_attention.networks.scene_aoanet import SceneAoANet
from vit_attention.weights import checkpoints
from worlds.caption_marks import named, pairs_right, relation_right
from worlds.captions import RELATIONS, VOCABULARY, Caption, caption, encode
from worlds.scenes import Scene, coverage, scene
from worlds.shapes import COLOURS, NAMES

HIT = 0.1
"""Share of a cell that an object must cover for the cell to be on it."""

FIRST_SEED = 3_500_000_000
"""Training draws from one and a half billion on, its held-out scenes from two and a half billion on."""

SPELLED = {str(token): word for token, word in enumerate(VOCABULARY)}

CHANCE_PAIRS = 1 / (len(NAMES) * (len(NAMES) - 1) / 2 * len(COLOURS) * (len(COLOURS) - 1))
"""Two different shapes drawn at random, each with a colour of its own, are just the right ones."""


def clear_scenes(first_seed: int, objects: int) -> Iterator[tuple[Scene, Caption]]:
    """Scenes of consecutive seeds whose relation is clear."""
    for seed in numbers(first_seed):
        made = scene(seed, objects=objects)
        said = caption(made)
        if said.clear:
            yield made, said


class Tally:
    """Lists of figures by name, and their means."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = defaultdict(list)

    def add(self, name: str, value: Any) -> None:
        self.values[name].append(value)

    def mean(self, name: str) -> Any:
        got = np.mean(self.values[name], axis=0) if self.values[name] else None
        return got.tolist() if isinstance(got, np.ndarray) else None if got is None else float(got)


def kind(word: str) -> str:
    """What a word is: article, colour, noun or relation ("of" belongs to the relation)."""
    if word in NAMES:
        return "noun"
    if word in COLOURS:
        return "colour"
    return "relation" if word in RELATIONS or word == "of" else "article"


def point(tally: Tally, prefix: str, weights: NDArray[Any], truths: list[NDArray[np.float32]], thing: int) -> None:
    """Note where one noun looks: hits and mass of the mean over heads and of every head, (heads, cells) in.

    Args:
        tally: where to note it.
        prefix: before every name noted.
        weights: (heads, 196) attention of the step that said the noun.
        truths: per thing of the scene, (196,) coverage of every cell.
        thing: index of the thing that the noun names.
    """
    on = truths[thing] > HIT
    mean = weights.mean(axis=0)
    tally.add(prefix + "pointing", float(on[mean.argmax()]))
    tally.add(prefix + "mass", float(mean[on].sum() / mean.sum()))
    tally.add(prefix + "head_pointing", on[weights.argmax(axis=1)].astype(float))
    tally.add(prefix + "head_mass", weights[:, on].sum(axis=1) / weights.sum(axis=1))
    tally.add("chance_pointing", float(on.mean()))
    for other, truth in enumerate(truths):
        if other != thing:
            tally.add(prefix + "other", float((truth > HIT)[mean.argmax()]))


def note_words(tally: Tally, words: tuple[str, ...], weights: NDArray[Any], truths: list[NDArray[np.float32]]) -> None:
    """Note how much of each kind of word's attention lies on the first and on the second object of the true caption."""
    half = 0
    for word, step in zip(words, weights, strict=False):
        mean = step.mean(axis=0)
        name = kind(word) if kind(word) == "relation" else f"{kind(word)} {half + 1}"
        tally.add(f"words {name}", [float(mean[t > HIT].sum() / mean.sum()) for t in truths])
        half += word in NAMES and half == 0


def covered(made: Scene) -> list[NDArray[np.float32]]:
    """Per thing, the share of every cell that it covers, (196,)."""
    return [coverage(t.mask, scene_aoanet.GRID).ravel() for t in made.things]


def score(tally: Tally, made: Scene, truth: Caption, said: Written) -> None:
    """Mark one caption that the model wrote."""
    words, truths = said.words(SPELLED), covered(made)
    tally.add("pairs", float(pairs_right(words, truth)))
    tally.add("exact", float(words == truth.words))
    if truth.relation is not None:
        tally.add("relation", float(relation_right(words, truth)))
    for at, thing in named(words, truth).items():
        tally.add("noun_there", float(thing is not None))
        if thing is None:
            tally.add("pointing_strict", 0.0)
        else:
            point(tally, "", said.attention[at], truths, thing)
            tally.add("pointing_strict", tally.values["pointing"][-1])


@torch.inference_mode()
def measure(net: SceneAoANet, count: int, objects: int = 2, size: int = 50) -> dict[str, Any]:
    """All figures on `count` fresh scenes of one or two objects."""
    tally = Tally()
    source = islice(clear_scenes(FIRST_SEED if objects == 2 else FIRST_SEED + 100_000_000, objects), count)
    while some := list(islice(source, size)):
        features = net.cnn(to_tensor(np.stack([halved(made.pixels) for made, _ in some])))
        for (made, truth), said in zip(some, captions(net.captioner, features), strict=True):
            score(tally, made, truth, said)
        read = net.captioner(features, _given([truth.words for _, truth in some]), attention=True)[1]
        for (made, truth), weights in zip(some, read.numpy(), strict=True):
            truths = covered(made)
            for at, thing in truth.nouns.items():
                point(tally, "read_", weights[at], truths, thing)
            note_words(tally, truth.words, weights, truths)
    return {"scenes": count, **{name: tally.mean(name) for name in tally.values}}


def _given(captions_: list[tuple[str, ...]]) -> torch.Tensor:
    """(batch, steps) tokens fed in while the captions are read: the start, then every word but the last."""
    tokens = torch.zeros(len(captions_), max(map(len, captions_)), dtype=torch.long)
    for row, words in zip(tokens, captions_, strict=True):
        row[1 : len(words)] = torch.tensor(encode(words[:-1]))
    return tokens


def trained(weights: Path | None = None) -> SceneAoANet:
    """The bundled network, or that of a file made by `python -m training.scene_aoanet`."""
    path = weights or BUNDLED / "scene-aoanet.safetensors"
    net = SceneAoANet()
    checkpoints.fill(net, checkpoints.read(path), path.name)
    return net


def untrained() -> SceneAoANet:
    """The control: the same architecture with random weights."""
    torch.manual_seed(0)
    return SceneAoANet()


def table(got: dict[str, Any], one: dict[str, Any], control: dict[str, Any]) -> str:
    """Markdown: one line a figure, beside chance and the untrained control."""
    share = lambda value: "–" if value is None else f"{value:.1%}"  # noqa: E731
    chance = got["chance_pointing"]
    rows = [
        ("captions with every colour and shape right", "pairs", CHANCE_PAIRS),
        ("relation words right", "relation", 1 / len(RELATIONS)),
        ("captions word for word as the true one", "exact", None),
        ("nouns that point into the object they name", "pointing", chance),
        ("the same, nouns of objects that are not there counted as misses", "pointing_strict", chance),
        ("nouns that point into the other object", "other", chance),
        ("attention of a noun on its object's cells", "mass", chance),
        ("true caption read: nouns that point into their object", "read_pointing", chance),
        ("true caption read: attention on its object's cells", "read_mass", chance),
    ]
    lines = [
        "| figure | two objects | one object | chance (two) | untrained (two) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {title} | {share(got.get(key))} | {share(one.get(key))} | {share(guess)} | {share(control.get(key))} |"
        for title, key, guess in rows
    ]
    heads = zip(got.get("head_pointing", ()), got.get("head_mass", ()), strict=True)
    lines += ["", "| head | nouns pointing into their object | attention on its cells |", "| --- | ---: | ---: |"]
    lines += [f"| {i} | {hit:.1%} | {mass:.1%} |" for i, (hit, mass) in enumerate(heads, start=1)]
    lines += ["", "| word | attention on the main object | on the other |", "| --- | ---: | ---: |"]
    words = ((name.removeprefix("words "), got[name]) for name in got if name.startswith("words "))
    return "\n".join([*lines, *(f"| {name} | {first:.1%} | {second:.1%} |" for name, (first, second) in words)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=1000, help="scenes of two objects; half as many of one")
    parser.add_argument("--control", type=int, default=200, help="scenes for the untrained control")
    parser.add_argument("--weights", type=Path, help="another checkpoint than the bundled one")
    parser.add_argument("--json", action="store_true", help="print the figures for machines instead of tables")
    parser.add_argument("--card", action="store_true", help="write the figures to the bundled model's card")
    args = parser.parse_args()
    net = trained(args.weights)
    found: dict[str, Any] = {
        "two_objects": measure(net, args.scenes),
        "one_object": measure(net, max(1, args.scenes // 2), objects=1),
        "untrained": measure(untrained(), args.control),
        "chance_pairs": CHANCE_PAIRS,
        "chance_relation": 1 / len(RELATIONS),
    }
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        print(table(found["two_objects"], found["one_object"], found["untrained"]))
    if args.card:
        path = BUNDLED / "scene-aoanet.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **found, "command": "python -m benchmarks.captioning"}, indent=1) + "\n")


if __name__ == "__main__":
    main()
