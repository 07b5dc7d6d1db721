"""The findings of the reading page on readings made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tutorials.findings.readings import BLANK, CELLS, FOUR, HEADING, POT, TEA, TOKENS, TWO, looks, page, reading
from tutorials.findings import findings
from tutorials.findings import reading as lesson
from tutorials.findings.head_sample import Sample
from tutorials.findings.reading import BLANK as ON_BLANK
from tutorials.findings.reading import EARLIER, LAST, LATER, NEXT, OTHER, OWN

NM, PRICE = 0, 4
"""Rows of the two opening tags."""
HERE = {name: one for name, one in findings().items() if name.startswith("reading.")}


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ({NM: 0, PRICE: 7}, (NEXT, NEXT)),
        ({NM: HEADING, PRICE: 1}, (OTHER, LAST)),
        ({NM: 6, PRICE: BLANK}, (OTHER, ON_BLANK)),
    ],
)
def test_what_lies_under_a_tag_s_strongest_cell(cells: dict[int, int], places: tuple[str, str]) -> None:
    found = lesson.tag_places(reading([[looks(cells)]]))
    assert [one.place for one in found] == list(places)
    assert [one.token for one in found] == [NM, PRICE]
    assert found[0].tag == "<s_nm>"
    assert found[0].share == pytest.approx(0.65)
    # 0.65 log2(1/0.65) + 7 * 0.05 log2(1/0.05)
    assert found[0].bits == pytest.approx(0.40397 + 1.51267, abs=1e-4)


def test_places_that_tie_are_all_right_and_counted() -> None:
    found = lesson.where_tags_look(reading([[looks({NM: HEADING, PRICE: 1})]]))
    assert found.answer == (LAST, OTHER)
    assert "opening tags before a value: on the print that is read next: 0;" in found.text
    assert "on the print that was read last: 1; on other print: 1" in found.text
    assert lesson.where_tags_look(reading([[looks({NM: 0, PRICE: 6})]])).answer == (NEXT,)


def test_the_chosen_layer_and_head_count() -> None:
    good, bad = looks({NM: 0, PRICE: 6}), looks({})
    layers = [[bad, bad], [bad, good]]
    assert lesson.where_tags_look(reading(layers, layer=1, head=1)).answer == (NEXT,)
    assert lesson.where_tags_look(reading(layers, layer=1, head=0)).answer == (ON_BLANK,)


def test_findings_are_about_all_tokens_so_a_step_leaves_them() -> None:
    layers, own = [[looks(CELLS), looks({})]], page()
    first, later = (reading(layers, document=own, layer=0, head=0, token=token) for token in (0, 5))
    assert first.view == later.view
    assert first.view != reading(layers, document=own, layer=0, head=1).view
    assert {n: HERE[n](first) for n in HERE} == {n: HERE[n](later) for n in HERE}


def test_a_program_that_is_off_by_one_is_found_out() -> None:
    right = looks(CELLS)
    assert lesson.which_row(reading([[right]])).answer == (OWN,)
    assert lesson.which_row(reading([[np.roll(right, 1, axis=0)]])).answer == (LATER,)
    late = lesson.which_row(reading([[np.roll(right, -1, axis=0)]]))
    assert late.answer == (EARLIER,)
    assert "the row before its own: 100%; its own row: 0%; the row after its own: 0%" in late.text


def test_half_of_the_tokens_must_be_looked_at() -> None:
    two = lesson.looked_at(reading([[looks({TEA: 0, TWO: 7})]]))
    assert two.answer is True
    assert "50% of 4 tokens" in two.text
    # Each token lies in one cell of eight.
    assert "at random would for 12.5%" in two.text
    assert lesson.looked_at(reading([[looks({TEA: 0})]])).answer is False


def test_tokens_of_a_value_read_wrong_are_left_out() -> None:
    found = lesson.looked_at(reading([[looks(CELLS)]], document=page(name="teapox")))
    assert "100% of 2 tokens" in found.text
    assert "Left out: 2 tokens" in found.text
    assert lesson.looked_at(reading([[looks(CELLS)]], document=page(name="teapox", price="43"))).answer is None


def test_tags_are_spread_if_a_bit_wider_than_text() -> None:
    rows = looks(CELLS)
    rows[[0, 3, 4, 7]] = 1 / 8
    found = lesson.tags_spread(reading([[rows]]))
    assert found.answer is True
    assert "3.00 bits over 4 tags and 1.92 bits over 4 pieces of text; the largest possible is 3.00 bits" in found.text
    rows[[TEA, POT]] = 1 / 8
    assert lesson.tags_spread(reading([[rows]])).answer is False
    assert lesson.tags_spread(reading([[looks({}, rows=2)]], tokens=("▁tea", "pot"))).answer is None


def test_one_short_page_cannot_say_what_is_guessed() -> None:
    few = lesson.rest_guessed(reading([[looks({TEA: 0})]]))
    assert few.answer is None
    assert "1 pieces that go on with a word were read right here; 9 more are needed" in few.text


@pytest.mark.parametrize(("later", "holds"), [(0, True), (2, True), (3, False), (9, False)])
def test_guessed_means_hits_near_chance_over_several_pages(
    monkeypatch: pytest.MonkeyPatch, later: int, holds: bool
) -> None:
    monkeypatch.setattr(lesson, "page_sample", lambda now: sample(0, of=0))
    monkeypatch.setattr(lesson, "several_pages", lambda now: sample(later))  # of 10; chance is 10 %
    found = lesson.rest_guessed(reading([[looks({})]]))
    assert found.answer is holds
    assert f"{10 * later}% of 10 that go on with one; a cell picked at random would for 10.0%" in found.text


def sample(later: int, of: int = 10, left_out: int = 0) -> Sample:
    """One head, which hit that many of the pieces that go on with a word."""
    hits = np.zeros((2, 2, 3), int)
    hits[..., 1] = later
    return Sample(hits, np.zeros((2, 2)), np.array([0, of, 0]), 0.1, left_out)


@pytest.mark.parametrize(("strange", "holds"), [(9, True), (8, False), (3, False)])
def test_invented_endings_must_be_looked_at_ten_points_more(
    monkeypatch: pytest.MonkeyPatch, strange: int, holds: bool
) -> None:
    known = {"receipt": sample(8), "invented": sample(strange, left_out=5)}
    monkeypatch.setattr(lesson, "several_pages", lambda now, kind="receipt": known[kind])
    found = lesson.invented_read(reading([[looks({})]]))
    assert found.answer is holds
    assert f"80% of 10 in known words, {strange}0% of 10 in words that do not exist" in found.text
    assert "0 and 5 tokens" in found.text


def test_a_reader_too_slow_for_more_pages_says_so() -> None:
    found = lesson.invented_read(reading([[looks({})]]))  # "by-hand" is not the bundled reader
    assert found.answer is None
    assert "too long" in found.text


def test_unsure_tokens_are_ranked_against_their_spread() -> None:
    rows = looks(CELLS)
    for row, share in ((TEA, 0.9), (POT, 0.7), (FOUR, 0.5), (TWO, 0.3)):
        rows[row] = looks({row: CELLS[row]}, share)[row]
    chances = np.full(len(TOKENS), 0.99)
    chances[[TEA, POT, FOUR, TWO]] = 0.9, 0.8, 0.7, 0.6
    found = lesson.unsure_spread(reading([[rows]], chances=chances))
    assert found.answer is True
    assert "4 pieces of text: rank correlation of entropy and probability -1.00" in found.text
    assert 'token 7, "2", with a probability of 60.0%' in found.text
    chances[[TEA, POT, FOUR, TWO]] = 0.6, 0.7, 0.8, 0.9
    assert lesson.unsure_spread(reading([[rows]], chances=chances)).answer is False
    assert lesson.unsure_spread(reading([[rows]])).answer is None


@pytest.mark.parametrize(("least", "told"), [(0.905, False), (0.895, True)])
def test_a_model_that_was_never_unsure_cannot_be_tested(least: float, told: bool) -> None:
    rows = looks(CELLS)
    rows[TWO] = looks({TWO: CELLS[TWO]}, 0.3)[TWO]
    chances = np.full(len(TOKENS), 0.99)
    chances[TWO], chances[0] = least, 0.1  # what a tag was given does not count
    found = lesson.unsure_spread(reading([[rows]], chances=chances))
    assert (found.answer is not None) is told
    assert ("never unsure" in found.text) is not told
    assert f'token 7, "2", with a probability of {least:.1%}' in found.text


@pytest.mark.parametrize(
    "name", sorted(set(HERE) - {"reading.tags_spread", "reading.unsure_spread", "reading.invented_read"})
)
def test_nothing_is_claimed_of_a_page_whose_truth_is_not_known(name: str) -> None:
    found = HERE[name](reading([[looks(CELLS)]], document=page(truth=False)))
    assert found.answer is None
    assert "not known" in found.text
