"""Captions: true by the masks alone, and marked as a person would."""

from __future__ import annotations

import numpy as np
import pytest

from worlds.caption_marks import named, pairs, pairs_right, relation_right
from worlds.captions import (
    LONGEST,
    VOCABULARY,
    WORDS,
    Caption,
    caption,
    centre,
    decode,
    encode,
    mirrored,
    opposite,
    phrase,
    relation,
)
from worlds.scenes import Scene, Thing, scene, scenes
from worlds.shapes import COLOURS, NAMES


def thing(shape: str, colour: str, x: int, y: int, half: int = 10) -> Thing:
    mask = np.zeros((224, 224), bool)
    mask[y - half : y + half + 1, x - half : x + half + 1] = True
    return Thing(shape, colour, mask, (x - half, y - half, x + half + 1, y + half + 1), 1.0)


def drawn(*things: Thing) -> Scene:
    return Scene(np.zeros((224, 224, 3), np.uint8), things, 0, 0.5)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [(40, 110, "left of"), (190, 110, "right of"), (110, 40, "above"), (110, 190, "below"), (60, 80, "left of")],
)
def test_the_relation_is_what_a_person_says(x: int, y: int, said: str) -> None:
    made = caption(drawn(thing("circle", "red", x, y), thing("square", "orange", 110, 110)))
    assert str(made) == f"a red circle {said} an orange square"
    assert made.clear
    assert [made.words[i] for i in made.nouns] == ["circle", "square"]
    assert list(made.nouns.values()) == [0, 1]


@pytest.mark.parametrize(
    ("across", "down", "clear"), [(60, 60, False), (60, 51, False), (60, 49, True), (49, -60, True)]
)
def test_near_a_diagonal_the_relation_is_not_clear(across: int, down: int, clear: bool) -> None:
    made = caption(drawn(thing("ring", "red", 110 + across, 110 + down), thing("tee", "pink", 110, 110)))
    assert made.clear is clear


def test_one_object_has_no_relation() -> None:
    made = caption(drawn(thing("heart", "orange", 50, 50)))
    assert (str(made), made.nouns, made.relation, made.clear) == ("an orange heart", {2: 0}, None, True)


def test_the_centre_is_that_of_what_can_be_seen() -> None:
    assert centre(thing("square", "red", 60, 90)) == (60.0, 90.0)


def test_captions_of_real_scenes_agree_with_their_boxes() -> None:
    """Boxes that do not overlap along an axis settle the relation without any centre."""
    settled = 0
    for made in scenes(60, seed=100, objects=2):
        first, second = (t.box for t in made.things)
        said = caption(made)
        apart = {
            "left": second[0] - first[2],
            "right": first[0] - second[2],
            "above": second[1] - first[3],
            "below": first[1] - second[3],
        }
        if sum(gap > 0 for gap in apart.values()) == 1:
            settled += 1
            assert apart[str(said.relation)] > 0
        for at, k in said.nouns.items():
            assert said.words[at - 1 : at + 1] == (made.things[k].colour, made.things[k].shape)
    assert settled > 20


def test_a_mirrored_scene_has_the_mirrored_relation() -> None:
    for made in scenes(20, seed=400, objects=2):
        turned = tuple(Thing(t.shape, t.colour, t.mask[:, ::-1], t.box, t.visible) for t in made.things)
        assert caption(drawn(*turned)).relation == mirrored(str(caption(made).relation))


def test_swapping_the_objects_gives_the_opposite() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        first, second = ((float(x), float(y)) for x, y in rng.uniform(0, 224, (2, 2)))
        assert relation(second, first)[0] == opposite(relation(first, second)[0])


def test_the_vocabulary_holds_every_word_once() -> None:
    assert VOCABULARY[0] == ""
    assert VOCABULARY[-1] == "UNK"
    assert len(set(VOCABULARY)) == len(VOCABULARY) == 29
    assert set(COLOURS) | set(NAMES) | {"a", "an", "of", "left", "right", "above", "below"} == set(WORDS)


def test_every_caption_survives_its_tokens() -> None:
    for made in scenes(30, seed=700):
        words = caption(made).words
        tokens = encode(words)
        assert len(tokens) <= LONGEST
        assert 0 not in tokens
        assert len(VOCABULARY) - 1 not in tokens
        assert decode([*tokens, 0, 5]) == words


def test_a_phrase_wants_a_relation_exactly_for_two() -> None:
    with pytest.raises(ValueError, match="relation_word"):
        phrase([("red", "circle")], "left")
    with pytest.raises(ValueError, match="relation_word"):
        phrase([("red", "circle"), ("blue", "square")])


TRUTH = Caption(("a", "red", "circle", "left", "of", "a", "blue", "square"), {2: 0, 7: 1}, "left", True)


@pytest.mark.parametrize(
    ("said", "right", "relation_holds"),
    [
        ("a red circle left of a blue square", True, True),
        ("a blue square right of a red circle", True, True),
        ("a blue square left of a red circle", True, False),
        ("a red circle above a blue square", True, False),
        ("a red square left of a blue circle", False, False),  # shapes tell who is who: the square is on the right
        ("a red circle left of a blue star", False, True),
        ("a pink star right of a red circle", False, True),  # only the second one can be recognised
        ("a red circle", False, False),
        ("a red circle left of a red circle", False, True),
        ("", False, False),
    ],
)
def test_captions_are_marked_as_a_person_would(said: str, right: bool, relation_holds: bool) -> None:
    assert pairs_right(said.split(), TRUTH) is right
    assert relation_right(said.split(), TRUTH) is relation_holds


def test_nouns_name_things_or_nothing() -> None:
    assert named(["a", "blue", "square", "right", "of", "a", "pink", "star"], TRUTH) == {2: 1, 7: None}
    assert pairs(["circle", "red"]) == [(None, "circle")]


def test_a_relation_of_one_object_is_refused() -> None:
    with pytest.raises(ValueError, match="two objects"):
        relation_right(["a"], caption(scene(1, objects=1)))
