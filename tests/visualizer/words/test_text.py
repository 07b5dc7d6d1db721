from __future__ import annotations

import numpy as np
import pytest

from tests.visualizer.texts import AXIS, by_hand, text_record
from visualizer import describe, describe_arcs, describe_token_matrix, methods
from vit_attention.records import Axis


def test_arcs_in_words_name_both_ways() -> None:
    said = describe_arcs(text_record(by_hand()), "not", 1, 0, strongest=2)
    assert said == (
        'Layer 2, head 1. Token 5, "not" gives most weight to token 4, "is" (0.6); token 5, "not" (0.4). '
        'It gets most weight from token 1, "[CLS]" (0.9); token 5, "not" (0.4). Values are shares of attention.'
    )
    assert describe_arcs(text_record(by_hand()), 1, 1, 0, special=False).endswith("so that rows sum to less than 1.")


def test_a_matrix_in_words_names_pairs_and_spread() -> None:
    weights = np.zeros((1, 1, 6, 6))
    weights[..., 5] = 1
    weights[0, 0, 4] = [0, 0, 0, 1, 0, 0]
    weights[0, 0, 0] = [0.5, 0.5, 0, 0, 0, 0]
    said = describe_token_matrix(text_record(weights), strongest=1)
    assert 'Strongest shares of attention: token 2, "un" reads token 6, "[SEP]", 1.' in said
    assert 'Read most on the whole: token 6, "[SEP]", 0.667 of a row in the mean.' in said
    assert "Mean entropy of a row: 0.167 of at most 2.58 bits." in said  # one bit in one of six rows


def test_a_map_over_a_text_names_tokens_with_their_numbers() -> None:
    found = methods()["raw"](text_record(by_hand()), layer=1, head=0, query="not")
    said = describe(found.row, found.axis, name=found.words, unit=found.unit, strongest=1)
    assert said.startswith('layer 2, head 1, asked by token 5, "not": strongest is token 4, "is" with 0.6')
    assert 'token 1, "[CLS]" with 1' in describe([1, 0, 0, 0, 0, 0], AXIS, strongest=1)
    assert "strongest is tea with 0.9" in describe([0.1, 0.9], Axis.text(("a", "▁tea")), strongest=1)


@pytest.mark.parametrize("say", [describe_arcs, describe_token_matrix])
def test_what_is_not_there_is_told(say: object) -> None:
    with pytest.raises(ValueError, match="layer: want numbers of 0 to 1, got 7"):
        say(text_record(by_hand()), **({"token": 0} if say is describe_arcs else {}), layer=7)  # type: ignore[operator]
