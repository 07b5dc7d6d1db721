"""The page "From token to field" in its states."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.pages.reading import figures, fine, guess, said, table, try_claim
from tests.tutorials.findings.readings import looks, page, reading
from ui.read import documents, readers
from ui.read import fields as fields_view
from worlds.receipts import receipt

DRAWN = receipt(3, 3)
"""What the page shows if the address says nothing."""
PATHS = ["store", *(f"menu.{n}.{key}" for n in range(3) for key in ("nm", "cnt", "price")), "total"]


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
    shown = app("fields", decoder_layer="4")
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
    told = metrics(shown)
    assert told["Middle in the true box"] == f"{found['middle in the true box'].count('yes')} of 11"
    assert told["Read right"] == f"{found['read right'].count('yes')} of 11"
    assert float(told["Mean overlap (IoU)"]) == pytest.approx(np.mean([float(v) for v in found["IoU"]]), abs=0.006)


def test_a_link_restores_the_field_the_head_and_the_boxes(app) -> None:
    shown = app("fields", field="3", decoder_layer="4", decoder_head="2", tight="false", true_box="true")
    figure = figures(shown)["fields_page"]
    assert figure["layout"]["title"]["text"].startswith("Read for field 3, menu.0.cnt:")
    assert any("Layer 4, head 2. The heat is that of field 3" in one.value for one in shown.caption)
    (dashed,) = (one["path"] for one in figure["layout"]["shapes"] if one.get("name") == "true box")
    corners = np.array([numbers(part)[:4] for part in dashed.split("Z") if part])
    np.testing.assert_allclose(corners, list(true_boxes().values()), atol=0.1)
    # Not drawn tight, boxes end where cells of 32 x 64 pixels do.
    for box in table(shown, "box in pixels")["box in pixels"]:
        left, top, right, bottom = numbers(box)
        assert left % 32 == right % 32 == top % 64 == bottom % 64 == 0


def test_choosing_another_field_moves_the_heat_and_says_its_tokens(app) -> None:
    shown = app("fields")
    before = figures(shown)["fields_page"]
    fine(shown.number_input(key="field").set_value(11).run())
    after = figures(shown)["fields_page"]
    assert after["layout"]["title"]["text"].startswith("Read for field 11, total:")
    assert str(before["data"]) != str(after["data"])
    pieces = next(one.value for one in shown.text if "Its words" in one.value)
    total = table(shown, "box in pixels")["written"][10]
    assert pieces.split("tokens: ")[1].replace(" + ", "") == total


@pytest.mark.parametrize(
    "parameters",
    [
        {"field": "999", "decoder_layer": "x"},
        {"field": "-1", "measured": "<b>"},
        {"field": "nan", "tight": "perhaps", "document": "form-0"},
    ],
)
def test_hostile_links_show_the_page_all_the_same(app, parameters: dict[str, str]) -> None:
    assert "fields_page" in figures(app("fields", **parameters))


def test_all_boxes_are_numbered_on_the_page_and_clickable(app) -> None:
    figure = figures(app("fields"))["fields_page"]
    labels = [one["text"] for one in figure["layout"]["annotations"] if one.get("name") == "field"]
    assert sorted(labels, key=int) == [str(n + 1) for n in range(11)]
    assert figure["layout"]["clickmode"] == "event+select"


def test_the_heads_are_ranked_once_the_guess_is_made(app) -> None:
    shown = app("fields")
    assert "fields_cloud" not in figures(shown)
    guess(shown, "fields", "Just show me")
    found = table(shown, "place by hits")
    layers, heads = (len(shown.selectbox(key=k).options) - 1 for k in ("decoder_layer", "decoder_head"))
    assert len(found["head"]) == len(set(found["head"])) == layers * heads
    by_hits, by_focus = [float(v) for v in found["place by hits"]], [float(v) for v in found["place by focus"]]
    assert by_hits == sorted(by_hits)
    bits = [float(v) for v in found["entropy (bits)"]]
    order = np.argsort(by_focus, kind="stable")
    assert np.array(bits)[order].tolist() == sorted(bits)
    most_focused = found["head"][int(order[0])].replace(fields_view.HARD, " ")
    assert f"has {most_focused}." in said(shown)
    (mean,) = (one.value for one in shown.caption if "A cell picked at random:" in one.value)
    (star,) = (one for one in figures(shown)["fields_cloud"]["data"] if one["name"] == "mean of all")
    assert f"Mean of all layers and heads: {star['y'][0]:.0f}% hits, {star['x'][0]:.2f} bits." in mean


def test_the_ranking_can_be_measured_on_more_pages(app) -> None:
    shown = app("fields")
    guess(shown, "fields", "Just show me")
    few = re.search(r"Counted: (\d+) tokens", " ".join(one.value for one in shown.caption))
    picker = next(one for one in shown.get("button_group") if one.key == "measured")
    fine(picker.set_value(fields_view.OTHERS).run())
    text = " ".join(one.value for one in shown.caption)
    many = re.search(r"Counted: (\d+) tokens", text)
    assert few
    assert many
    assert int(many[1]) > 2 * int(few[1])
    assert f"heads on {fields_view.OTHERS}" in text


def test_the_check_question_counts_what_the_table_shows(app) -> None:
    shown = app("fields", decoder_layer="4")
    found = table(shown, "box in pixels")
    right = [n for n, told in enumerate(found["read right"]) if told == "yes"]
    inside = [n for n in right if found["middle in the true box"][n] == "yes"]
    percent = 100 * len(inside) / len(right)
    fine(shown.number_input(key="fields_check").set_value(percent - 5).run())
    assert any("Not here" in one.value for one in shown.warning)
    fine(shown.number_input(key="fields_check").set_value(round(percent)).run())
    assert any(f"{len(inside)} of {len(right)} fields read right" in one.value for one in shown.success)


@pytest.mark.parametrize("claim", [1, 2, 3, 4])
def test_every_claim_can_be_tested(app, claim: int) -> None:
    told = try_claim(app("fields"), "fields", claim)
    assert re.search("Holds here|Fails here|Cannot be told here. .* more are needed", told)


def test_an_own_page_has_boxes_and_no_scores(app) -> None:
    shown = app("fields")
    own = Image.fromarray(receipt(9, 2).pixels)
    shown.session_state[documents.UPLOAD] = documents.Document(documents.UPLOAD_ID, "own-9", "My own page", own)
    fine(shown.run())
    fine(shown.selectbox(key=documents.DOCUMENT).set_value(documents.UPLOAD_ID).run())
    assert "trained on nothing but drawn receipts" in said(shown)
    assert not shown.metric
    assert list(table(shown, "box in pixels")) == ["field", "outline", "path", "written", "box in pixels"]
    guess(shown, "fields", "Just show me")
    assert "is not known" in said(shown)
    assert table(shown, "place by focus")["word hits"][0] == ""


def shows(monkeypatch: pytest.MonkeyPatch, now: Any) -> None:
    monkeypatch.setattr(readers, "record", lambda *_: now.record)
    monkeypatch.setattr(documents, "get", lambda _: now.document)


def test_a_reading_without_fields_says_so(app, monkeypatch: pytest.MonkeyPatch) -> None:
    shows(monkeypatch, reading([[looks({}, rows=1)]], tokens=("</s>",)))
    shown = app("fields")
    assert "wrote no field" in said(shown)
    guess(shown, "fields", "Just show me")
    assert "0 values of this page were read right" in said(shown)


def test_what_was_missed_and_what_is_empty_stand_in_the_table(app, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ("<s_nm>", "▁<script>", "</s_nm>", "<s_empty>", "</s_empty>", "</s>")
    shows(monkeypatch, reading([[looks({1: 0}, rows=len(tokens))]], tokens=tokens, document=page()))
    shown = app("fields", field="2")
    found = table(shown, "box in pixels")
    assert found["path"] == ["nm", "empty", "price"]
    assert found["box in pixels"][1:] == ["none", ""]
    assert found["read right"] == ["no", "no", "not written"]
    assert "no digit" not in said(shown)
    title = figures(app("fields", field="1"))["fields_page"]["layout"]["title"]["text"]
    assert "<script" not in title


def test_the_code_on_the_page_makes_the_boxes_of_the_page(app) -> None:
    shown = app("fields", decoder_layer="4", decoder_head="2")
    code = next(one.value for one in shown.code if "boxed(" in one.value)
    kept: dict[str, Any] = {}
    exec(compile(code.replace("boxed(record,", "made = boxed(record,"), "page", "exec"), kept)
    found = table(shown, "box in pixels")
    assert [one["path"] for one in kept["made"]["fields"]] == found["path"]
    assert len(kept["heats"]) == len(found["path"])
    for one, told in zip(kept["made"]["fields"], found["box in pixels"], strict=True):
        assert one["box"] == pytest.approx(numbers(told), abs=0.6)
