"""Answers of a class: tables from outside, pairs by hand, intervals by their definition, and effects that were put in."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tutorials.study.__main__ import main
from tutorials.study.answers import COLUMNS, Answer, read, written
from tutorials.study.changes import by_misconception, changes, gain, larger
from tutorials.study.collected import collected
from tutorials.study.simulated import EXAMPLE, Effect, files
from vit_attention.gate import GateError

ROOT = Path(__file__).parents[3]


def answer(kind: str, right: str, at: int = 0, question: str = "heads.example", **more: str) -> Answer:
    given = dict.fromkeys(COLUMNS, "") | {"time": f"2026-01-12T09:{at:02d}:00Z", "lesson": question.split(".")[0]}
    given |= {"step": "0", "kind": kind, "question": question, "right": right, "answer": "colour", **more}
    return Answer(**given)  # type: ignore[arg-type]


def pair(before: str, after: str, **more: str) -> tuple[Answer, ...]:
    return answer("before", before, 1, **more), answer("after", after, 20, **more)


LIVE = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'quoted'", "'=1", 'a, b; c\nd "e" <b>', "", "Größe"]


@pytest.mark.parametrize("why", LIVE)
def test_a_table_is_read_back_as_it_was_and_no_cell_of_it_runs(why: str) -> None:
    one = answer("before", "1", why=why, student="17")
    text = written([one])
    assert read(text.encode(), "a.csv") == (one,)
    cell = next(iter(csv.DictReader(io.StringIO(text, newline=""))))["why"]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("how", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_what_a_spreadsheet_saves_again_is_read(how: str, between: str) -> None:
    rows = pair("0", "1", why='Größe; Farbe, "hell"', student="3")
    out = io.StringIO()
    lines = csv.writer(out, delimiter=between)
    head = [*reversed(COLUMNS), "remark"]
    lines.writerow(head)
    lines.writerows([[*(getattr(row, name) for name in reversed(COLUMNS)), "x"] for row in rows])
    assert read(out.getvalue().encode(how), "a.csv") == rows


GOOD = written(pair("0", "1")).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "got another file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "want text in UTF-8"),
        (b"PK\x03\x04 zip", "got another file"),
        (b"time,student\n1,2\n", "got a table without lesson"),
        (GOOD.replace(b"before", b"bevor"), "row 1, kind: want 'before', 'after'"),
        (GOOD.replace(b"2026-01-12T09:20:00Z", b"12.01.2026"), "row 2, time"),
        (GOOD.replace(b"heads.example", b"../../etc"), "row 1, question"),
        (GOOD.replace(b",colour,1", b",colour,7"), "row 2, right"),
        (GOOD + b'"open', "cannot be read"),
        (GOOD + b"short\r\n", "row 3: want at least 14 cells, got 1"),
        (GOOD.replace(b"\r\n", b"\n" * 3000), "want at most 2,000 answers"),
        (GOOD + b"x" * (1 << 20), "want at most 1,048,576 bytes"),
        (GOOD.replace(b"colour", b"c" * 5000, 1), "row 1, answer"),
    ],
)
def test_what_is_no_table_of_answers_is_refused_in_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(GateError, match=r"^bad\.csv: ") as caught:
        read(data, "bad.csv")
    assert said in str(caught.value)


def test_damaged_files_are_named_and_the_same_visit_counts_once() -> None:
    whole = (*pair("0", "1"), *pair("1", "1", question="layers.example"))
    given = [
        ("all.csv", written(whole).encode()),
        ("early.csv", written(whole[:2]).encode()),
        ("again.csv", written(whole).encode()),
        ("photo.csv", b"\xff\xd8\xff\xe0\0\0"),
        ("all.csv", written(pair("1", "0")).encode()),
        ("empty.csv", written([]).encode()),
    ]
    found = collected(given)
    assert found.visits == ("again.csv", "all.csv (2)")
    assert found.repeated == {"all.csv": "again.csv", "early.csv": "again.csv"}
    assert found.damaged["empty.csv"] == "want at least one answer, got none"
    assert set(found.damaged) == {"photo.csv", "empty.csv"}
    assert len(found.students) == 2


def test_files_of_one_seat_are_one_student() -> None:
    first, second = pair("0", "1", student="4")
    found = collected([("monday.csv", written([first]).encode()), ("tuesday.csv", written([second]).encode())])
    assert found.students == {"seat 4": (first, second)}
    (change,) = changes(found.students)
    assert change.flow == (1, 0, 0, 0)


def test_too_many_files_are_refused() -> None:
    with pytest.raises(GateError, match="at most 500 files"):
        collected((f"{at}.csv", b"") for at in range(501))


def test_pairs_by_hand() -> None:
    told = {"misconception": "one head, one concept"}
    class_ = {
        "a": pair("0", "1", **told),
        "b": pair("0", "1", **told),
        "c": pair("0", "0", **told),
        "d": pair("1", "0", **told),
        "e": pair("1", "1", **told),
        "only before": pair("0", "1", **told)[:1],
        "not graded": pair("", "1", **told),
        "the wrong way round": (answer("after", "1", 1, **told), answer("before", "0", 9, **told)),
        "twice": (*pair("0", "1", **told), answer("after", "0", 30, **told), answer("before", "1", 31, **told)),
        "guesses do not count": (answer("guess", "1", 2, **told),),
    }
    (found,) = changes(class_)
    assert (found.flow, found.unpaired) == ((3, 1, 1, 1), 3)
    assert (found.pairs, found.before, found.after) == (6, 2, 4)
    assert found.p == pytest.approx(2 * (1 + 4) / 2**4)  # 3 against 1: that and more uneven, both ways
    assert found.adjusted == found.p
    # Wilson's for 2 of 6, by the formula of 1927 with z = 1.96.
    assert found.intervals[0] == pytest.approx((0.0968, 0.7000), abs=1e-3)


def test_p_values_are_adjusted_over_the_questions_that_have_pairs() -> None:
    class_ = {
        f"s{at}": (
            *pair("0", "1"),
            *pair(str(at % 2), "1", question="layers.example"),
            *pair("", "", question="query.x"),
        )
        for at in range(8)
    }
    found = {one.name: one for one in changes(class_)}
    assert found["heads.example"].p == pytest.approx(2 / 2**8)
    assert found["heads.example"].adjusted == pytest.approx(2 * 2 / 2**8)
    assert found["layers.example"].adjusted == pytest.approx(2 / 2**4)
    assert found["query.x"].adjusted is None
    assert found["query.x"].unpaired == 8


def test_questions_about_one_misconception_are_put_together() -> None:
    told = {"misconception": "bright means important"}
    class_ = {
        "a": (*pair("0", "1", **told), *pair("1", "1", question="layers.example", **told)),
        "b": (*pair("0", "0", **told), *pair("1", "1", question="query.example")),
    }
    (found,) = by_misconception(changes(class_))
    assert (found.name, found.flow) == ("bright means important", (1, 1, 0, 1))


def test_the_interval_of_a_gain_is_the_published_one() -> None:
    # The example of ci.prop.ps in the R package statpsych: f00 = 12, f01 = 4, f10 = 26, f11 = 6.
    assert gain((26, 6, 4, 12))[1:] == pytest.approx((0.2548067, 0.6251933), abs=1e-6)


@pytest.mark.parametrize(("up", "down"), [(0.30, 0.05), (0.10, 0.10), (0.48, 0.02), (0.05, 0.0), (0.2, 0.3)])
@pytest.mark.parametrize("count", [15, 30])
def test_the_interval_of_a_gain_covers_the_truth_as_often_as_it_says(up: float, down: float, count: int) -> None:
    covered = 0.0
    for ups in range(count + 1):
        for downs in range(count - ups + 1):
            _, low, high = gain((ups, count - ups - downs, downs, 0))
            chance = comb(count, ups) * comb(count - ups, downs) * up**ups * down**downs
            covered += chance * (1 - up - down) ** (count - ups - downs) * (low <= up - down <= high)
    assert covered >= 0.94


def test_the_interval_of_a_difference_between_groups_covers_the_truth() -> None:
    draws = np.random.default_rng(3)
    treated, others = (
        draws.multinomial(30, [0.3, 0.4, 0.05, 0.25], 2000),
        draws.multinomial(30, [0.1, 0.6, 0.1, 0.2], 2000),
    )
    found = [larger(a, b) for a, b in zip(treated.tolist(), others.tolist(), strict=True)]
    assert np.mean([middle for middle, _, _ in found]) == pytest.approx(0.25, abs=0.01)
    assert 0.94 <= np.mean([low <= 0.25 <= high for _, low, high in found]) <= 0.97


def test_the_analysis_recovers_the_effects_that_classes_were_made_with() -> None:
    effects = [replace(one, forget=0.1) for one in EXAMPLE]
    hits, sums = 0, dict.fromkeys((one.question for one in effects), 0.0)
    seeds = range(30)
    for seed in seeds:
        found = {one.name: one for one in changes(collected(files(30, seed, effects).items()).students)}
        for one in effects:
            middle, low, high = found[one.question].gain
            hits += low <= one.gain <= high
            sums[one.question] += middle / len(seeds)
    assert {one.question: one.gain for one in effects} == pytest.approx(sums, abs=0.04)
    assert hits / (len(seeds) * len(effects)) >= 0.92  # of 120 intervals of 95 %


def test_without_an_effect_a_class_shows_one_as_seldom_as_the_level_says() -> None:
    none = [Effect(f"heads.q{at}", "m", 0.5, 0.2, 0.2) for at in range(4)]
    found = sum(
        any((one.adjusted or 1) <= 0.05 for one in changes(collected(files(30, seed, none).items()).students))
        for seed in range(40)
    )
    assert found <= 5  # 5 % of 40 are 2, and the exact test stays below it


def test_the_same_seed_gives_the_same_class() -> None:
    assert files(5, 3) == files(5, 3) != files(5, 4)


def run(*words: str) -> str:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_reads_a_folder_and_writes_its_tables(tmp_path: Path) -> None:
    for name, data in files(30, 1).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "broken.csv").write_bytes(b"\0")
    said = run(str(tmp_path), "--out", str(tmp_path / "out"))
    assert "30 students" in said
    assert "broken.csv: want text in UTF-8" in said
    rows = list(csv.DictReader((tmp_path / "out" / "questions.csv").open(encoding="utf-8")))
    assert [row["question"] for row in rows] == sorted(one.question for one in EXAMPLE)
    known = {one.name: one for one in changes(collected(files(30, 1).items()).students)}
    for row in rows:
        one = known[row["question"]]
        assert (int(row["pairs"]), int(row["right_before"]), int(row["right_after"])) == (
            one.pairs,
            one.before,
            one.after,
        )
        assert float(row["p_adjusted"]) == pytest.approx(one.adjusted, rel=1e-3)


def test_the_command_simulates_and_computes_a_size() -> None:
    said = run("--simulate", "30", "--seed", "2")
    assert "simulated" in said.lower()
    assert "rollout.simulated" in said
    assert "45 students" in run("--size", "0.30", "0.05")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nowhere.csv"],
        ["--size", "0.9", "0.9"],
        ["--simulate", "9999"],
        ["--simulate", "5", "--seed", "-1"],
        ["--simulate", "5", "--size", "0.3", "0.05"],
        ["--simulate", "5", "README.md"],
        ["--size", "0.3", "0.05", "--power", "nan"],
        ["--size", "0.3", "0.05", "--power", "1"],
        ["--simulate", "5", "--out", "README.md/tables"],
    ],
)
def test_the_command_refuses_in_a_sentence(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "Error: " in done.output


def test_a_place_that_takes_no_table_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    (tmp_path / "misconceptions.csv").mkdir()
    done = CliRunner().invoke(main, ["--simulate", "5", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "Error: misconceptions.csv: want" in done.output
    assert sorted(one.name for one in tmp_path.iterdir()) == ["misconceptions.csv", "questions.csv"]


def test_a_name_of_several_lines_takes_one(tmp_path: Path) -> None:
    (tmp_path / "two\nlines\u202e.csv").write_text("no table")
    assert "\ntwo lines?.csv: want" in CliRunner().invoke(main, [str(tmp_path)]).output


def test_a_class_without_a_table_that_can_be_read_fails_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_bytes(b"\0")
    done = CliRunner().invoke(main, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "broken.csv: want text in UTF-8" in done.output
    assert "Error: want a table with answers, got none that could be read" in done.output
    assert not (tmp_path / "out").exists()


def test_a_cell_of_the_wrong_form_is_said_in_words() -> None:
    with pytest.raises(GateError, match=r"row 1, student: want text of the form .*, got '1000'"):
        read(written([answer("before", "1", student="17")]).replace(",17,", ",1000,").encode(), "a.csv")
