"""How receipt-donut learns: what its pages carry, and that a run goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training import receipt_data
from training.receipt_batches import Pool
from training.receipt_data import ALPHABET, letters_on_cells, store, token_boxes, tokenizer
from training.receipt_donut import Run, Stage
from training.receipt_donut_forward import encode, neighbour_start
from training.receipt_export import export
from training.receipt_learner import hits
from vit_attention.networks.receipt_donut import build
from worlds.receipts import form, receipt


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> receipt_data.Store:
    return store(tmp_path_factory.mktemp("pages"), 24, 500, processes=1)


def test_every_token_of_a_value_has_the_box_of_its_characters() -> None:
    page = receipt(11, 3)
    ids, boxes = token_boxes(page)
    names = tokenizer().convert_ids_to_tokens(ids)
    assert "".join(names).replace("▁", " ").replace("> ", ">") == page.sequence
    total = page.words[page.pieces[-2].words[0]]
    digits = [t for t, n in enumerate(names) if t > names.index("<s_total>") and not n.startswith("<")]
    np.testing.assert_allclose(boxes[digits], total.characters, atol=1e-3)
    assert all(np.isnan(boxes[t]).all() == n.startswith("<") for t, n in enumerate(names))


def test_the_tokenizer_reads_back_what_it_wrote() -> None:
    for page in (receipt(2, 5), receipt(3, 4, invented=True), form(5)):
        ids = tokenizer()(page.sequence, add_special_tokens=False)["input_ids"]
        assert tokenizer().unk_token_id not in ids
        assert tokenizer().decode(ids).replace("> ", ">") == page.sequence


def test_a_cell_carries_the_letter_that_covers_it() -> None:
    boxes = np.array(
        [(8, 16, 16, 32, ALPHABET.index("k") + 1), (17, 16, 18, 32, ALPHABET.index("i") + 1), (0, 0, 0, 0, 0)]
    )
    labels, weights = letters_on_cells(boxes, 0, 4)
    assert labels[1, 1] == ALPHABET.index("k") + 1
    assert labels[1, 2] == ALPHABET.index("i") + 1
    assert (labels > 0).sum() == 2
    assert weights[1, 1] == 1
    assert weights[0, 0] == pytest.approx(0.3)
    # Four of sixteen pixel rows covered: neither letter nor ground.
    labels, weights = letters_on_cells(np.array([(8, 12, 16, 20, 1.0)]), 0, 4)
    assert not labels.any()
    assert weights[0, 1] == weights[1, 1] == 0


def test_a_hit_is_a_cell_that_holds_enough_of_the_box() -> None:
    attention = torch.zeros(3, 96)
    attention[0, 13] = attention[1, 13] = attention[2, 0] = 1  # second row and column: pixels 16 to 32, 32 to 64
    boxes = np.array([(20, 40, 28, 52), (31, 40, 39, 52), (20, 40, 28, 52)], float)
    assert hits(attention, boxes).tolist() == [True, False, False]


def test_the_encoder_is_the_librarys_and_heads_start_at_their_neighbours() -> None:
    torch.manual_seed(0)
    encoder = build(40).eval().encoder
    neighbour_start(encoder, strength=9.0)
    pixels = torch.randn(1, 3, 256, 192)
    with torch.no_grad():
        torch.testing.assert_close(encode(encoder, pixels)[1], encoder(pixels).last_hidden_state, atol=1e-5, rtol=1e-4)
        encode(encoder, pixels[:, :, :128])  # a cut takes the shift of the last stage away ...
        assert encoder.encoder.layers[3].blocks[1].shift_size == 0
        encode(encoder, pixels)  # ... and a page gives it back
    assert [b.shift_size for layer in encoder.encoder.layers for b in layer.blocks] == [0, 0, 0, 2, 0, 2, 0, 2]
    from vit_attention.models.swin import windows

    seen = windows(encoder, pixels, 0, 0)
    inner = seen.row(10 * 96 + 9)[0]  # head 1 of the first block: the cell on the left, row 10, column 8
    assert np.nanargmax(inner) == 10 * 96 + 8


def test_a_run_goes_on_where_it_stopped_and_ships_a_reader(
    pages: receipt_data.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.receipt_donut.evaluate", lambda *_: {})
    pools = {"plain": Pool(pages), "invented": Pool(pages)}
    first = [Stage("letters", 2, 1, 1, 1, 1.0), Stage("pages", 2, 1, 1, 1, 1.0)]
    run = Run(tmp_path, pools, pages, 0)
    run.train(first, warm_up=1)
    other = Run(tmp_path, pools, pages, 7)
    other.resume()
    assert other.step == 2
    other.train([*first, Stage("pages", 2, 1, 1, 0.5, 1.0, invented=1.0)], warm_up=1)
    assert other.step == 3
    export(other.average, tmp_path / "shipped")
    import vit_attention as va

    reader = va.load(f"hf:{tmp_path / 'shipped'}")
    record = reader.attend(receipt(1, 1).picture, max_tokens=3, prompt="<s_receipt>")
    assert len(record.prediction.tokens) <= 3
    assert record.maps[1].key.grid == (8, 12)
