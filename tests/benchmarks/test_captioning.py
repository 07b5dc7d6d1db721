"""The captioning benchmark counts what it says it counts."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import captioning
from benchmarks.captioning import Tally, _given, clear_scenes, kind, measure, point, table, untrained
from training import scene_captions
from vit_attention.models.captioning import captions
from worlds.caption_marks import relation_right
from worlds.captions import WORDS, caption, encode
from worlds.scenes import scene


def test_a_noun_points_by_the_mean_of_heads_and_each_head_by_itself() -> None:
    mine, other = np.array([0.5, 0.05, 0, 0], np.float32), np.array([0, 0, 0.9, 0], np.float32)
    weights = np.array([[0.7, 0.1, 0.2, 0.0], [0.1, 0.0, 0.6, 0.3], [0.3, 0.4, 0.2, 0.1]])
    tally = Tally()
    point(tally, "", weights, [mine, other], 0)
    assert tally.mean("pointing") == 1  # means are 1.1, 0.5, 1.0 and 0.4 thirds
    assert tally.mean("mass") == pytest.approx(1.1 / 3)  # the second cell is covered by less than a tenth
    assert tally.mean("head_pointing") == [1, 0, 0]
    assert tally.mean("head_mass") == pytest.approx([0.7, 0.1, 0.3])
    assert tally.mean("other") == 0
    assert tally.mean("chance_pointing") == 0.25


def test_scenes_are_clear_fresh_and_of_two_objects() -> None:
    seen = list(islice(clear_scenes(captioning.FIRST_SEED, 2), 30))
    assert all(truth.clear and len(made.things) == 2 for made, truth in seen)
    left_out = set(range(seen[0][0].seed, seen[-1][0].seed)) - {made.seed for made, _ in seen}
    assert left_out
    assert all(not caption(scene(seed, objects=2)).clear for seed in left_out)
    for first in (scene_captions.TRAIN_SEED, scene_captions.HELD_OUT_SEED):
        assert first + 500_000_000 <= captioning.FIRST_SEED or first > captioning.FIRST_SEED + 500_000_000


def test_reading_gives_every_word_the_ones_before_it() -> None:
    given = _given([("a", "red", "ring"), ("a", "red", "ring", "above", "a", "blue", "tee")])
    assert given.tolist() == [
        [0, *encode(["a", "red"]), 0, 0, 0, 0],
        [0, *encode(["a", "red", "ring", "above", "a", "blue"])],
    ]


def test_every_word_has_a_kind() -> None:
    assert {word for word in WORDS if kind(word) == "article"} == {"a", "an"}
    assert {word for word in WORDS if kind(word) == "relation"} == {"of", "left", "right", "above", "below"}


def test_figures_are_those_of_the_captions_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a captioner that always tells the truth but for the first scene's relation, shares come out accordingly."""
    scenes = list(islice(clear_scenes(captioning.FIRST_SEED, 2), 4))
    wrong = {"left": "right", "right": "left", "above": "below", "below": "above"}
    told = [list(truth.words) for _, truth in scenes]
    told[0] = [wrong.get(word, word) for word in told[0]]

    def truthful(network: torch.nn.Module, features: torch.Tensor) -> list:
        made = captions(network, features)  # type: ignore[arg-type]
        for one, words in zip(made, told, strict=True):
            attention = np.repeat(one.attention[:1], len(words) + 1, axis=0)
            object.__setattr__(one, "tokens", np.array([*encode(words), 0]))
            object.__setattr__(one, "attention", attention)
        return made

    monkeypatch.setattr(captioning, "captions", truthful)
    found = measure(untrained(), 4)
    assert (found["pairs"], found["exact"], found["relation"]) == (1.0, 0.75, 0.75)
    assert found["noun_there"] == 1
    assert not relation_right(told[0], scenes[0][1])


def test_the_table_holds_every_figure() -> None:
    found = measure(untrained(), 3)
    text = table({**found, "head_pointing": [0.5] * 8, "head_mass": [0.25] * 8, "pairs": 0.875}, found, found)
    assert "| captions with every colour and shape right | 87.5% |" in text
    assert text.count("50.0% | 25.0%") == 8


def test_the_command_prints_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "random.safetensors"
    save_file(untrained().state_dict(), path)
    monkeypatch.setattr("sys.argv", ["captioning", "--scenes", "2", "--control", "2", "--json", "--weights", str(path)])
    captioning.main()
    found = json.loads(capsys.readouterr().out)
    assert found["two_objects"]["scenes"] == 2
    assert 0.01 < found["untrained"]["chance_pointing"] < 0.2
