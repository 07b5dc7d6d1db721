"""The findings of the caption page on records made by hand, and on the bundled model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tutorials.findings.hand import PATCH
from tutorials.findings import captions as lesson
from tutorials.findings import findings
from tutorials.findings.captioning import END, Captioning, turned_round
from tutorials.findings.context import Picture
from vit_attention import load, registry
from vit_attention.models import captioner as caption_model
from vit_attention.networks import scene_aoanet
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction
from vit_attention.records.geometry import Geometry
from worlds.scenes import Scene, Thing

GRID = (2, 4)
WORDS = ("a", "red", "ring", "left", "of", "a", "blue", "star", END)
RING, STAR = 0, 7
"""The cells that the two things fill."""


def captioning(
    rows: Any, *, words: tuple[str, ...] = WORDS, head: int | None = None, gates: Any = None, scene: bool = True
) -> Captioning:
    """A record of (heads, words, 8) weights on a scene whose ring fills cell 0 and whose star fills cell 7."""
    weights = np.asarray(rows, np.float32)
    side = (GRID[0] * PATCH, GRID[1] * PATCH)
    things = []
    for shape, colour, cell in (("ring", "red", RING), ("star", "blue", STAR)):
        mask = np.zeros(GRID, bool)
        mask.flat[cell] = True
        things.append(Thing(shape, colour, np.kron(mask, np.ones((PATCH, PATCH), bool)), (0, 0, 1, 1), 1.0))
    pixels = np.zeros((*side, 3), np.uint8)
    axis = Axis.patches(*GRID)
    even = np.full((1, 8, 8), 1 / 8, np.float32)
    record = AttentionRecord(
        (
            AttentionMap(even, "refiner", 0, "self", axis, axis),
            AttentionMap(weights, "decoder", 1, "cross", Axis.text(words), axis),
        ),
        Geometry.of(side[1], side[0]),
        Prediction(text=" ".join(w for w in words if w != END), tokens=words),
        settings={"gates": {"decoder": gates, "refiner": None}},
    )
    picture = Picture(
        "hand", "hand", "By hand", Image.fromarray(pixels), Scene(pixels, tuple(things), 0, 0.5) if scene else None
    )
    return Captioning("scene-aoanet", picture, record, head, 0)


def spoken(picture: Picture, beams: int = 1) -> Captioning:
    """What the bundled model says, kept in half precision."""
    record = load("scene-aoanet").attend(picture.image, beams=beams, half=True)
    return Captioning("scene-aoanet", picture, record, None, 2, beams)


def looks(**cells: int) -> np.ndarray:
    """(words, 8) rows that give 0.65 to one cell and the rest evenly; even rows for words not named."""
    rows = np.full((len(WORDS), 8), 1 / 8)
    for word, cell in cells.items():
        rows[WORDS.index(word)] = 0.05
        rows[WORDS.index(word), cell] = 0.65
    return rows


def test_nouns_that_point_at_their_objects_hold_and_swapped_ones_fail() -> None:
    found = lesson.nouns_on_objects(captioning([looks(ring=RING, star=STAR)]))
    assert found.answer is True
    assert (
        "“ring”: strongest cell on its object; 65% of its attention on the object's cells, which are 12% of all"
        in found.text
    )
    assert lesson.nouns_on_objects(captioning([looks(ring=STAR, star=RING)])).answer is False
    assert lesson.nouns_on_objects(captioning([looks(ring=RING, star=STAR)], scene=False)).answer is None


def test_a_noun_for_a_thing_that_is_not_there_fails() -> None:
    words = ("a", "red", "moon", "left", "of", "a", "blue", "star", END)
    found = lesson.nouns_on_objects(captioning([looks(ring=RING, star=STAR)], words=words))
    assert found.answer is False
    assert "“moon” names nothing that is there" in found.text


def test_the_head_of_the_sidebar_counts() -> None:
    heads = [looks(ring=RING, star=STAR), looks(ring=STAR, star=RING)]
    assert lesson.nouns_on_objects(captioning(heads, head=0)).answer is True
    assert lesson.nouns_on_objects(captioning(heads, head=1)).answer is False


def test_a_relation_must_look_at_both() -> None:
    rows = looks()
    rows[3] = [0.3, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.4]
    found = lesson.relation_looks_at_both(captioning([rows]))
    assert found.answer is True
    assert (
        "30% of its attention on the ring, whose cells are 12% of all (chance), and 40% of its attention on the star"
        in found.text
    )
    assert lesson.relation_looks_at_both(captioning([looks(left=RING)])).answer is False
    alone = lesson.relation_looks_at_both(captioning([looks()[:4]], words=("a", "red", "ring", END)))
    assert alone.answer is None


def test_gates_of_nouns_are_compared_with_those_of_little_words() -> None:
    gates = [0.2, 0.9, 0.8, 0.1, 0.4, 0.3, 0.9, 0.6, 0.5]
    found = lesson.gate_for_nouns(captioning([looks()], gates=gates))
    assert found.answer is True
    assert "mean 70%" in found.text
    assert "mean 30%" in found.text
    gates[2] = gates[7] = 0.25
    assert lesson.gate_for_nouns(captioning([looks()], gates=gates)).answer is False
    assert lesson.gate_for_nouns(captioning([looks()])).answer is None


def test_the_mean_of_heads_is_best_unless_a_head_hits_more_nouns() -> None:
    """By hand: the mean of a head on its things and one far off them points where the surer of the two does."""
    good, off, sure = looks(ring=RING, star=STAR), looks(), looks()
    off[[2, 7]] = [0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1]
    sure[[2, 7]] = 0.01
    sure[[2, 7], 3] = 0.93
    found = lesson.mean_is_best(captioning([off, good]))
    assert found.answer is None, "more attention on the things in one head is no better pointing, and a tie is no win"
    assert "this needs a scene where they differ" in found.text
    assert "for 2 in the mean of heads, for 2 in the best single head (head 2)" in found.text
    assert "for 0 in the worst (head 1): no head hits more." in found.text
    lost = lesson.mean_is_best(captioning([good, sure]))
    assert lost.answer is False
    assert "for 0 in the mean of heads, for 2 in the best single head (head 1)" in lost.text
    assert "1 of 2 heads hit more" in lost.text
    assert lesson.mean_is_best(captioning([off, off])).answer is None
    # Each head finds one of the two things and is weakly off the other; their mean finds both.
    ring, star = looks(ring=RING), looks(star=STAR)
    ring[7], star[2] = off[7], off[2]
    both = lesson.mean_is_best(captioning([ring, star]))
    assert both.answer is True
    assert "for 2 in the mean of heads, for 1 in the best single head (head 1)" in both.text


def test_the_first_region_is_special_only_if_it_draws_looks() -> None:
    assert lesson.first_region_is_special(captioning([looks()])).answer is False
    drawn = np.full((len(WORDS), 8), 0.05)
    drawn[:, 0] = 0.65
    found = lesson.first_region_is_special(captioning([drawn]))
    assert found.answer is True
    assert "gets 65.00% of the words' attention" in found.text
    assert "other regions give it 12.50%" in found.text


def test_looks_are_counted_with_the_end() -> None:
    assert lesson.steps(captioning([looks()])).answer == 9
    cut = lesson.steps(captioning([looks()[:3]], words=WORDS[:3]))
    assert cut.answer == 3
    assert "was cut off" in cut.text


def test_the_bundled_model_says_the_same_of_shuffled_regions() -> None:
    picture = Picture.drawn("scene-6-2-50")
    now = spoken(picture)
    found = lesson.shuffled_caption(now)
    assert found.answer == lesson.SAME
    again = lesson.shuffled(now)
    assert again.moved == now.record.prediction.text
    assert again.misplaced != now.record.prediction.text
    # The record is kept in half precision, the shuffled one is not.
    assert lesson.largest_gap(now, again) < 1e-3
    assert (np.sort(again.order) == np.arange(196)).all()
    assert (again.order != np.arange(196)).any()


def test_where_exchanged_places_change_nothing_the_finding_says_so() -> None:
    """One sentence for all three orders is no proof that places matter."""
    said = {}
    for name in ("scene-1361-2-50", "scene-6-2-50"):
        picture = Picture.drawn(name)
        now = spoken(picture)
        same = lesson.shuffled(now).misplaced == now.record.prediction.text
        said[same] = lesson.shuffled_caption(now).text
    assert set(said) == {True, False}
    assert "Here even exchanged place codes" in said[True]
    assert "What does matter" not in said[True]
    assert "What does matter is what a region says about its own place" in said[False]
    assert "luck" not in said[False]


def test_every_order_is_searched_with_the_beams_that_were_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, asked = load("scene-aoanet"), []
    plain = type(loaded).attend
    monkeypatch.setattr(type(loaded), "attend", lambda *a, **k: asked.append(k.get("beams", 1)) or plain(*a, **k))
    picture = Picture.drawn("scene-4007-2-50")
    lesson.shuffled_caption(spoken(picture, 3))
    assert asked == [3, 3, 3]


def test_heads_are_named_inside_a_sentence() -> None:
    rows = [looks(ring=RING, star=STAR)] * 2
    assert "Looked at in head 2." in lesson.nouns_on_objects(captioning(rows, head=1)).text
    assert "Looked at in the mean of all heads." in lesson.nouns_on_objects(captioning(rows)).text


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("a blue star right of a red ring", True),
        ("a red ring left of a blue star", False),
        ("a blue star left of a red ring", False),
        ("a red ring right of a blue star", False),
        ("a red ring", False),
    ],
)
def test_a_relation_told_from_the_other_thing_is_known_as_the_same(said: str, other: bool) -> None:
    """The ring fills cell 0, upper left; the star cell 7, far to the right of it."""
    words = (*said.split(), END)
    now = captioning(np.full((1, len(words), 8), 1 / 8), words=words)
    assert str(now.truth) == "a red ring left of a blue star"
    assert turned_round(now) is other


def test_what_the_card_says_of_the_network_is_so() -> None:
    card = registry.card("scene-aoanet")
    assert card.places == scene_aoanet.POSITIONS
    assert card.heads == scene_aoanet.OPTIONS.num_heads
    assert END == caption_model.END


def test_a_record_from_a_file_cannot_be_asked_again() -> None:
    from dataclasses import replace

    assert lesson.shuffled_caption(replace(captioning([looks()]), runs=False)).answer is None


@pytest.mark.parametrize("name", [one for one in findings() if one.startswith("captions.")])
def test_every_finding_says_something_without_truth(name: str) -> None:
    from dataclasses import replace

    found = findings()[name](replace(captioning([looks()], scene=False), runs=False))
    assert len(found.text) > 20
