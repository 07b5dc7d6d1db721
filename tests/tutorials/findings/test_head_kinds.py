"""Heads of known taste, the scenes that they are shown, and what the file of measured heads says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import head_kinds, kinds_measured
from tutorials.findings.kinds_measured import CLASS, EDGE, FOREGROUND, PATCHES, TEXTURE, HeadKinds
from visualizer.measures.preference import preference
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry
from worlds.scenes import scene

AXIS = Axis.patches(14, 14, ("class",))


def record(*favours: np.ndarray) -> AttentionRecord:
    """One layer of a head for each (14, 14) map, which every token reads, after a share for the class token."""
    heads = [np.tile(np.concatenate([[1.0], f.ravel() + 0.1]) / (1 + (f + 0.1).sum()), (197, 1)) for f in favours]
    one = AttentionMap(np.stack(heads).astype(np.float32), "block", 0, "self", AXIS, AXIS)
    return AttentionRecord((one,), Geometry.of(224, 224))


def tiles(image: np.ndarray) -> np.ndarray:
    return image.reshape(14, 16, 14, 16, -1).transpose(0, 2, 1, 3, 4).reshape(14, 14, 256, -1)


class Knowing:
    """Heads that know the truth of the scenes: edge, object, and neither."""

    def __init__(self) -> None:
        self.masks = {
            scene(kinds_measured.SEED + n).pixels.tobytes(): scene(kinds_measured.SEED + n).mask for n in range(12)
        }

    def attend(self, picture: Image.Image) -> AttentionRecord:
        mask = self.masks[np.asarray(picture).tobytes()]
        cover = tiles(mask).mean(axis=(2, 3))
        middle = np.outer(np.hanning(14), np.hanning(14))
        return record(((cover > 0.1) & (cover < 0.9)).astype(float), (cover > 0.1).astype(float), middle)


class Seeing:
    """Heads that measure how uneven a patch is, that like the left, and that do not care."""

    def attend(self, picture: Image.Image) -> AttentionRecord:
        uneven = tiles(np.asarray(picture, np.float64)).std(axis=2).mean(axis=2)
        left = np.repeat((np.arange(14) < 7)[None], 14, axis=0).astype(float)
        return record((uneven > 2).astype(float), left, np.ones((14, 14)))


@pytest.mark.parametrize("asks", [CLASS, PATCHES])
def test_heads_that_know_where_things_are_pass_and_one_that_likes_the_middle_does_not(asks: str) -> None:
    edge = kinds_measured.measured(Knowing(), EDGE, count=12)[asks]
    assert edge.passed.tolist() == [[True, False, False]]
    assert edge.best == (0, 0)
    assert (edge.things, edge.count) == ("scenes", 12)
    foreground = kinds_measured.measured(Knowing(), FOREGROUND, count=12)[asks]
    assert foreground.passed.tolist() == [[True, True, False]]
    assert foreground.best == (0, 1)


@pytest.mark.parametrize("asks", [CLASS, PATCHES])
def test_a_head_that_sees_texture_passes_and_one_that_likes_a_side_does_not(asks: str) -> None:
    found = kinds_measured.measured(Seeing(), TEXTURE, count=8)[asks]
    assert found.passed.tolist() == [[True, False, False]]
    assert found.values[0, 0] > 0.75  # weakest where the texture is a gentle slope
    assert found.values[0, 1] == pytest.approx(0.5, abs=0.02)
    assert found.values[0, 2] == pytest.approx(0.5)
    assert found.chance == pytest.approx(0.5, abs=0.05)
    assert found.count == 8


def test_a_head_must_beat_the_untrained_network_too() -> None:
    given: dict[str, Any] = {"kind": EDGE, "asks": CLASS, "things": "scenes", "count": 50, "level": 0.54, "chance": 0.2}
    one = HeadKinds(
        values=np.array([[0.6, 0.7, 0.4]]),
        p=np.array([[0.01, 0.01, 0.01]]),
        shares=np.zeros((1, 3)),
        untrained=0.65,
        **given,
    )
    assert one.passed.tolist() == [[False, True, False]]
    again = HeadKinds.of(one.plain())
    assert again.passed.tolist() == [[False, True, False]]
    assert again.best == (0, 1)
    assert "before training the best head has 0.65. Heads above both: 1 of 3." in head_kinds.in_words(again)


@pytest.mark.parametrize("name", ["scene-vit", "photo-dino"])
def test_the_file_was_made_with_the_bundled_weights(name: str) -> None:
    model, stored = va.load(name), kinds_measured._stored()[name]
    assert stored["weights"] == model.weights_hash
    kind = kinds_measured.precomputed(name, EDGE)
    assert kind is not None
    found = []
    for n in range(kinds_measured.COUNT if name == "scene-vit" else 8):
        drawn = scene(kinds_measured.SEED + n)
        seen = model.attend(drawn.picture, queries=[0])
        rows, columns = seen.maps[0].key.grid
        pixels = np.arange(224) * rows // 224
        cover = np.zeros((rows, columns))
        np.add.at(cover, (pixels[:, None], pixels[None]), drawn.mask)
        cover /= (224 / rows) ** 2
        edge = (cover > 0.1) & (cover < 0.9)
        near = np.array(
            [[edge[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2].any() for c in range(columns)] for r in range(rows)]
        )
        maps = np.concatenate([one.single[:, 0, 1:] for one in seen.maps]).reshape(-1, rows, columns)
        found.append(preference(maps, edge, cover >= 0.9, (cover <= 0.1) & near))
    tolerance = 2e-3 if name == "scene-vit" else 0.2
    np.testing.assert_allclose(np.nanmean(found, axis=0), kind.values.ravel(), atol=tolerance)


def test_an_outline_on_one_picture(rng: np.random.Generator) -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    now = context([[everywhere(rng.random(82) + 1), everywhere(rng.random(82) + 1)]], (9, 9), mask)
    assert head_kinds.edge_head(now).answer is None  # outlines along patches run through none
    assert head_kinds.edge_head(context([[everywhere([1, 1])]], (1, 1))).answer is None


def test_on_a_scene_the_best_head_is_compared_with_moved_outlines() -> None:
    drawn = scene(kinds_measured.SEED)
    cover = tiles(drawn.mask).mean(axis=(2, 3))
    edge, blind = ((cover > 0.1) & (cover < 0.9)).astype(float), np.ones((14, 14))
    from tutorials.findings.context import Context, Picture, Selection

    def finding(*favours: np.ndarray) -> Any:
        picture = Picture("scene-5000", "scene-5000", "", drawn.picture, drawn)
        return head_kinds.edge_head(Context("by-hand", picture, record(*favours), Selection(0, None, 0, 0, 0, ())))

    assert finding(blind, edge).answer is True
    assert "Layer 1, head 2" in finding(blind, edge).text
    assert finding(blind, blind).answer is False
    assert finding(np.roll(edge, (7, 7), (0, 1)), blind).answer is False


def test_the_lesson_counts_heads_of_the_bundled_models() -> None:
    now = context([[everywhere([1, 1])]], (1, 1))
    look = type(now)("scene-vit", now.picture, now.record, now.chosen)
    assert head_kinds.edge_heads(look).answer > 50
    assert head_kinds.most_heads(look).answer == (FOREGROUND,)
    dino = type(now)("photo-dino", now.picture, now.record, now.chosen)
    assert head_kinds.texture_head(dino).answer is True
    assert head_kinds.foreground_heads(dino).answer == kinds_measured.precomputed("photo-dino", FOREGROUND).passed.sum()
    few = kinds_measured.precomputed("photo-dino", FOREGROUND, things="outlined photographs")
    assert head_kinds.in_words(few).endswith("7 photographs are too few for a verdict, which needs 20.")
    strongest = kinds_measured.precomputed("photo-dino", TEXTURE).values.max()
    assert strongest > kinds_measured.precomputed("scene-vit", TEXTURE).values.max() + 0.2


def test_an_unknown_kind_or_a_model_without_class_token_is_refused() -> None:
    with pytest.raises(ValueError, match="kind: want one of foreground, edge, texture, got 'faces'"):
        kinds_measured.measured(Knowing(), "faces")
    assert kinds_measured.precomputed("vit-b-16", EDGE) is None
