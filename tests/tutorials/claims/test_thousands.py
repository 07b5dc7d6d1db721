"""Claims on many more pictures: answers that survive a stop, verdicts that are those of the same pictures, staleness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import thousands as command
from benchmarks.claims import claims
from tutorials.claims import fresh, many, on_many_at_once, thousands
from tutorials.claims import thousands as said
from tutorials.claims.defaults import default
from tutorials.claims.precomputed import kept_of
from tutorials.claims.thousands import FILE, known
from tutorials.findings.controls import groups
from tutorials.lessons import lessons


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


def asked(folder: Path, count: int) -> tuple[command.Page, dict[str, Any], Any]:
    run, forget = command.keeping(many.once_loaded())
    page = command.Page("layers", "scene-vit", count, run, folder)
    return page, many._runs("scene-vit", many._keeping_tables(run)), forget


def test_the_first_pictures_are_those_of_a_visitors_own_test_and_the_constant_stays(folder: Path) -> None:
    run = many.once_loaded()
    things, looks = command.looks(default("layers", "scene-vit", run), 53)
    assert (things, len(looks), fresh.COUNT) == ("scenes", 53, 50)
    own = fresh.fresh(default("layers", "scene-vit", run))[1]
    assert [looks[n](run).picture.id for n in (0, 49)] == [own[n](run).picture.id for n in (0, 49)]
    assert looks[52](run).picture.id == f"scene-{fresh.FIRST + 52}"


def test_a_run_that_is_stopped_goes_on_and_gives_the_verdict_of_the_same_pictures(
    folder: Path, monkeypatch: Any
) -> None:
    page, runs, forget = asked(folder, 4)
    for at in command.run_all([page], runs, forget, 1e9):
        if at == 1:
            break
    assert page.done == 2
    with page.file.open("ab") as out:
        out.write(b'{"layers.conv')  # killed while a line was written
    page, runs, forget = asked(folder, 4)
    assert page.done == 2
    assert [*command.run_all([page], runs, forget, 1e9)] == [0, 1, 2, 3]
    monkeypatch.setattr(fresh, "COUNT", 4)
    names = [*page.asked]
    want = on_many_at_once(names, default("layers", "scene-vit", many.once_loaded()))
    assert {name: one["verdict"] for name, one in page.verdicts().items()} == {
        name: kept_of(want[name]) for name in names
    }


def test_a_page_given_up_on_a_few_pictures_adds_nothing_to_the_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, runs, forget = asked(folder, 4)
    assert [*command.run_all([page], runs, forget, 1e9)][-1] == 3
    out = tmp_path / "thousands.json"
    monkeypatch.setattr(command, "FILE", out)
    monkeypatch.setattr(command, "known", dict)
    command.save([page])
    assert json.loads(out.read_text()) == {}
    monkeypatch.setattr(fresh, "COUNT", 3)
    command.save([page])
    assert json.loads(out.read_text())["scene-vit"].keys() == page.asked.keys()


def test_verdicts_of_other_code_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"verdict": kept_of(said_like()), "made_from": "another"}
    monkeypatch.setitem(thousands.__globals__, "known", lambda: {"scene-vit": {"layers.smooth": kept}})
    assert said("layers.smooth", "scene-vit") is None
    now = thousands.__globals__["_now"]("layers.smooth", "scene-vit")
    kept["made_from"] = now
    assert said("layers.smooth", "scene-vit").words.startswith("holds on 3 of 4 scenes")


def said_like() -> Any:
    from tutorials.claims import judged

    return judged([True, True, True, False], {"untrained": [False] * 4})


def test_the_file_holds_claims_that_lessons_make_and_says_how_many() -> None:
    listed = {name for page in lessons() for name in claims(page)}
    for of_model in known().values():
        for name, one in of_model.items():
            assert name in listed
            found = one["verdict"]
            assert found["held"] <= found["tested"]
            assert found["tested"] + found["untestable"] > 50
    assert not FILE.exists() or json.loads(FILE.read_text()) == known()


def test_claims_about_groups_are_left_out(folder: Path) -> None:
    from tutorials.findings import finding

    page = command.Page("reading", "receipt-donut", 2, many.once_loaded(), folder)
    assert page.asked
    assert not any(groups(finding(name)) for name in page.asked)
