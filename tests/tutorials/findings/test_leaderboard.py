"""The leaderboard: its numbers are of the bundled weights, and what is said of them is what they are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tutorials.findings import leaderboard
from tutorials.findings.standings import CONTROL, METHOD, Board, Estimate, Standing, boards
from visualizer.method import methods
from vit_attention import registry


@pytest.mark.parametrize("name", boards())
def test_the_measured_weights_are_the_bundled_ones(name: str) -> None:
    board = boards()[name]
    assert board.weights == registry.load(name).weights_hash, f"run python -m benchmarks.methods {name}"
    assert {one.name for one in board.rows if one.kind == METHOD} <= {*methods()}
    assert any(one.kind == CONTROL for one in board.rows)
    for one in board.rows:
        assert one.cases > 0
        assert 0 <= one.hit.low <= one.hit.value <= one.hit.high <= 1


def line(name: str, hit: float, half: float = 0.05, kind: str = METHOD, **more: Any) -> Standing:
    found = Estimate(hit, hit - half, hit + half)
    known = {"other": None, "deletion": None, "insertion": None, "untrained": None, "passes": 1, "ms": 1.0, **more}
    return Standing("toy", name, kind, 20, found, inside=found, iou=found, **known)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes what a finding is given, on a board of these lines."""

    def made(*rows: Standing, score: str = "probability") -> Any:
        board = Board("toy", "0", "A toy.", score, rows)
        monkeypatch.setattr(leaderboard, "boards", lambda: {"toy": board})
        return SimpleNamespace(model="toy", board=board)

    return made


RAW, RELEVANCE = line("raw", 0.5), line("relevance", 0.9)
CONTRAST = line("colour contrast", 0.52, kind=CONTROL, passes=0)


def test_a_method_whose_interval_reaches_down_to_the_best_control_is_not_better(now: Any) -> None:
    found = leaderboard.not_better(now(RAW, RELEVANCE, line("random map", 0.1, kind=CONTROL), CONTRAST))
    assert found.answer == 1
    assert "raw" in found.text
    assert "colour contrast" in found.text


def test_the_first_of_those_that_cannot_be_told_apart_is_named_with_the_others(now: Any) -> None:
    found = leaderboard.best(now(RAW, RELEVANCE, line("rise", 0.88), CONTRAST))
    assert found.answer == leaderboard.SEVERAL
    assert "reach as high: relevance, rise." in found.text
    assert leaderboard.best(now(RAW, RELEVANCE)).answer == leaderboard.ONE


def test_those_that_are_told_what_is_asked_are_told_apart_from_those_that_are_not(now: Any) -> None:
    assert leaderboard.asked_or_not(now(RAW, RELEVANCE)).answer == "Those that are told"
    assert leaderboard.asked_or_not(now(line("raw", 0.95), RELEVANCE)).answer == "Those that are not told"
    assert leaderboard.asked_or_not(now(RAW)).answer is None


@pytest.mark.parametrize(
    ("areas", "said"),
    [((0.3, 0.2, 0.1), "Nearly the same"), ((0.1, 0.2, 0.3), "The other way round"), ((0.2, 0.1, 0.2), "Hardly")],
)
def test_the_two_questions_are_compared_by_ranks(now: Any, areas: tuple[float, ...], said: str) -> None:
    rows = [
        line(name, hit, deletion=Estimate(area, area, area))
        for name, hit, area in zip(("raw", "rollout", "relevance"), (0.1, 0.2, 0.3), areas, strict=True)
    ]
    assert leaderboard.two_questions(now(*rows)).answer == said
    assert leaderboard.two_questions(now(*rows, score="")).answer is None


def test_low_is_good_where_it_is_and_costly_ones_can_be_left_out(now: Any) -> None:
    first = line("raw", 0.1, deletion=Estimate(0.4, 0.3, 0.5))
    second = line("rise", 0.9, deletion=Estimate(0.2, 0.1, 0.3), passes=500)
    board = now(first, second, CONTRAST).board
    assert [one.name for one in leaderboard.ranked(board, "points at it")] == ["rise", "colour contrast", "raw"]
    assert [one.name for one in leaderboard.ranked(board, "deletion AUC")] == ["rise", "raw"]
    assert [one.name for one in leaderboard.ranked(board, "points at it", 50)] == ["colour contrast", "raw"]
    assert leaderboard.measures_of(board) == ["points at it", "weight inside", "overlap (IoU)", "deletion AUC"]
