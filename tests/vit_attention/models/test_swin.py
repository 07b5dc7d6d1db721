"""A Swin encoder read one block at a time, against the library's own pass and against attention on the whole grid."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from tests.vit_attention import swins
from vit_attention.models import swin
from vit_attention.networks.receipt_donut import IMAGE_SIZE, PlacedDonutSwin, encoder_config
from vit_attention.records.windows import LARGEST_MAP, Windows


@pytest.mark.parametrize("size", [swins.EVEN, swins.ODD])
@pytest.mark.parametrize(("stage", "block"), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)])
def test_every_stitched_row_is_the_attention_of_the_whole_grid(size: tuple[int, int], stage: int, block: int) -> None:
    model, pixels = swins.donut(), swins.page(size)
    plan = swin.stages(model, size)[stage]
    entered = swins.entering(model, pixels)[2 * stage + block]
    with torch.no_grad():
        expected, on_padding = swins.by_definition(
            model.encoder.layers[stage].blocks[block], entered, plan.grid, 2 * block
        )
    seen = swin.windows(model, pixels, stage, block, half=False)
    for query in range(plan.grid[0] * plan.grid[1]):
        row, forbidden = seen.row(query).reshape(plan.heads, -1), seen.forbidden(query).ravel()
        known = np.isfinite(row[0])
        np.testing.assert_allclose(np.nan_to_num(row), expected[:, query], atol=2e-6)
        np.testing.assert_allclose(seen.outside(query), on_padding[:, query], atol=2e-6)
        np.testing.assert_allclose(row[:, known].sum(1) + seen.outside(query), 1, atol=1e-5)
        assert (expected[:, query][:, ~known] == 0).all()
        np.testing.assert_array_equal(known & ~forbidden, (expected[:, query] > 0).all(0))
        assert row[:, forbidden].max(initial=0) < 1e-30
    assert (seen.padded != plan.grid) == (size == swins.ODD)
    assert seen.residual is not None
    assert seen.residual < 1e-4


@pytest.mark.parametrize("size", [swins.EVEN, swins.ODD, (81, 50)])
@pytest.mark.parametrize("chunk", [None, 1, 5])
def test_encoding_in_chunks_is_the_librarys_own_pass(size: tuple[int, int], chunk: int | None) -> None:
    model, pixels = swins.donut(), swins.page(size, count=2)
    with torch.no_grad():
        own = model(pixels).last_hidden_state
    found = swin.encode(model, pixels, chunk)
    torch.testing.assert_close(found, own, atol=1e-5, rtol=1e-5)
    assert own.std() > 0.5


def test_the_small_reader_and_plain_swin_are_encoded_to_their_own_output() -> None:
    reader = swins.shaken(PlacedDonutSwin(encoder_config()))
    for model, size in ((reader, IMAGE_SIZE), (swins.swin(), (64, 64)), (swins.swin(), (50, 38))):
        with torch.no_grad():
            own = model(swins.page(size)).last_hidden_state
        torch.testing.assert_close(swin.encode(model, swins.page(size)), own, atol=2e-5, rtol=1e-4)


def test_the_plan_reads_the_published_models_numbers_from_the_modules() -> None:
    plan = swin.stages(swins.shaken(PlacedDonutSwin(encoder_config())), IMAGE_SIZE)
    assert [one.grid for one in plan] == [(64, 96), (32, 48), (16, 24), (8, 12)]
    assert [one.cell for one in plan] == [(4, 2), (8, 4), (16, 8), (32, 16)]
    assert [one.heads for one in plan] == [2, 4, 8, 16]
    assert [one.width for one in plan] == [24, 48, 96, 192]
    assert [one.shifts for one in plan] == [(0,), (0,), (0, 2, 0, 2), (0, 2)]
    assert plan[2].names[3] == "encoder.layers.2.blocks.3.attention.self"
    assert swin.stages(swins.donut(), swins.ODD)[1].padded == (12, 12)


def test_only_the_windows_of_the_queries_are_kept_and_the_estimate_is_their_size() -> None:
    model, pixels = swins.donut(), swins.page(swins.ODD)
    whole = swin.windows(model, pixels, 1, 1)
    some = swin.windows(model, pixels, 1, 1, queries=[0, 9, 11])
    assert some.kept == tuple(sorted({whole.window_of(q) for q in (0, 9, 11)}))
    for query in (0, 9, 11):
        np.testing.assert_allclose(some.row(query), whole.row(query), atol=1e-3)
    for seen, queries in ((whole, None), (some, [0, 9, 11])):
        assert seen.weights.nbytes == swin.estimate(model, swins.ODD, 1, 1, queries)
    with pytest.raises(KeyError, match="was not captured"):
        some.row(next(q for q in range(90) if some.window_of(q) not in some.kept))
    whole_width = swin.windows(model, pixels, 1, 1, half=False)
    assert whole_width.weights.nbytes == swin.estimate(model, swins.ODD, 1, 1, half=False)


def test_the_encoder_runs_no_further_than_the_block_asked_for() -> None:
    model, pixels = swins.donut(), swins.page(swins.EVEN)
    ran: list[str] = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _m, _a, _o, name=name: ran.append(name))
    swin.windows(model, pixels, 1, 0, queries=[3])
    assert "encoder.layers.1.blocks.0.attention.self" in ran
    assert not [
        name
        for name in ran
        if name.startswith(("encoder.layers.1.blocks.0.output", "encoder.layers.1.blocks.1", "encoder.layers.2"))
    ]


def test_pages_too_small_are_refused_before_anything_is_changed() -> None:
    model = swins.donut()
    before = swins.geometry_of(model)
    least = (4 * 3 * 4 + 1, 2 * 3 * 4 + 1)  # 4 cells in the last stage: more than 3 after two halvings
    for small in ((least[0] - 1, 64), (128, least[1] - 1)):
        with pytest.raises(ValueError, match=rf"want pages of at least {least[0]} x {least[1]}"):
            swin.encode(model, swins.page(small))
        with pytest.raises(ValueError, match="want pages of at least"):
            swin.windows(model, swins.page(small), 0, 0)
    swin.encode(model, swins.page(least))
    swin.windows(model, swins.page(least), 2, 1)
    assert swins.geometry_of(model) == before


def test_a_page_one_window_high_is_read_like_the_library_does_but_leaves_the_model_as_it_was() -> None:
    model, pixels = swins.donut(), swins.page((64, 64))
    spoiled = copy.deepcopy(model)
    with torch.no_grad():
        own = spoiled(pixels).last_hidden_state
    torch.testing.assert_close(swin.encode(model, pixels), own, atol=1e-5, rtol=1e-5)
    assert swins.geometry_of(spoiled) != swins.geometry_of(model) == swins.geometry_of(swins.donut())
    assert swin.stages(model, (64, 64))[2].shifts == (0, 0)


def test_a_model_that_a_small_page_has_changed_is_refused() -> None:
    model = swins.donut()
    model.encoder.layers[2].blocks[0].set_shift_and_window_size((2, 2))
    with pytest.raises(ValueError, match="load it again"):
        swin.stages(model, swins.EVEN)


def test_refusals_name_what_is_wanted() -> None:
    model, pixels = swins.donut(), swins.page(swins.EVEN)
    for wrong, message in (((3, 0), "stage: want 0 to 2"), ((0, 2), "block: want 0 to 1 in stage 0")):
        with pytest.raises(ValueError, match=message):
            swin.windows(model, pixels, *wrong)
    with pytest.raises(ValueError, match="query: want a cell from 0 to 1023"):
        swin.windows(model, pixels, 0, 0, queries=[1024])
    with pytest.raises(ValueError, match="one page"):
        swin.windows(model, swins.page(swins.EVEN, 2), 0, 0)
    with pytest.raises(ValueError, match="want evaluation mode"):
        swin.encode(swins.donut().train(), pixels)
    with pytest.raises(ValueError, match="want at least 1"):
        swin.encode(model, pixels, 0)
    with pytest.raises(ValueError, match="want a DonutSwin or Swin model"):
        swin.stages(torch.nn.Linear(2, 2), (8, 8))
    with pytest.raises(ValueError, match="want pages of 256 x 192"):
        swin.stages(PlacedDonutSwin(encoder_config()), (256, 256))


def test_swin_two_is_refused_rather_than_run_wrongly() -> None:
    from transformers import Swinv2Config, Swinv2Model

    config = Swinv2Config(image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4)
    with pytest.raises(ValueError, match="Swinv2Model"):
        swin.stages(Swinv2Model(config), (32, 32))


def test_the_bias_says_where_the_key_lies() -> None:
    """The score of a key one row below and two columns right of its query, moved alone, moves that weight alone."""
    model, pixels = swins.donut(), swins.page(swins.EVEN)
    before = swin.windows(model, pixels, 0, 0, [0], half=False)
    core = model.encoder.layers[0].blocks[0].attention.self
    place = core.relative_position_index[0, 1 * WINDOW + 2]  # query at 0, 0; key at row 1, column 2
    with torch.no_grad():
        core.relative_position_bias_table[place] += 3
    after = swin.windows(model, pixels, 0, 0, [0], half=False)
    moved = np.argwhere(after.bias[0] != before.bias[0]).tolist()
    assert moved == [[WINDOW - 1 + 1, WINDOW - 1 + 2]]
    odds = np.log(after.row(0)[0, 1, 2] / after.row(0)[0, 0, 0]) - np.log(
        before.row(0)[0, 1, 2] / before.row(0)[0, 0, 0]
    )
    assert odds == pytest.approx(3, abs=1e-4)


WINDOW = swins.WINDOW


def test_a_map_of_the_windows_goes_into_a_record() -> None:
    import vit_attention as va

    seen = swin.windows(swins.donut(), swins.page(swins.ODD), 1, 1)
    chosen = [0, 5, 89]
    one = seen.to_map(chosen)
    assert (one.kind, one.queries, one.query.grid) == ("window", (0, 5, 89), (9, 10))
    record = va.AttentionRecord((one,), settings=seen.settings(chosen))
    assert record.settings["padding_share"] == pytest.approx(max(float(seen.outside(q).max()) for q in chosen))
    assert record.settings["padding_share"] > 0.01
    for at, query in enumerate(chosen):
        row = seen.row(query).reshape(2, -1)
        np.testing.assert_array_equal(np.isnan(one.weights[:, at]), np.isnan(row))
        np.testing.assert_allclose(np.nansum(one.single[:, at], axis=-1), 1, atol=2e-3)
        kept = np.nan_to_num(row) / (1 - seen.outside(query)[:, None])
        np.testing.assert_allclose(np.nan_to_num(one.single[:, at]), kept, atol=2e-3)
    assert len(seen.to_map().queries or ()) == 90


def test_a_map_that_would_fill_the_memory_is_refused() -> None:
    cells = (200, 400)
    seen = Windows(
        np.full((1, 1, 1024, 1024), 1 / 1024, np.float16),
        (0,),
        cells,
        32,
        0,
        0,
        0,
        "big",
        (4, 4),
        np.zeros((1, 63, 63), np.float32),
    )
    assert cells[0] * cells[1] * 1024 * 4 > LARGEST_MAP
    with pytest.raises(ValueError, match="queries: want a map of at most 256 MiB"):
        seen.to_map()
    assert seen.to_map([0]).weights.shape == (1, 1, 80000)


def test_a_row_that_read_only_padding_is_undefined_in_a_map() -> None:
    weights = np.zeros((1, 1, 4, 4), np.float32)
    weights[0, 0, :, 3] = 1
    seen = Windows(weights, (0,), (1, 2), 2, 0, 0, 0, "tiny", (1, 1), np.zeros((1, 3, 3), np.float32))
    assert seen.outside(0).tolist() == [1.0]
    assert np.isnan(seen.to_map().weights).all()
