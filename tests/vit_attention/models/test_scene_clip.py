"""`scene-clip` as it ships, read by the transformers library alone: files, size, and what it was made for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

from vit_attention.models.cards import BUNDLED
from worlds.captions import WORDS
from worlds.phrases import phrase, phrases
from worlds.scenes import coverage, scenes

FOLDER = BUNDLED / "scene-clip"
SEED = 3_900_000_000
"""No training and no benchmark draws from here."""


@pytest.fixture(scope="module")
def net() -> Any:
    return CLIPModel.from_pretrained(FOLDER, dtype=torch.float32).eval()


def written(net: Any, texts: tuple[str, ...]) -> torch.Tensor:
    ids = CLIPTokenizerFast.from_pretrained(FOLDER)(list(texts), padding=True, return_tensors="pt")
    return normalize(net.get_text_features(**ids).pooler_output, dim=-1)


def pixels(pictures: list[Any]) -> torch.Tensor:
    return CLIPImageProcessor.from_pretrained(FOLDER)(pictures, return_tensors="pt")["pixel_values"]


def test_the_folder_is_small_and_its_parts_agree(net: Any) -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 8e6
    ids, text = CLIPTokenizerFast.from_pretrained(FOLDER), net.config.text_config
    assert (len(ids), ids.eos_token_id, ids.pad_token_id) == (text.vocab_size, text.eos_token_id, text.pad_token_id)
    assert ids.model_max_length == text.max_position_embeddings
    for word in WORDS:
        assert len(ids(word)["input_ids"]) == 3  # between the beginning and the end
    assert ids.decode(ids("Ünknown 猫")["input_ids"], skip_special_tokens=True) == "ünknown 猫"


@torch.no_grad()
def test_a_text_is_read_at_its_first_end_whatever_pads_it(net: Any) -> None:
    together = written(net, ("ring", "a purple hourglass right of an orange triangle"))
    assert torch.allclose(together[0], written(net, ("ring",))[0], atol=1e-5)


@torch.no_grad()
def test_the_right_one_of_all_phrases(net: Any) -> None:
    made = list(scenes(60, SEED, objects=1))
    seen = normalize(net.get_image_features(pixel_values=pixels([one.picture for one in made])).pooler_output, dim=-1)
    best = (seen @ written(net, phrases()).T).argmax(1)
    assert np.mean([phrases()[int(b)] == phrase(one.things[0]) for b, one in zip(best, made, strict=True)]) >= 0.92


@torch.no_grad()
def test_the_patch_nearest_to_a_phrase_lies_on_what_it_names(net: Any) -> None:
    made, vision = list(scenes(25, SEED, objects=2)), net.vision_model
    tokens = vision(pixel_values=pixels([one.picture for one in made])).last_hidden_state[:, 1:]
    patches = normalize(net.visual_projection(vision.post_layernorm(tokens)), dim=-1)
    on_it, on_other = [], []
    for one, its in zip(made, patches, strict=True):
        covered = [coverage(thing.mask).ravel() > 0.1 for thing in one.things]
        for k, text in enumerate(written(net, tuple(phrase(thing) for thing in one.things))):
            best = int((its @ text).argmax())
            on_it.append(covered[k][best])
            on_other.append(covered[1 - k][best] and not covered[k][best])
    assert np.mean(on_it) >= 0.92
    assert np.mean(on_other) <= 0.04
