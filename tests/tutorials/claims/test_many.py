"""Claims on many pictures, on stand-ins whose answers are known, and on the bundled models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tutorials.claims import is_default, many, on_many
from tutorials.claims.defaults import default, models
from tutorials.claims.fresh import COUNT, FIRST, fresh
from tutorials.claims.many import once_loaded
from tutorials.findings import Finding, findings
from tutorials.findings.context import Picture
from tutorials.findings.controls import Control, against, demonstration, in_groups
from vit_attention.gate import GateError
from worlds.sentences import sentence


def look(number: int) -> Any:
    return lambda run: SimpleNamespace(number=number, picture=SimpleNamespace(key=str(number)), own=run == "own")


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ten pictures, numbered; the untrained network is asked as well."""
    monkeypatch.setattr(many, "fresh", lambda now: ("scenes", [look(n) for n in range(10)]))
    monkeypatch.setattr(many, "_runs", lambda model, run: {"": "own", "untrained network": "raw"})
    return lambda finding: monkeypatch.setattr(many, "finding", lambda name: finding)


NOW = SimpleNamespace(model="by-hand")
MINUS = Control("minus", lambda now, rng: SimpleNamespace(**{**vars(now), "number": -1}))


def test_every_picture_is_asked_of_the_model_and_of_every_control(hand: Any) -> None:
    def above(now: Any) -> Finding:
        return Finding(None if now.number == 9 else bool(now.own and now.number >= 3), "9 cannot be tested")

    hand(against(MINUS)(above))
    seen: list[tuple[int, int]] = []
    found = on_many("x.above", NOW, progress=lambda done, of: seen.append((done, of)))
    assert (found.held, found.tested, found.untestable, found.text) == (6, 9, 1, "9 cannot be tested")
    assert found.controls == (("untrained network", 0, 9), ("minus", 0, 9))
    assert found.p == pytest.approx(2 / 2**6)
    assert seen == [(n, 10) for n in range(11)]


def test_it_stops_between_pictures(hand: Any) -> None:
    asked: list[int] = []

    def count(now: Any) -> Finding:
        asked.append(now.number)
        return Finding(True, "1")

    class Stopped(Exception):
        pass

    def progress(done: int, of: int) -> None:
        if done == 3:
            raise Stopped

    hand(count)
    with pytest.raises(Stopped):
        on_many("x.count", NOW, progress=progress)
    assert sorted(set(asked)) == [0, 1, 2]


def test_a_finding_of_several_pages_is_asked_for_fewer_groups(hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutorials.findings.controls.GROUPS", 4)
    hand(in_groups(lambda now: Finding(True, "1")))
    found = on_many("x.pooled", NOW)
    assert (found.held, found.tested, found.things) == (4, 4, "groups of scenes")


def test_a_demonstration_has_no_verdict(hand: Any) -> None:
    hand(demonstration(lambda now: Finding(None, "1")))
    with pytest.raises(GateError, match=r"x\.shown: want a claim, got a demonstration, which has no verdict"):
        on_many("x.shown", NOW)


def test_what_belongs_to_no_picture_is_asked_once() -> None:
    asked: list[tuple[Any, ...]] = []

    def run(work: Any, model: str, picture: Any, *args: Any, **given: Any) -> Any:
        asked.append((picture, *args))
        return len(asked)

    again = many._keeping_tables(run)
    assert [again(len, "m", None, n) for n in (1, 2, 1, 2)] == [1, 2, 1, 2]
    assert [again(len, "m", "picture", 1) for _ in range(2)] == [3, 4]
    for n in range(3, 40):
        again(len, "m", None, n)
    assert again(len, "m", None, 1) == len(asked) == 42, "only the last few are kept"


def test_random_controls_are_the_same_on_every_run() -> None:
    now = SimpleNamespace(picture=SimpleNamespace(key="scene-1"))
    first, again, other = (many._random(one, now).random() for one in (MINUS, MINUS, Control("plus", MINUS.change)))
    assert first == again != other


@pytest.fixture(scope="module")
def views() -> dict[tuple[str, str], Any]:
    run = once_loaded()
    pages = dict.fromkeys(name.partition(".")[0] for name in findings())
    return {(page, model): default(page, model, run) for page in pages for model in models(page)}


THINGS = {
    **dict.fromkeys(("scene-vit", "scene-clip", "scene-aoanet"), "scenes"),
    "photo-dino": "outlined photographs",
    "receipt-donut": "receipts",
    "review-encoder": "made-up reviews",
}


def test_fresh_pictures_are_looked_at_as_the_page_looks_at_its_own(views: dict[tuple[str, str], Any]) -> None:
    for (page, model), now in views.items():
        things, looks = fresh(now)
        assert things == THINGS[model]
        assert len(looks) == (7 if model == "photo-dino" else COUNT)
        assert is_default(page, now)
    now = views["heads", "scene-vit"]
    one, two = (made(now.run) for made in fresh(now)[1][:2])
    assert (one.picture.id, two.picture.id) == (f"scene-{FIRST}", f"scene-{FIRST + 1}")
    assert one.chosen == now.chosen
    assert one.record.maps[0].weights.shape == now.record.maps[0].weights.shape
    read = fresh(views["padding", "review-encoder"])[1][1](now.run)
    assert read.picture.review == sentence(FIRST + 1, "held-out")
    assert read.record.text == read.picture.review.text


def test_scenes_of_as_many_objects_are_drawn() -> None:
    run = once_loaded()
    now = default("captions", "scene-aoanet", run)
    made = fresh(now)[1][1](run)
    assert made.picture.id == f"scene-{FIRST + 1}-2-50"
    assert len(made.picture.scene.things) == 2


def test_an_outlined_photograph_has_a_truth(views: dict[tuple[str, str], Any]) -> None:
    now = views["heads", "photo-dino"]
    mask = Picture.photograph("coffee").mask
    assert now.truth is not None
    assert mask is not None
    left, top, right, bottom = (
        now.record.geometry.boxes_to_original([[0, 0, *now.record.geometry.seen]])[0].round().astype(int)
    )
    assert now.truth.mean() == pytest.approx(mask[top:bottom, left:right].mean(), abs=0.01)
    with pytest.raises(ValueError, match="want the name of a sample photograph, such as coffee, got 'scene-7'"):
        Picture.photograph("scene-7")


@pytest.mark.parametrize(("page", "model"), [(page, models(page)[-1]) for page in ("heads", "captions", "swin")])
def test_the_untrained_network_is_not_the_trained_one(page: str, model: str, views: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(many, "fresh", lambda now: (fresh(now)[0], fresh(now)[1][:1]))
    name = {"heads": "heads.differ", "captions": "captions.nouns_on_objects", "swin": "swin.deeper_spreads"}[page]
    found = on_many(name, views[page, model])
    assert found.tested == 1
    assert found.controls[0][0] == "untrained network"
    assert found.controls[0][2] == 1


def test_a_sentence_has_no_fresh_pictures() -> None:
    with pytest.raises(GateError, match="want a picture, a reading"):
        fresh("sentence")
