from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visualizer.measures.field_box import boxed, ink_of, peaks, proposals, propose_box, snap
from visualizer.measures.fields import fields
from visualizer.measures.pointing import around, cell_cover, chance, iou, points_into
from visualizer.measures.reading import field_heat, gather, token_heat, token_names
from visualizer.measures.reading_score import Truth, field_scores, hits, rank_heads, token_truth
from vit_attention.records import AttentionMap, AttentionRecord, Axis, encode_picture
from vit_attention.records.geometry import Geometry
from worlds.receipts import Document, receipt

PAGE = Geometry.of(384, 512).resize(192, 256)
GRID, SIZE = (8, 12), (192, 256)


def record(
    layers: list[NDArray], names: list[str], grid: tuple[int, int], geometry: Geometry | None = PAGE, prompt: int = 0
) -> AttentionRecord:
    query = Axis.text(names[prompt:], names[:prompt])
    maps = [AttentionMap(w, f"decoder.{n}", n, "cross", query, Axis.patches(*grid)) for n, w in enumerate(layers)]
    own = AttentionMap(np.eye(len(names), dtype=np.float32)[None], "own", 0, "self", query, query)
    return AttentionRecord((own, *maps), geometry)


def random_layers(
    rng: np.random.Generator, heads: list[int], tokens: int, cells: int, kind: type = np.float32
) -> list[NDArray]:
    return [rng.dirichlet(np.ones(cells), (h, tokens)).astype(kind) for h in heads]


def truth_of(page: Document) -> list[tuple[str, str, list]]:
    return [
        (
            p.field,
            p.text,
            [page.words[w].characters[i] for w, t in zip(p.words, p.text.split(), strict=True) for i in range(len(t))],
        )
        for p in page.pieces
        if p.words
    ]


def letters_of(page: Document) -> list[str]:
    """The target, one token per character."""
    return [t for p in page.pieces for t in ("▁" + p.text.replace(" ", "▁") if p.words else [p.text])]


def pointing(boxes: NDArray, grid: tuple[int, int] = GRID, size: tuple[int, int] = SIZE) -> NDArray[np.float32]:
    """(tokens, cells) rows that hold everything in the cell under the middle of each box; the first cell without one."""
    out = np.zeros((len(boxes), grid[0] * grid[1]), np.float32)
    for row, (left, top, right, bottom) in zip(out, boxes, strict=True):
        if np.isnan(left):
            row[0] = 1
            continue
        column = int((left + right) / 2 / size[0] * grid[1])
        row[int((top + bottom) / 2 / size[1] * grid[0]) * grid[1] + column] = 1
    return out


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_the_heat_of_a_token_is_the_mean_over_layers_and_heads(rng: np.random.Generator, kind: type) -> None:
    layers = random_layers(rng, [2, 3, 3], 5, 6, kind)
    one = record(layers, list("abcde"), (2, 3), prompt=2)
    every = np.mean([np.float64(w[h, 4]) for w in layers for h in range(len(w))], axis=0).reshape(2, 3)
    found = token_heat(one)
    assert found.dtype == np.float32
    assert found.shape == (5, 2, 3)
    np.testing.assert_allclose(found[4], every, atol=1e-6)
    some = np.mean([layers[1][2, 3], layers[2][2, 3]], axis=0, dtype=np.float64).reshape(2, 3)
    np.testing.assert_allclose(token_heat(one, [1, 2], [2])[3], some, atol=1e-6)
    np.testing.assert_allclose(token_heat(one, [0, 1], [2])[3].ravel(), layers[1][2, 3], atol=1e-6)
    np.testing.assert_array_equal(token_heat(one, tokens=[3, 1]), found[[3, 1]])
    assert token_names(one) == ("a", "b", "c", "d", "e")
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, atol=3e-3)


def test_undefined_weights_are_left_out_and_rows_that_were_not_captured_stay_undefined(
    rng: np.random.Generator,
) -> None:
    layers = random_layers(rng, [2], 3, 4)
    layers[0][0, 1] = np.nan
    np.testing.assert_array_equal(token_heat(record(layers, list("abc"), (2, 2)))[1].ravel(), layers[0][1, 1])
    kept = AttentionMap(
        layers[0][:, [2, 0]], "d", 3, "cross", Axis.text("abc"), Axis.patches(2, 2), heads=(4, 7), queries=(2, 0)
    )
    one = AttentionRecord((kept,), PAGE)
    found = token_heat(one, [3], [7])
    np.testing.assert_array_equal(found[2].ravel(), layers[0][1, 2])
    np.testing.assert_array_equal(found[0].ravel(), layers[0][1, 0])
    assert np.isnan(found[1]).all()


def test_what_is_not_there_is_refused(rng: np.random.Generator) -> None:
    one = record(random_layers(rng, [2, 2], 3, 4), list("abc"), (2, 2))
    for call, message in (
        (lambda: token_heat(one, [2]), r"layers: want some of \[0, 1\], got \[2\]"),
        (lambda: token_heat(one, []), "layers: want some"),
        (lambda: token_heat(one, None, [5]), "heads: want"),
        (lambda: token_heat(one, tokens=[3]), "tokens: want 0 to 2"),
        (lambda: token_heat(AttentionRecord(one.maps[:1])), "want maps of kind 'cross'"),
        (lambda: gather(np.zeros(3), [[0]]), "heat: want"),
        (lambda: propose_box(np.zeros(3)), "heat: want"),
        (lambda: propose_box([[1.0]], None, 0), "cut: want"),
        (lambda: rank_heads(one, token_truth(["a"], [], PAGE)), "truth: want 3 tokens, got 1"),
        (lambda: hits(np.zeros((3, 2, 2)), token_truth(["a"], [], PAGE), SIZE), "heat: want"),
        (lambda: token_truth(["a"], [("a", "xy", [(0, 0, 1, 1)])], PAGE), "want 2 boxes"),
        (lambda: boxed(record(random_layers(rng, [2], 1, 4), ["a"], (2, 2), None)), "want one with a geometry"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_sub_words_become_words_and_words_fields_of_equal_weight(rng: np.random.Generator) -> None:
    names = ["<s_nm>", "▁ic", "ed", "▁tea", "</s_nm>"]
    heat = rng.dirichlet(np.ones(6), 5).reshape(5, 2, 3)
    words = gather(heat, [w.tokens for w in fields(names)[0].words])
    np.testing.assert_allclose(words[0], (heat[1] + heat[2]) / 2, atol=1e-6)
    np.testing.assert_allclose(words.sum(axis=(1, 2)), 1, atol=1e-6)
    whole = field_heat(heat, fields(names))
    np.testing.assert_allclose(whole[0], heat[1] / 4 + heat[2] / 4 + heat[3] / 2, atol=1e-6)
    heat[1] = np.nan
    np.testing.assert_allclose(gather(heat, [(1, 2), (1,), ()])[0], heat[2], atol=1e-6)
    assert np.isnan(gather(heat, [(1, 2), (1,), ()])[1:]).all()


def test_the_box_holds_the_strong_cells_that_touch() -> None:
    heat = np.full((4, 6), 0.01)
    heat[1, 1:4] = 0.5, 1.0, 0.4
    heat[2, 4] = 0.9  # touches by a corner
    heat[3, 0] = 0.95  # strong but apart
    assert propose_box(heat) == (1, 1, 5, 3)
    assert propose_box(heat, None, 0.45) == (1, 1, 3, 2)  # without the 0.4, the 0.9 does not touch
    assert propose_box(heat, None, 0.99) == (2, 1, 3, 2)
    assert propose_box(heat, Geometry.of(60, 40)) == (10, 10, 50, 30)
    heat[1, 1] = np.nan
    assert propose_box(heat) == (2, 1, 5, 3)
    assert propose_box(np.full((2, 2), np.nan)) is None
    assert propose_box(np.zeros((2, 2))) is None


def test_peaks_keep_what_one_member_saw() -> None:
    heat = np.array([[[0.8, 0.2]], [[0.1, 0.9]], [[np.nan, np.nan]]])
    np.testing.assert_allclose(peaks(heat, [(0, 1, 2), (2,), ()])[:, 0], [[0.8, 0.9], [0, 0], [0, 0]], rtol=1e-6)
    assert peaks(heat, []).shape == (0, 1, 2)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("place", [(0, 0), (1, 4), (3, 5)])
def test_the_box_lies_on_the_original_through_turn_resize_and_padding(quarters: int, place: tuple[int, int]) -> None:
    width, height = 120, 40
    where = Geometry.of(width, height).turn(quarters)
    wide, tall = where.seen
    where = where.resize(2 * wide, 3 * tall).pad(0, 8, 0, 0)
    original = np.arange(width * height).reshape(height, width)
    seen = np.rot90(original, quarters).repeat(3, axis=0).repeat(2, axis=1)
    seen = np.vstack([np.full((8, seen.shape[1]), -1), seen])
    rows, columns = 4, 8
    heat = np.zeros((rows, columns))
    heat[place] = 1
    cell = (seen.shape[0] // rows, seen.shape[1] // columns)
    block = seen[place[0] * cell[0] : (place[0] + 1) * cell[0], place[1] * cell[1] : (place[1] + 1) * cell[1]]
    y, x = np.divmod(block[block >= 0], width)
    assert propose_box(heat, where) == pytest.approx((x.min(), y.min(), x.max() + 1, y.max() + 1), abs=1)


def test_a_map_that_points_at_padding_proposes_nothing() -> None:
    assert propose_box([[1.0, 0.0, 0.0]], Geometry.of(10, 10).pad(10, 0, 10, 0)) is None


def pixels_of(box: NDArray, size: tuple[int, int]) -> NDArray[np.bool_]:
    out = np.zeros((size[1], size[0]), bool)
    left, top, right, bottom = box.astype(int)
    out[top:bottom, left:right] = True
    return out


def test_hits_chance_cover_and_overlap_are_what_counting_pixels_gives(rng: np.random.Generator) -> None:
    size, grid = (48, 64), (4, 6)
    corners = np.sort(rng.integers(0, 48, (40, 2, 2)), axis=1)
    boxes = np.concatenate([corners[:, 0], corners[:, 1] + 1], axis=1).astype(float)
    heat = rng.random((40, *grid))
    cells = np.kron(np.arange(24).reshape(grid), np.ones((16, 8), int))
    for box, one in zip(boxes, heat, strict=True):
        ink = pixels_of(box, size)
        held = np.array([(ink & (cells == n)).sum() for n in range(24)])
        assert bool(points_into(one, box, size)) == (held[one.argmax()] > 0.15 * ink.sum())
        assert float(chance(box, grid, size)) == pytest.approx((held > 0.15 * ink.sum()).mean())
        np.testing.assert_allclose(cell_cover(box, grid, size).ravel(), held / 128)
        other = pixels_of(boxes[0], size)
        assert iou(box, boxes[0]) == pytest.approx((ink & other).sum() / (ink | other).sum())
    np.testing.assert_array_equal(points_into(heat, boxes, size)[3], points_into(heat[3], boxes[3], size))
    assert around([(1, 2, 3, 4), (0, 3, 2, 9)]) == (0, 2, 3, 9)


def test_a_box_or_map_that_is_undefined_is_no_hit() -> None:
    assert not points_into([[1.0, 0.0]], [np.nan] * 4, (2, 1))
    assert not points_into([[np.nan, np.nan]], [0, 0, 2, 1], (2, 1))
    assert points_into([[np.nan, 0.1]], [1, 0, 2, 1], (2, 1))
    assert np.isnan(chance([np.nan] * 4, (1, 2), (2, 1)))
    nothing = np.zeros((0, 4))
    assert points_into(np.zeros((0, 1, 2)), nothing, (2, 1)).shape == chance(nothing, (1, 2), (2, 1)).shape == (0,)
    assert (cell_cover([np.nan] * 4, (1, 2), (2, 1)) == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_tokens_that_are_single_letters_get_the_boxes_of_the_letters(seed: int) -> None:
    page = receipt(seed)
    names = [*letters_of(page), "</s>"]
    found = token_truth(names, truth_of(page), PAGE)
    printed = [
        np.array(page.words[w].characters[i]) / 2
        for p in page.pieces
        if p.words
        for w, text in zip(p.words, p.text.split(), strict=True)
        for i in range(len(text))
    ]
    ink = [n for n, name in enumerate(names) if name not in ("▁", "</s>") and not name.startswith("<")]
    np.testing.assert_allclose(found.boxes[ink], printed)
    assert np.isnan(np.delete(found.boxes, ink, axis=0)).all()
    assert [found.words[n] for n in ink] == [names[n].isalpha() for n in ink]
    assert [found.digits[n] for n in ink] == [names[n].isdigit() for n in ink]
    assert all(names[n].startswith("▁") or names[n - 1] == "▁" for n in np.flatnonzero(found.starts))
    assert found.starts.sum() == sum(t.isalpha() for p in page.pieces if p.words for t in p.text.split())
    assert found.signs == sum(names[n] == "." for n in ink)
    assert found.left_out == 0


def test_only_fields_read_right_at_their_place_count_and_the_rest_is_counted() -> None:
    box = [(float(n), 0.0, float(n + 1), 1.0) for n in range(4)]
    truth = [Truth("menu.0.nm", "tea", box[:3]), ("menu.0.cnt", "2", box[3:])]
    names = [
        "<s_menu>",
        "<s_nm>",
        "▁te",
        "a",
        "</s_nm>",
        "<s_cnt>",
        "▁3",
        "</s_cnt>",
        "<s_odd>",
        "▁x",
        "y",
        "</s_odd>",
        "</s_menu>",
    ]
    found = token_truth(names, truth, Geometry.of(10, 10))
    np.testing.assert_array_equal(found.boxes[[2, 3]], [[0, 0, 2, 1], [2, 0, 3, 1]])
    assert np.flatnonzero(~np.isnan(found.boxes[:, 0])).tolist() == [2, 3]
    assert found.left_out == 3


def test_boxes_of_tokens_follow_a_page_that_the_model_reads_turned() -> None:
    where = Geometry.of(40, 20).turn(1)  # the page's right edge becomes the top
    found = token_truth(["<s_a>", "▁x", "</s_a>"], [("a", "x", [(30, 0, 40, 5)])], where)
    np.testing.assert_allclose(found.boxes[1], [0, 0, 5, 10])


def test_hits_of_a_reader_that_points_at_every_letter_and_of_one_that_never_does() -> None:
    page = receipt(5, 3)
    names = letters_of(page)
    truth = token_truth(names, truth_of(page), PAGE)
    right = pointing(truth.boxes)
    found = hits(right.reshape(-1, *GRID), truth, SIZE)
    assert found.words.hit == found.starts.hit == found.later.hit == found.digits.hit == 1
    assert found.words.tokens == sum(n.isalpha() for n in names)
    assert found.digits.tokens == sum(n.isdigit() for n in names)
    assert found.starts.tokens == sum(t.isalpha() for p in page.pieces if p.words for t in p.text.split())
    assert found.later.tokens == found.words.tokens - found.starts.tokens
    blind = right.copy()
    blind[truth.words & ~truth.starts] = np.eye(96)[95]
    half = hits(blind.reshape(-1, *GRID), truth, SIZE)
    assert (half.starts.hit, half.later.hit) == (1, 0)
    guesses = [
        np.mean([points_into(np.eye(96)[c].reshape(GRID), b, SIZE) for c in range(96)])
        for b in truth.boxes[truth.digits]
    ]
    assert found.digits.chance == pytest.approx(np.mean(guesses))
    nothing = hits(right[:, ::-1].reshape(-1, *GRID), truth, SIZE)
    assert nothing.words.hit < 0.2
    none = hits(np.ones((1, *GRID)), token_truth(["a"], [], PAGE), SIZE)
    assert np.isnan(none.words.hit)


def test_heads_are_ranked_by_hits_and_focus_is_not_the_same() -> None:
    page = receipt(5, 2)
    names = letters_of(page)
    truth = token_truth(names, truth_of(page), PAGE)
    right = pointing(truth.boxes)
    blurred = (0.4 * right + 0.6 / 96).astype(np.float32)
    elsewhere = np.zeros_like(right)
    elsewhere[:, -1] = 1  # as focused as can be, on a corner
    layers = [np.stack([elsewhere, blurred]), np.stack([np.full_like(right, 1 / 96)])]
    ranked = rank_heads(record(layers, names, GRID), truth)
    assert (ranked[0].layer, ranked[0].head) == (0, 1)
    assert (ranked[0].words, ranked[0].digits) == (1, 1)
    by = {(r.layer, r.head): r for r in ranked}
    assert by[0, 0].entropy == 0
    assert by[0, 0].words == by[0, 0].digits == 0
    assert by[1, 0].entropy == pytest.approx(np.log2(96), abs=1e-4)
    counted = truth.words | truth.digits
    area = np.prod(truth.boxes[counted][:, 2:] - truth.boxes[counted][:, :2], axis=1)
    assert by[1, 0].mass == pytest.approx((area / (192 * 256)).mean(), rel=1e-4)


def test_fields_are_scored_against_the_page() -> None:
    page = receipt(8, 3)
    truth = truth_of(page)
    names = letters_of(page)
    placed = token_truth(names, truth, PAGE)
    fine = (32, 16)  # cells of the grid of the bundled model are larger than many a field
    weights = pointing(placed.boxes, fine)[None]
    scores = field_scores(record([weights], names, fine), truth)
    assert [s.path for s in scores] == [p.field for p in page.pieces if p.words]
    assert all(s.right for s in scores)
    assert np.mean([s.iou for s in scores]) > 0.3
    for one in scores:
        x, y = (np.array(one.box[:2]) + one.box[2:]) / 2
        assert one.centre == pixels_of(np.round(one.true_box), (384, 512))[int(y), int(x)]
    first = scores[0]
    assert first.true_box == around([page.words[w].box for w in page.pieces[1].words])
    assert first.iou == pytest.approx(iou(first.box, first.true_box))
    wrong = ["x" if n == names.index("</s_store>") - 1 else t for n, t in enumerate(names)]
    missed = field_scores(record([weights], wrong, fine), [*truth, ("extra", "q", [(0, 0, 9, 9)])])
    assert not missed[0].right
    assert missed[0].true == page.truth["store"]
    assert (missed[-1].path, missed[-1].said, missed[-1].right, missed[-1].box) == ("extra", None, False, None)
    assert np.isnan(missed[-1].iou)


def sheet(*words: tuple[int, int, int, int]) -> Image.Image:
    """A 60 x 40 page with blocks of ink."""
    pixels = np.full((40, 60), 230, np.uint8)
    for left, top, right, bottom in words:
        pixels[top:bottom, left:right] = 20
    return Image.fromarray(pixels)


def test_a_box_is_drawn_tight_round_the_line_that_the_map_means() -> None:
    page = sheet((12, 4, 20, 12), (21, 4, 34, 12), (40, 4, 50, 12), (5, 22, 55, 30))
    heat = np.array([[0.0, 0.9, 0.1], [0.0, 0.3, 0.0]])  # cells of 20 x 20 pixels
    where = Geometry.of(60, 40)
    # The gap of one pixel lies inside the word, the one of six ends it.
    assert propose_box(heat, where, 0.25, ink_of(page)) == (12, 4, 34, 12)
    below = heat[::-1]
    assert propose_box(below, where, 0.25, ink_of(page)) == (5, 22, 55, 30)
    assert propose_box(heat, where, 0.25, ink_of(sheet())) == propose_box(heat, where) == (20, 0, 40, 40)
    large = Geometry.of(120, 80)  # the same page stored at half its size
    assert propose_box(heat, large, 0.25, ink_of(page)) == (24, 8, 68, 24)


def test_a_line_that_the_cell_cuts_is_followed_to_its_own_end() -> None:
    ink = ink_of(sheet((12, 14, 34, 26), (40, 4, 55, 36)))  # the second has more rows, in other columns
    for box in ((0, 0, 36, 20), (0, 20, 36, 40)):
        assert snap(box, [[1.0, 0.5], [1.0, 0.5]], Geometry.of(60, 40), ink) == (12, 14, 34, 26)
    assert snap((0, 0, 36, 10), [[1.0]], Geometry.of(60, 40), ink) == (0, 0, 36, 10)


def test_of_two_lines_in_one_cell_row_the_one_under_the_stronger_cell_is_meant() -> None:
    ink = ink_of(sheet((0, 4, 20, 12), (20, 22, 40, 36)))  # the lower one has more ink
    assert snap((0, 0, 40, 40), [[1.0, 0.5, 0.0]], Geometry.of(60, 40), ink) == (0, 4, 20, 12)


def test_the_ink_under_the_map_is_found_where_the_model_reads_the_page_turned() -> None:
    page = sheet((5, 4, 15, 12), (5, 22, 15, 30))
    seen = np.rot90(np.kron([[0, 0, 0], [1, 0, 0]], np.ones((20, 20))))
    heat = seen.reshape(3, 20, 2, 20).mean(axis=(1, 3))
    where = Geometry.of(60, 40).turn(1)
    assert snap((0, 0, 20, 40), heat, where, ink_of(page)) == (5, 22, 15, 30)


def test_ink_raises_the_overlap_with_the_printed_words() -> None:
    loose, tight, middle = [], [], []
    for seed in range(6):
        page = receipt(seed)
        names = letters_of(page)
        truth = truth_of(page)
        one = record([pointing(token_truth(names, truth, PAGE).boxes)[None]], names, GRID)
        one = replace(one, picture=encode_picture(page.picture))
        loose += [s.iou for s in field_scores(one, truth, tight=False)]
        tight += [s.iou for s in field_scores(one, truth)]
        middle += [s.centre for s in field_scores(one, truth)]
    assert np.mean(tight) > 2 * np.mean(loose)
    assert np.mean(middle) > 0.8


def test_a_field_s_box_goes_round_those_of_its_words_and_an_empty_one_has_none() -> None:
    cells = np.eye(6, dtype=np.float32)[[0, 0, 2, 0, 0, 0, 0]]
    names = ["<s_a>", "▁x", "▁y", "</s_a>", "<s_b>", "</s_b>", "</s>"]
    (first, second) = proposals(record([cells[None]], names, (2, 3), Geometry.of(30, 20)))
    assert first.words == ((0, 0, 10, 10), (20, 0, 30, 10))
    assert first.box == (0, 0, 30, 10)
    assert (second.field.path, second.box, second.words) == ("b", None, ())


def test_a_list_of_one_is_matched_whether_or_not_its_path_says_so() -> None:
    page = receipt(8, 1)
    names = letters_of(page)
    one = record([np.full((1, len(names), 96), 1 / 96, np.float32)], names, GRID)
    assert all(s.right for s in field_scores(one, truth_of(page)))


def test_the_download_is_plain_json_with_boxes_on_the_page() -> None:
    page = receipt(8, 2)
    names = letters_of(page)
    placed = token_truth(names, truth_of(page), PAGE)
    out = json.loads(json.dumps(boxed(record([pointing(placed.boxes)[None]], names, GRID))))
    assert out["json"] == page.truth
    assert out["page"] == [384, 512]
    store = out["fields"][0]
    assert store["path"] == "store"
    assert [w["text"] for w in store["words"]] == page.truth["store"].split()
    left, top, right, bottom = store["words"][0]["box"]
    printed = page.words[page.pieces[1].words[0]].box
    assert left < (printed[0] + printed[2]) / 2 < right
    assert top < (printed[1] + printed[3]) / 2 < bottom
