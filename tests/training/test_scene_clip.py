"""How scene-clip learns: its tokenizer, what is true of a picture, its start, its loss, and what a run ships."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from training.scene_captions import HELD_OUT_SEED, Store, caption_of, store
from training.scene_clip import Run, Stage
from training.scene_clip_data import competitors, draw, said
from training.scene_clip_learner import Learner, both_ways, contrast, evaluate, read, see, start
from training.scene_clip_tokens import merges, tokenizer
from training.scene_vit import to_tensor
from worlds.captions import WORDS
from worlds.phrases import phrases
from worlds.scenes import scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store(tmp_path_factory.mktemp("scenes"), 24, HELD_OUT_SEED, processes=1)


def test_every_word_of_the_worlds_is_one_token_and_any_text_can_be_read() -> None:
    numbers = tokenizer()
    for word in WORDS:
        assert numbers.tokenize(f"a {word.upper()}") == ["a</w>", f"{word}</w>"]
    assert merges() == merges()  # last letters are not numbered by chance
    every = bytes(range(1, 256)).decode("latin-1") + " 猫 🦓 ümlaut"
    ids = numbers(every, truncation=False)["input_ids"]
    # An unknown piece would be an end in the middle of the text.
    assert [i for i, one in enumerate(ids) if one == numbers.eos_token_id] == [len(ids) - 1]
    assert numbers.decode(numbers("猫 zebra")["input_ids"], skip_special_tokens=True) == "猫 zebra"
    assert len(numbers.tokenize("zebra")) > 1


def test_what_is_true_of_a_picture_is_what_it_shows(data: Store) -> None:
    captions = [str(caption_of(line)) for line in data.truth]
    found = competitors(captions)["phrases"]
    for line, true in zip(data.truth, found.true, strict=True):
        shown = [f"{c} {s}" for _, c, s in _words(caption_of(line).words)]
        assert sorted(text for text, right in zip(found.texts, true, strict=True) if right) == sorted(shown)


def _words(words: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Article, colour and shape, by their places: three words, a relation of one or two, three words."""
    return [(words[i], words[i + 1], words[i + 2]) for i in sorted({0, len(words) - 3})]


def test_articles_come_and_go_but_a_caption_keeps_its_own() -> None:
    rng = np.random.default_rng(0)
    assert {said(rng, "orange ring") for _ in range(20)} == {"orange ring", "an orange ring"}
    assert {said(rng, "a red ring above a blue tee") for _ in range(20)} == {"a red ring above a blue tee"}


def test_other_true_texts_are_no_negatives() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0, 0.5], [0.0, 1.0, 2.0, 3.0]])
    true = torch.tensor([[True, True, False, False], [False, False, True, False]])
    wrong = [math.exp(1.0) + math.exp(0.5), math.exp(0.0) + math.exp(1.0) + math.exp(3.0)]
    by_hand = [math.log(1 + wrong[row] / math.exp(score)) for row, score in ((0, 3.0), (0, 2.0), (1, 2.0))]
    assert float(contrast(scores, true)) == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_texts_choose_among_pictures_at_half_the_weight() -> None:
    scores = torch.tensor([[2.0, 0.0, 9.0], [1.0, 3.0, 9.0]])
    true = torch.tensor([[True, False, False], [False, True, False]])  # the third text is true of none: it asks nothing
    rows = [math.log(1 + (math.exp(0.0) + math.exp(9.0)) / math.exp(2.0))]
    rows += [math.log(1 + (math.exp(1.0) + math.exp(9.0)) / math.exp(3.0))]
    columns = [math.log(1 + math.exp(1.0 - 2.0)), math.log(1 + math.exp(0.0 - 3.0))]
    assert float(both_ways(scores, true, False)) == pytest.approx(np.mean(rows), rel=1e-5)
    assert float(both_ways(scores, true, True)) == pytest.approx(np.mean(rows) + np.mean(columns) / 2, rel=1e-5)


def test_the_vision_tower_begins_as_scene_vit() -> None:
    """What scene-vit's own head says of the class token, through CLIP's norms: the right shape far above chance."""
    from safetensors.torch import load_file

    from vit_attention.models.cards import BUNDLED
    from worlds.shapes import NAMES

    torch.manual_seed(0)
    net = Learner().net.eval()
    made = list(scenes(60, seed=900, objects=1))
    small = np.stack([one.pixels.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8) for one in made])
    start(net, small)
    head = load_file(BUNDLED / "scene-vit.safetensors")
    with torch.no_grad():
        tokens = net.vision_model(pixel_values=to_tensor(small)).pooler_output
    scores = tokens @ head["heads.head.weight"].float().T + head["heads.head.bias"].float()
    right = [NAMES[int(best)] == one.things[0].shape for best, one in zip(scores.argmax(1), made, strict=True)]
    assert np.mean(right) > 0.6  # 1 of 12 by chance


def test_a_run_goes_on_where_it_stopped_and_ships_a_clip(data: Store, tmp_path: Path) -> None:
    from transformers import CLIPModel, CLIPTokenizerFast

    run = Run(tmp_path, data, data, 0)
    run.train([Stage(2, 2, 1, 1)], warm_up=1)
    other = Run(tmp_path, data, data, 7)
    other.resume()
    assert other.step == 2
    other.train([Stage(2, 3, 1, 1)], warm_up=1)
    assert other.step == 3
    folder = other.export()
    net = CLIPModel.from_pretrained(folder).eval()
    ids = CLIPTokenizerFast.from_pretrained(folder)
    assert net.config.text_config.eos_token_id == ids.eos_token_id
    texts = ["red ring", "an orange hourglass above a blue tee"]
    with torch.no_grad():
        theirs = net.get_text_features(**ids(texts, padding=True, return_tensors="pt")).pooler_output
        mine = read(other.average.net.eval(), tuple(texts))
    torch.testing.assert_close(torch.nn.functional.normalize(theirs.float(), dim=-1), mine, atol=3e-3, rtol=0)
    assert json.loads((folder / "tokenizer.json").read_text())["padding"] is None
    assert json.loads((folder / "preprocessor_config.json").read_text())["size"] == {"shortest_edge": 112}


def test_marks_of_a_network_that_sees_the_truth(data: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings made by hand: each phrase its own axis, patches of an object on the axis of its phrase."""
    texts = [*phrases()]

    def seen(_: object, pixels: torch.Tensor) -> torch.Tensor:
        found = torch.zeros(len(pixels), 197, 96)
        for n in range(len(pixels)):
            for k, (_, colour, shape) in enumerate(_words(caption_of(data.truth[n]).words)):
                owner = data.owner[n].reshape(14, 8, 14, 8) == k + 1
                found[n, 0, texts.index(f"{colour} {shape}")] = 1
                found[n, 1:, texts.index(f"{colour} {shape}")] = torch.from_numpy(
                    owner.mean(axis=(1, 3)).ravel()
                ).float()
        return found

    def written(_: object, asked: tuple[str, ...]) -> torch.Tensor:
        return torch.stack([torch.tensor([float(one.endswith(text)) for one in texts]) for text in asked])

    monkeypatch.setattr("training.scene_clip_learner.see", seen)
    monkeypatch.setattr("training.scene_clip_learner.read", written)
    assert evaluate(None, data, 24) == {"phrase": 1.0, "shape": 1.0, "named": 1.0, "other": 0.0}


def test_a_batch_and_what_a_network_makes_of_it(data: Store) -> None:
    pixels, groups = draw(np.random.default_rng(0), data, 5)
    assert pixels.shape == (5, 112, 112, 3)
    assert all(group.true.shape == (5, len(group.texts)) and group.true.any(axis=1).all() for group in groups.values())
    torch.manual_seed(0)
    net = Learner().net
    found = see(net, to_tensor(pixels))
    whole = torch.nn.functional.normalize(net.get_image_features(pixel_values=to_tensor(pixels)).pooler_output, dim=-1)
    torch.testing.assert_close(found[:, 0], whole)
