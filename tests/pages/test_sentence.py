"""Page "A sentence attends to itself": every step, what is masked and compared, files in and out, hostile texts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tutorials.lessons import lessons
from ui.read import sentence, sentence_proof
from vit_attention.cli.app import main

App = Callable[..., AppTest]
TEXT = "The soup was not good."
LONG = " ".join("abcdefghijklmnopqrstuvwxyz"[n % 26] for n in range(510))


def captions(page: AppTest) -> str:
    return "\n".join(one.value for one in page.caption).replace("\\", "")


def spec(page: AppTest, number: int = 0) -> dict:
    return dict(json.loads(page.get("plotly_chart")[number].proto.spec))


def titles(page: AppTest) -> list[str]:
    layouts = [json.loads(one.proto.spec)["layout"] for one in page.get("plotly_chart")]
    return [layout.get("title", {}).get("text", "").replace("<br>", " ") for layout in layouts]


def upload(page: AppTest, name: str, data: bytes) -> AppTest:
    return page.file_uploader(key="sentence_json").upload(name, data).run()


def attention_json(folder: Path, form: str = "extracted") -> bytes:
    return va.load("review-encoder").attend(TEXT).save_attention_json(folder / "a.json", form).read_bytes()


def test_the_lesson_begins_with_the_first_review() -> None:
    assert lessons()["sentence"].picture == "sentence-7"
    assert len(lessons()["sentence"].steps) == 9


@pytest.mark.parametrize("step", range(1, 10))
def test_every_step_opens_cold(app: App, step: int) -> None:
    page = app("sentence", step=str(step))
    assert not page.error
    assert not page.warning
    assert page.get("plotly_chart") or step in (8, 9)


def test_all_of_it_opens(app: App) -> None:
    page = app("sentence", all="true")
    assert not page.error
    assert len(page.get("plotly_chart")) == 7  # matrix, arcs, atlas, padding, masks, and two of twins


def test_the_matrix_is_the_records(app: App) -> None:
    page = app("sentence", text=TEXT, layer="2", head="3")
    assert titles(page) == ["layer 2, head 3"]
    assert "No layer" not in captions(page)
    page = app("sentence", text=TEXT, layer="2", words="true", special="false", step="8", token="1 [CLS]")
    assert "[SEP]" not in page.get("html")[0].proto.body


def test_a_click_on_a_token_makes_it_ask(app: App) -> None:
    page = app("sentence", step="2", text=TEXT, token="5 not")
    assert titles(page) == ['layer 4, mean of all heads: token 5, "not"']
    names = ("1 [CLS]", "2 the", "3 soup", "4 was", "5 not", "6 good")
    page.selectbox(key="token").set_value(names[5]).run()
    assert "token 6" in titles(page)[0]


def test_masking_a_word_says_what_becomes_of_the_verdict(app: App) -> None:
    page = app("sentence", step="6", text=TEXT, masked="4 not")
    model = va.load("review-encoder")
    label, other = ("negative", "positive")
    after = model.classify("The soup was [MASK] good.")
    chance = 1 / (1 + np.exp(after[other] - after[label]))
    assert f"to {chance:.1%}" in captions(page)
    assert ("the verdict turns to positive" in captions(page)) is (after[other] > after[label])
    page.selectbox(key="masked").set_value("nothing masked").run()
    assert "Click a bar to mask its word." in captions(page)


def test_two_sentences_and_their_difference(app: App) -> None:
    page = app("sentence", step="7")
    assert page.selectbox(key="edit").options == [
        "antonym of the deciding word",
        "without its negator",
        "antonym of a word that does not decide",
        "another text",
    ]
    first, second = spec(page), spec(page, 1)
    assert first["data"][0]["zmax"] == second["data"][0]["zmax"]
    assert "anything but lovely" in captions(page)
    assert "positive (99.9%) of the first, negative (99.9%) of the second" in captions(page)
    page = app("sentence", step="7", text=TEXT, second="The soup was good.", twins="difference")
    assert page.selectbox(key="edit").options == ["another text"]
    assert titles(page) == ["second minus first, layer 4, mean of all heads"]


def test_rows_of_padding_are_shown_on_request(app: App) -> None:
    page = app("sentence", step="5", text=TEXT)
    hidden = spec(page)["data"][0]["z"]
    page.toggle(key="pad_rows").set_value(True).run()
    assert not page.exception
    assert spec(page)["data"][0]["z"] != hidden


def test_the_table_counts_fresh_reviews_on_request(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_proof, "COUNT", 3)
    page = app("sentence", step="9")
    assert any("| 98.4 % \\(96.9 to 99.2\\) |" in one.value for one in page.markdown)
    page.button(key="sentence_count").click().run()
    assert not page.exception
    assert any("3 fresh reviews" in one.value for one in page.markdown)


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer": "99"},
        {"step": "20"},
        {"head": "-2"},
        {"token": "900 <b>"},
        {"masked": "x"},
        {"encoder": "nope"},
        {"twins": "?"},
    ],
)
def test_a_wrong_parameter_is_answered_or_gives_way(app: App, wrong: dict[str, str]) -> None:
    page = app("sentence", **{"step": "2", **wrong})
    assert not page.error


@pytest.mark.parametrize(
    "text",
    [
        "   ",
        "<img src=x onerror=alert(1)> **bold** $x$",
        "שלום עולם, האוכל היה טוב",
        "味が良くない 🙂👩‍👩‍👧‍👦 é",
        "\x00\x07 good",
        "🙂",
    ],
)
@pytest.mark.parametrize("step", ["1", "2", "6", "7", "8"])
def test_any_text_is_read_and_never_markup(app: App, text: str, step: str) -> None:
    page = app("sentence", step=step, text=text)
    assert not page.error
    assert not any("<img" in one.proto.body for one in page.get("html"))


def test_512_tokens_have_a_line_each(app: App) -> None:
    page = app("sentence", text=LONG)
    assert not page.error
    assert len(spec(page)["data"][1]["text"]) == 512
    assert "scroll down" in captions(page)
    page = app("sentence", step="6", text=LONG)
    assert "runs the model about 512 times" in captions(page)
    assert page.button(key="mask_each")
    page = app("sentence", step="5", text=LONG)
    assert "No room for padding" in captions(page)


@pytest.mark.parametrize("form", ["extracted", "backend"])
def test_a_file_opens_and_every_step_draws_or_says_why_not(app: App, tmp_path: Path, form: str) -> None:
    page = upload(app("sentence"), "mine.json", attention_json(tmp_path, form))
    assert not page.exception
    assert any("From the file mine" in one.value for one in page.info)
    record = va.load("review-encoder").attend(TEXT)
    assert len(spec(page)["layout"]["yaxis"]["ticktext"]) == len(record.maps[0].key)
    for step in range(2, 10):
        page.session_state["step"] = step
        page.run()
        assert not page.exception
        assert not page.error
        assert ("carries numbers and no model" in captions(page)) is (step in (5, 6, 7))
    page.button(key="sentence_close").click().run()
    assert not page.info


def test_a_file_that_is_none_leaves_the_page_as_it_was(app: App) -> None:
    for data in (b"", b"[1, 2", b'{"tokens": ["a"], "text": "a", "attention_matrices": [[[[7]]]]}', b"\x89PNG"):
        page = upload(app("sentence"), "mine.json", data)
        assert not page.exception
        assert page.error[0].value.startswith("mine")
        assert not page.info


def code(page: AppTest) -> tuple[str, list[str]]:
    lines = next(one.value for one in page.code if "import vit_attention" in one.value)
    return lines, next(one.value for one in page.code if "-m vit_attention" in one.value).splitlines()


def test_code_and_commands_run(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = app("sentence", panel="code", text='Not "good" \\ at all.', layer="2", head="3", token="4 good")
    lines, commands = code(page)
    made: dict = {}
    exec(lines.replace(".show()", ""), made)
    np.testing.assert_allclose(made["row"], made["record"].maps[1].weights[2, 3], atol=1e-3)
    assert len(commands) == 4
    for line in commands:
        done = CliRunner().invoke(main, shlex.split(line)[3:])
        assert done.exit_code == 0, done.output
    read = [va.read_attention_json(name) for name in ("attention_data.json", "backend_data.json")]
    for one in read:
        np.testing.assert_allclose(one.maps[1].weights, made["record"].maps[1].weights, atol=1e-3)

    (tmp_path / "mine.json").write_bytes((tmp_path / "attention_data.json").read_bytes())
    page = upload(app("sentence", panel="code", layer="2"), "mine.json", (tmp_path / "mine.json").read_bytes())
    lines, commands = code(page)
    exec(lines.replace(".show()", ""), {})
    for line in commands:
        done = CliRunner().invoke(main, shlex.split(line)[3:])
        assert done.exit_code == 0, done.output


def test_files_to_take_home_open_again(app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: dict[str, bytes] = {}

    def make(name: str, files: dict, now: Any = None) -> None:
        made.update({file: maker(now.again()) for file, maker in files.values()})

    monkeypatch.setattr(sentence.components, "downloads", make)
    app("sentence", text=TEXT, panel="files")
    for name in ("attention_data.json", "backend_data.json"):
        page = upload(app("sentence"), name, made[name])
        assert any("From the file" in one.value for one in page.info)
    assert set(made) == {"map.png", "map.csv", "attention_data.json", "backend_data.json", "map.html", "record.npz"}


def test_the_card_says_whether_the_map_points_at_a_deciding_word(app: App) -> None:
    page = app("sentence", step="8", panel="trust")
    assert any("| points at a deciding word | yes |" in one.value for one in page.markdown)
    page = app("sentence", step="8", panel="trust", text=TEXT)
    assert not any("| points at a deciding word |" in one.value for one in page.markdown)


def test_words_tell_the_matrix(app: App) -> None:
    page = app("sentence", panel="words", text=TEXT)
    assert any("Strongest shares of attention" in one.value for one in page.text)


def test_what_a_step_sets_is_set_back_where_no_control_shows_it(app: App) -> None:
    """Step 4 gathers tokens into words; step 5 has no such switch, and step 7 has tokens again, as at first."""
    page = app("sentence", step="3")
    for _ in range(4):
        page = next(one for one in page.button if one.label == "Next").click().run()
    assert page.query_params["step"] in ("7", ["7"])
    assert "words" not in page.query_params
