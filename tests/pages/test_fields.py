"""The page "From token to field" in its states."""

from __future__ import annotations

import base64
import io
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.pages.reading import figures, fine, said, table
from tests.tutorials.findings.readings import looks, page, reading
from tutorials.lessons import lessons
from ui.read import field_heads
from ui.read import fields as fields_view
from ui.read import reading as reading_page
from ui.store import documents, readers
from worlds.receipts import receipt

DRAWN = receipt(3, 3)
"""What the page shows if the address says nothing."""
PATHS = ["store", *(f"menu.{n}.{key}" for n in range(3) for key in ("nm", "cnt", "price")), "total"]


STEPS = range(1, len(lessons()["fields"].steps) + 1)
GATHERED, PAGE, ONE_TOKEN, SCORES, GLANCE, PREDICTION, HEADS, WRONG, LIST, NUMBER = map(str, STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_opens_cold(app, step: int) -> None:
    shown = app("fields", step=str(step))
    assert not shown.error
    assert not shown.warning
    names = [one.label for one in shown.button]
    assert len(names) == len(set(names))
    assert {"Back", "Next"} <= set(names)


def test_the_whole_lesson_can_be_read(app) -> None:
    shown = app("fields", all="true")
    assert not shown.error
    assert {"fields_gathered", "fields_page", "fields_glance"} <= set(figures(shown))
    assert table(shown, "box in pixels")


def test_the_question_before_the_lesson_is_asked_without_its_answer(app) -> None:
    shown = app("fields", step="0")
    assert "fields_page" in figures(shown)
    assert not shown.metric
    assert "Read right" not in " ".join(one.value for one in shown.text)


def numbers(text: str) -> list[float]:
    return [float(v) for v in re.findall(r"-?\d+\.?\d*", text)]


def true_boxes() -> dict[str, np.ndarray[Any, Any]]:
    """Path to the box round the characters of each value, from what was printed."""
    out = {}
    for piece in DRAWN.pieces:
        if piece.words:
            parts = zip(piece.words, piece.text.split(" "), strict=True)
            boxes = np.array([box for word, text in parts for box in DRAWN.words[word].characters[: len(text)]])
            out[piece.field] = np.array([*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)])
    return out


def overlap(one: Any, other: Any) -> float:
    """Intersection over union by counting quarter pixels."""
    y, x = np.mgrid[0 : 4 * 512, 0 : 4 * 384] / 4 + 0.125
    inside = [(x >= b[0]) & (x < b[2]) & (y >= b[1]) & (y < b[3]) for b in (one, other)]
    return float((inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum())


def metrics(shown: Any) -> dict[str, str]:
    return {one.label: one.value for one in shown.metric}


def test_every_field_has_a_box_and_its_score_is_what_counting_pixels_gives(app) -> None:
    shown = app("fields", step=SCORES)
    found = table(shown, "box in pixels")
    assert found["path"] == PATHS
    truth = true_boxes()
    for path, box, inside, told in zip(
        *(found[k] for k in ("path", "box in pixels", "middle in the true box", "IoU")), strict=True
    ):
        given, wanted = numbers(box), truth[path]
        middle = ((given[0] + given[2]) / 2, (given[1] + given[3]) / 2)
        assert float(told) == pytest.approx(overlap(given, wanted), abs=0.06), "boxes are shown in whole pixels"
        if min(abs(middle[0] - wanted[[0, 2]]).min(), abs(middle[1] - wanted[[1, 3]]).min()) > 1:
            assert inside == ("yes" if (wanted[:2] < middle).all() and (middle < wanted[2:]).all() else "no")
    told = metrics(app("fields", step=PAGE))
    assert told["Middle in the true box"] == f"{found['middle in the true box'].count('yes')} of 11"
    assert told["Read right"] == f"{found['read right'].count('yes')} of 11"
    assert float(told["Mean overlap (IoU)"]) == pytest.approx(np.mean([float(v) for v in found["IoU"]]), abs=0.006)


def test_a_link_restores_the_field_the_head_and_the_boxes(app) -> None:
    chosen = {"decoder_layer": "4", "decoder_head": "2", "tight": "false"}
    shown = app("fields", step=PAGE, field="3", true_box="true", **chosen)
    figure = figures(shown)["fields_page"]
    assert figure["layout"]["title"]["text"].startswith("Read for field 3, menu.0.cnt:")
    assert any("Layer 4, head 2. The heat is that of field 3" in one.value for one in shown.caption)
    (dashed,) = (one["path"] for one in figure["layout"]["shapes"] if one.get("name") == "true box")
    corners = np.array([numbers(part)[:4] for part in dashed.split("Z") if part])
    np.testing.assert_allclose(corners, list(true_boxes().values()), atol=0.1)
    # Not drawn tight, boxes end where cells of 32 x 64 pixels do.
    for box in table(app("fields", step=SCORES, **chosen), "box in pixels")["box in pixels"]:
        left, top, right, bottom = numbers(box)
        assert left % 32 == right % 32 == top % 64 == bottom % 64 == 0


def test_choosing_another_field_moves_the_heat_and_says_its_tokens(app) -> None:
    shown = app("fields")
    fine(shown.slider(key="field").set_value(11).run())
    pieces = next(one.value for one in shown.text if "Its words" in one.value)
    assert pieces.split("tokens: ")[1].replace(" + ", "") == DRAWN.pieces[-2].text
    before = figures(app("fields", step=PAGE))["fields_page"]
    shown = app("fields", step=PAGE, field="11")
    after = figures(shown)["fields_page"]
    assert before["layout"]["title"]["text"].startswith("Read for field 2, menu.0.nm: fresh")
    assert after["layout"]["title"]["text"].startswith("Read for field 11, total:")
    assert str(before["data"]) != str(after["data"])


def test_the_first_box_holds_its_print_and_the_shop_s_spans_four_lines(app) -> None:
    """The default field's box lies on its own line; that of the field which step 3 is about is said there to span four."""
    found = table(app("fields", step=SCORES), "box in pixels")
    boxes = [numbers(box) for box in found["box in pixels"]]
    tops = sorted({word.box[1] for word in DRAWN.words})
    lines = [sum(box[1] < top + 14 < box[3] for top in tops) for box in boxes]
    assert lines[fields_view.FIRST_FIELD - 1] == 1
    assert lines[0] == 4


def test_the_token_that_decides_the_shop_s_box_is_the_one_that_the_lesson_names() -> None:
    page = documents.get("receipt-3-3")
    now = reading_page.made(reading_page.Looked(readers.BUNDLED, page.key), page.prompt, 3, None, 1)
    first, second = (now.heats()[now.tokens.index(token)] for token in ("▁del", "i"))
    assert second.max() == pytest.approx(0.16, abs=0.005)
    assert second.max() > first.max()
    here, there = (int(np.unravel_index(one.argmax(), one.shape)[0]) for one in (first, second))
    assert there - here == 4


def test_the_gathered_maps_are_means(app) -> None:
    """Field 2, "fresh rice": six tokens, two words, one field; all are laid into one sheet in that order."""
    shown = figures(app("fields"))["fields_gathered"]["layout"]["annotations"]
    names = [one["text"] for one in shown if re.match("token|word|field", one["text"])]
    assert names[:2] == ["token 10<br>f", "token 11<br>re"]
    assert names[-3:] == ["word<br>fresh", "word<br>rice", "field<br>fresh rice"]


def test_names_over_the_maps_of_a_long_receipt_do_not_reach_the_next_map(app) -> None:
    """Fourteen fields; the room is that between the middles of two neighbours when the drawing is as large as it may be."""
    layout = figures(app("fields", step="5", document="receipt-8-4"))["fields_glance"]["layout"]
    (low, top), (left, right) = layout["yaxis"]["range"], layout["xaxis"]["range"]
    margin = layout["margin"]
    high = layout["height"] - margin["t"] - margin["b"]
    pixel = min(high / (low - top) / layout["yaxis"]["scaleratio"], (590 - margin["l"] - margin["r"]) / (right - left))
    names = [one for one in layout["annotations"] if re.match(r"\d+<br>", one["text"])]
    assert len(names) == 14
    for one, other in pairwise(names):
        wide = 6 * max(len(part) for name in (one, other) for part in name["text"].split("<br>"))
        assert one["y"] != other["y"] or (other["x"] - one["x"]) * pixel >= wide


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"field": "999"}, "There is no field 999, only 1 to 11; field 2 is shown."),
        ({"field": "nan"}, "There is no field nan, only 1 to 11"),
        ({"decoder_layer": "x"}, "There is no decoder layer 'x'"),
        ({"tight": "perhaps"}, "Draw boxes tight round the ink: want true or false, got 'perhaps'"),
        ({"document": "form-x"}, "There is no page named 'form-x'; page receipt-3-3 is shown."),
    ],
)
def test_what_cannot_be_honoured_is_said(app, parameters: dict[str, str], sentence: str) -> None:
    shown = app("fields", step=PAGE, **parameters)
    (warned,) = (one.value.replace("\\", "") for one in shown.warning)
    assert warned.startswith(sentence)
    assert "fields_page" in figures(shown)


def test_all_boxes_are_numbered_on_the_page_and_clickable(app) -> None:
    figure = figures(app("fields", step=PAGE))["fields_page"]
    labels = [one["text"] for one in figure["layout"]["annotations"] if one.get("name") == "field"]
    assert sorted(labels, key=int) == [str(n + 1) for n in range(11)]
    (marks,) = (one for one in figure["data"] if "customdata" in one)
    assert len(base64.b64decode(marks["customdata"]["bdata"])) == 4 * 11, "one whole number of 32 bits each"


def test_the_heads_are_shown_once_the_guess_is_made(app) -> None:
    shown = app("fields", step=PREDICTION)
    assert list(figures(shown)) == ["fields_glance"]
    fine(next(one for one in shown.button if one.label == "Show the answer").click().run())
    assert list(figures(shown)) == ["fields_cloud"]
    listed = table(app("fields", step=LIST), "place by hits")
    most_focused = listed["head"][[float(v) for v in listed["place by focus"]].index(1.0)]
    assert f"that of {most_focused.replace(field_heads.HARD, ' ')}." in said(shown)
    (mean,) = (one.value for one in shown.caption if "A cell picked at random:" in one.value)
    (star,) = (one for one in figures(shown)["fields_cloud"]["data"] if one["name"] == "mean of all")
    assert f"(star): {star['y'][0]:.0f}% hits, {star['x'][0]:.2f} bits." in mean


def test_every_head_is_in_the_list_and_in_its_place(app) -> None:
    found = table(app("fields", step=LIST), "place by hits")
    assert len(found["head"]) == len(set(found["head"])) == 4 * 8
    by_hits, by_focus = [float(v) for v in found["place by hits"]], [float(v) for v in found["place by focus"]]
    assert by_hits == sorted(by_hits)
    bits = [float(v) for v in found["entropy (bits)"]]
    order = np.argsort(by_focus, kind="stable")
    assert np.array(bits)[order].tolist() == sorted(bits)


def test_the_ranking_can_be_measured_on_more_pages(app) -> None:
    few, many = (app("fields", step=HEADS, **more) for more in ({}, {"measured": field_heads.OTHERS}))
    told = [" ".join(one.value for one in shown.caption) for shown in (few, many)]
    counts = [int(re.search(r"Counted: (\d+) tokens", text)[1]) for text in told]  # type: ignore[index]
    assert counts[1] > 2 * counts[0]
    assert f"heads on {field_heads.OTHERS}" in told[1]


def test_the_check_question_counts_what_the_table_shows(app) -> None:
    shown = app("fields", step=SCORES)
    found = table(shown, "box in pixels")
    right = [n for n, told in enumerate(found["read right"]) if told == "yes"]
    inside = [n for n in right if found["middle in the true box"][n] == "yes"]
    percent = 100 * len(inside) / len(right)
    fine(shown.number_input[-1].set_value(percent - 5).run())
    assert "Use two columns of the table" in said(shown)
    fine(shown.number_input[-1].set_value(round(percent)).run())
    assert any(f"of {len(right)} fields that were read right, {len(inside)} have" in one.value for one in shown.success)


@pytest.mark.parametrize("step", [n for n in STEPS if lessons()["fields"].steps[n - 1].claim])
def test_every_claim_can_be_tested(app, step: int) -> None:
    asked = lessons()["fields"].steps[step - 1].claim
    assert asked
    shown = app("fields", step=str(step))
    fine(shown.button(key=f"here_{asked.finding}").click().run())
    assert re.search(r"On this picture: .*\d", said(shown))


def test_the_price_of_the_story_is_read_wrong_in_the_right_place(app) -> None:
    shown = app("fields", step=WRONG)
    told = next(one.value for one in shown.text if one.value.startswith("menu.3.price: 1.16"))
    assert "Printed: 1.10" in told
    assert float(re.search(r"IoU\): (\d\.\d\d)", told)[1]) > 0.6  # type: ignore[index]


def test_an_own_page_has_boxes_and_no_scores(app) -> None:
    shown = app("fields", step=SCORES)
    out = io.BytesIO()
    Image.fromarray(receipt(9, 2).pixels).save(out, "PNG")
    fine(shown.file_uploader(key="reading_upload").set_value(("mine.png", out.getvalue(), "image/png")).run())
    assert "trained on nothing but drawn receipts" in said(shown)
    assert list(table(shown, "box in pixels")) == ["field", "path", "written", "outline", "box in pixels"]
    fine(next(one for one in shown.button if one.label == "Show the answer").click().run())
    assert "is not known" in said(shown)
    shown.session_state["step"] = int(PAGE)
    fine(shown.run())
    assert not shown.metric
    shown.session_state["step"] = int(LIST)
    fine(shown.run())
    assert table(shown, "place by focus")["word hits"][0] == ""


def shows(monkeypatch: pytest.MonkeyPatch, now: Any) -> None:
    monkeypatch.setattr(readers, "record", lambda *_: now.record)
    monkeypatch.setattr(documents, "get", lambda _: now.document)


@pytest.mark.parametrize("step", [GATHERED, PAGE, SCORES, GLANCE])
def test_a_reading_without_fields_says_so(app, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    shows(monkeypatch, reading([[looks({}, rows=1)]], tokens=("</s>",)))
    assert "wrote no field" in said(app("fields", step=step))


def test_what_was_missed_and_what_is_empty_stand_in_the_table(app, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ("<s_nm>", "▁<script>", "</s_nm>", "<s_empty>", "</s_empty>", "</s>")
    shows(monkeypatch, reading([[looks({1: 0}, rows=len(tokens))]], tokens=tokens, document=page()))
    shown = app("fields", step=SCORES, field="2")
    found = table(shown, "box in pixels")
    assert found["path"] == ["nm", "empty", "price"]
    assert found["box in pixels"][1:] == ["none", ""]
    assert found["read right"] == ["no", "no", "not written"]
    title = figures(app("fields", step=PAGE, field="1"))["fields_page"]["layout"]["title"]["text"]
    assert "<script" not in title
    assert figures(app("fields", field="1"))["fields_gathered"]


def test_the_code_on_the_page_makes_the_boxes_of_the_page(app) -> None:
    shown = app("fields", step=SCORES, decoder_layer="4", decoder_head="2", panel="code")
    code = next(one.value for one in shown.code if "boxed(" in one.value)
    kept: dict[str, Any] = {}
    exec(compile(code.replace("boxed(record,", "made = boxed(record,"), "page", "exec"), kept)
    found = table(shown, "box in pixels")
    assert [one["path"] for one in kept["made"]["fields"]] == found["path"]
    assert len(kept["heats"]) == len(found["path"])
    for one, told in zip(kept["made"]["fields"], found["box in pixels"], strict=True):
        assert one["box"] == pytest.approx(numbers(told), abs=0.6)
