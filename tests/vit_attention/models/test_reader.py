"""What the decoder looked at, against the library's own attentions of the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from tests.vit_attention.donuts import folder, network
from vit_attention.models.model import BudgetError
from vit_attention.models.reader import ReadingModel
from vit_attention.weights.checkpoints import CheckpointError
from worlds.receipts import receipt


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ReadingModel:
    return va.load(f"hf:{folder(tmp_path_factory.mktemp('donut'))}")


@pytest.fixture(scope="module")
def page() -> Image.Image:
    return receipt(3, 2).picture


def ids_of(reader: ReadingModel, record: va.AttentionRecord) -> list[int]:
    query = record.maps[0].query
    return reader.tokenizer.convert_tokens_to_ids([*query.special, *query.labels])


def of_kind(record: va.AttentionRecord, kind: str) -> list[va.AttentionMap]:
    return [one for one in record.maps if one.kind == kind]


PROMPTS = ("<s_receipt>", "<s_receipt><s_store>tea", "<s_form>")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_maps_are_those_of_the_library(reader: ReadingModel, page: Image.Image, prompt: str) -> None:
    record = reader.attend(page, prompt=prompt, half=False, max_tokens=12)
    start = reader.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    ids = [start[0], *ids_of(reader, record)]
    assert ids[: len(start)] == start
    with torch.no_grad():
        # The same weights with the library's plain attention, the only one that gives its weights out.
        out = network()(
            pixel_values=reader.prepare(page).pixels, decoder_input_ids=torch.tensor([ids[:-1]]), output_attentions=True
        )
    for kind, theirs in (("cross", out.cross_attentions), ("self", out.decoder_attentions)):
        maps = of_kind(record, kind)
        assert [one.layer for one in maps] == [0, 1]
        for one, their in zip(maps, theirs, strict=True):
            np.testing.assert_allclose(one.weights, their[0].numpy(), atol=1e-5)
    assert record.residual is not None
    assert record.residual < 1e-4


@pytest.mark.parametrize("prompt", PROMPTS)
def test_row_t_belongs_to_the_token_that_it_produced(reader: ReadingModel, page: Image.Image, prompt: str) -> None:
    """Stepping by hand: what the decoder says after reading the tokens so far is the label of its last row."""
    record = reader.attend(page, prompt=prompt, max_tokens=6)
    query = record.maps[0].query
    ids = reader.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert query.prefix == len(ids) - 1  # rows that only repeat the prompt
    assert query.labels == record.prediction.tokens
    memory = reader.page(page).memory
    for label, chance in zip(query.labels, record.prediction.chances, strict=True):
        with torch.no_grad():
            logits = reader.module.decoder(input_ids=torch.tensor([ids]), encoder_hidden_states=memory).logits[0, -1]
        chances = logits.softmax(-1)
        logits[reader.tokenizer.unk_token_id] = -torch.inf  # forbidden while generating
        ids.append(int(logits.argmax()))
        assert reader.tokenizer.convert_ids_to_tokens(ids[-1]) == label
        assert float(chances[ids[-1]]) == pytest.approx(float(chance), rel=1e-4)


def test_a_page_is_read_once_whatever_is_asked_about_it(
    reader: ReadingModel, page: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, calls = reader.module.generate, []
    monkeypatch.setattr(reader.module, "generate", lambda **how: calls.append(how) or generate(**how))
    kept = reader.page(page)
    for target in (0, 1, 0):
        found = reader.attend(kept, target=target, max_tokens=4)
        anew = reader.attend(page, target=target, max_tokens=4)
        for one, other in zip(found.maps, anew.maps, strict=True):
            np.testing.assert_allclose(one.gradient, other.gradient, atol=1e-6)
    assert len(calls) == 1 + 3, "once for the kept page, and for every picture anew"
    for other in ({"prompt": "<s_receipt><s_menu>"}, {"beams": 2}, {"max_tokens": 5}):
        before = len(calls)
        record = reader.attend(kept, **{"max_tokens": 4, **other})
        expected = reader.attend(page, **{"max_tokens": 4, **other})
        assert record.prediction.tokens == expected.prediction.tokens
        assert len(calls) == before + 2, "another reading"
    heard: list[str] = []
    reader.attend(kept, max_tokens=4, on_token=heard.append)
    assert len(heard) == 4, "who wants to hear the tokens hears them again"


@pytest.mark.parametrize("beams", [2, 4])
def test_beams_are_followed_back(reader: ReadingModel, page: Image.Image, beams: int) -> None:
    """The rows are those of the beams that the winner really came from, step by step in `generate`."""
    record = reader.attend(page, beams=beams, half=False, max_tokens=14)
    made = network().generate(
        pixel_values=reader.prepare(page).pixels,
        decoder_input_ids=torch.tensor([[reader.tokenizer.bos_token_id]]),
        num_beams=beams,
        max_length=15,
        do_sample=False,
        return_dict_in_generate=True,
        output_attentions=True,
        output_scores=True,
        pad_token_id=0,
        eos_token_id=2,
        bad_words_ids=[[3]],
    )
    winner = made.sequences[0].tolist()[1:]
    assert reader.tokenizer.convert_ids_to_tokens(winner)[: len(record.prediction.tokens)] == list(
        record.prediction.tokens
    )
    strayed = 0
    for step in range(len(record.prediction.tokens)):
        beam = int(made.beam_indices[0, step])
        strayed += beam > 0
        for layer, one in enumerate(of_kind(record, "cross")):
            theirs = made.cross_attentions[step][layer][beam, :, -1]
            np.testing.assert_allclose(one.weights[:, step], theirs.numpy(), atol=1e-5)
    assert strayed  # else following beam 0 would have passed


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("beams", [1, 3])
def test_capture_hears_every_step_of_generate(attention: str, beams: int) -> None:
    """Steps project their own token only and keep the rest in a cache: the maps are the library's all the same."""
    settings: dict[str, Any] = {
        "pixel_values": torch.randn(1, 3, 64, 48, generator=torch.Generator().manual_seed(3)),
        "max_length": 7,
        "decoder_input_ids": torch.tensor([[4, 6]]),
        "num_beams": beams,
        "do_sample": False,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    plain = network().generate(**settings, return_dict_in_generate=True, output_attentions=True)
    captured = network(attention=attention)
    with va.capture(captured.decoder) as seen:
        captured.generate(**settings)
    cross = [one for one in seen if one.kind == "cross"]
    own = [one for one in seen if one.kind == "self"]
    steps = len(plain.cross_attentions)
    assert steps >= 4
    assert len(cross) == len(own) == 2 * steps
    for step in range(steps):
        for layer in range(2):
            one, two = cross[2 * step + layer], own[2 * step + layer]
            torch.testing.assert_close(one.weights, plain.cross_attentions[step][layer], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(two.weights, plain.decoder_attentions[step][layer], atol=1e-5, rtol=1e-4)
            assert one.residual is not None
            assert one.residual < 1e-4


def test_tokens_are_told_as_they_come(reader: ReadingModel, page: Image.Image) -> None:
    heard: list[str] = []
    record = reader.attend(page, max_tokens=7, on_token=heard.append, prompt="<s_receipt><s_store>")
    assert tuple(heard) == record.prediction.tokens


def test_only_what_is_asked_for_is_kept(reader: ReadingModel, page: Image.Image) -> None:
    whole = reader.attend(page, half=False, max_tokens=5)
    part = reader.attend(page, layers=[1], heads=[2, 0], kinds=["cross"], half=False, max_tokens=5)
    assert [(m.kind, m.layer) for m in part.maps] == [("cross", 1)]
    # Layers that are not kept run PyTorch's own kernel: the same up to rounding.
    np.testing.assert_allclose(part.maps[0].weights, of_kind(whole, "cross")[1].weights[[2, 0]], atol=1e-6)
    assert part.maps[0].key.grid == (8, 6) == reader.grid
    assert whole.nbytes >= reader.estimate(5, half=False)
    cut = reader.attend(page, half=False, budget=reader.estimate(9, half=False))
    assert len(cut.prediction.tokens) <= 8  # one of the nine is the prompt
    assert "</s>" in cut.prediction.tokens or "cut after 8 tokens" in cut.settings["notes"][-1]
    with pytest.raises(BudgetError, match="want at most 0 MB"):
        reader.attend(page, budget=100)


def test_windows_of_the_encoder_come_on_request(reader: ReadingModel, page: Image.Image, tmp_path: Path) -> None:
    record = reader.attend(page, windows=[(0, 1), (1, 0)], queries=[0, 7], max_tokens=2)
    first, second = of_kind(record, "window")
    assert first.weights.shape == (2, 2, 16 * 12)
    assert second.weights.shape == (4, 2, 8 * 6)
    alone = reader.windows(page, 0, 1)
    np.testing.assert_allclose(first.row(7), alone.row(7).reshape(2, -1), atol=2e-3)
    assert 0 < np.isfinite(first.row(7)[0]).sum() <= 16  # a window of 4 x 4 cells, the rest undefined
    assert va.AttentionRecord.load(record.save(tmp_path / "w.npz")).settings["windows"]
    with pytest.raises(ValueError, match=r"\(stage, block\)"):
        reader.attend(page, windows=[(2, 0)])
    with pytest.raises(BudgetError):
        reader.attend(page, windows=[(0, 0)], budget=60_000, max_tokens=2, kinds=["self"])


def test_an_own_attention_kernel_does_not_matter(page: Image.Image, reader: ReadingModel) -> None:
    fused = ReadingModel(reader.card, network(attention="sdpa"), reader.tokenizer, reader.recipe, reader.prompt, "")
    one, other = (m.attend(page, half=False, max_tokens=6) for m in (reader, fused))
    for ours, theirs in zip(one.maps, other.maps, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"prompt": ""}, "at least one token"),
        ({"prompt": "ß"}, "tokens this model knows"),
        ({"beams": 9}, "1 to 8"),
        ({"layers": [7]}, "layers: want numbers from 0 to 1"),
        ({"kinds": ["window"]}, "kinds: want .*cross"),
        ({"windows": [(0, 0.5)]}, "windows: want"),
        ({"max_tokens": "x"}, "max_tokens: want a whole number"),
        ({"prompt": 5}, "prompt: want a text, got 5"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": "a " * 50}, "prompt of"),
        ({"heads": [9]}, "heads: want"),
        ({"heads": []}, "heads: want at least one"),
        ({"layers": []}, "layers: want at least one"),
    ],
)
def test_wrong_wishes_are_told(reader: ReadingModel, page: Image.Image, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        reader.attend(page, **{"max_tokens": 3, **wrong})


def test_a_record_survives_its_bundle(reader: ReadingModel, page: Image.Image, tmp_path: Path) -> None:
    record = reader.attend(page, max_tokens=6)
    back = va.AttentionRecord.load(record.save(tmp_path / "page.npz"))
    assert back.prediction.tokens == record.prediction.tokens
    assert back.prediction.text == record.prediction.text
    np.testing.assert_array_equal(back.prediction.chances, record.prediction.chances)
    np.testing.assert_array_equal(back.maps[1].weights, record.maps[1].weights)
    assert back.maps[1].query == record.maps[1].query or back.maps[1].query.labels == record.maps[1].query.labels


def test_an_older_checkpoint_file_loads_the_same(tmp_path: Path, reader: ReadingModel, page: Image.Image) -> None:
    old = va.load(f"hf:{folder(tmp_path / 'old', pickled=True)}")
    np.testing.assert_array_equal(
        old.attend(page, max_tokens=4).maps[1].weights, reader.attend(page, max_tokens=4).maps[1].weights
    )


def test_broken_folders_are_told_in_words(tmp_path: Path) -> None:
    whole = folder(tmp_path / "whole")
    (whole / "tokenizer.json").unlink()
    (whole / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match="tokenizer"):
        va.load(f"hf:{whole}")
    cut = folder(tmp_path / "cut")
    data = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"^model\.safetensors: want a \.safetensors file"):
        va.load(f"hf:{cut}")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("decoder", "d_model", 32),
        ("decoder", "decoder_layers", 10**9),
        ("decoder", "activation_function", "evil"),
        ("encoder", "patch_size", 0),
        ("encoder", "depths", [2, 10**9]),
        ("encoder", "mlp_ratio", 10**9),
    ],
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused_before_it_is_built(
    tmp_path: Path, part: str, name: str, value: Any
) -> None:
    other = folder(tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    config[part][name] = value
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError,
        match=r"^(model\.safetensors: want weights that fit config\.json|other/config\.json: [\w.]+: want)\b",
    ):
        va.load(f"hf:{other}")


def test_a_large_page_is_read_at_its_own_size(reader: ReadingModel) -> None:
    """Nothing is reduced on the way, and boxes and maps lie in pixels of the page that was given."""
    given = Image.new("RGB", (2250, 3000), "white")
    given.paste("black", (1000, 2000, 1400, 2100))
    ready = reader.prepare(given)
    pixels, geometry = ready.pixels, ready.geometry
    assert given.size == geometry.original == (2250, 3000)
    height, width = pixels.shape[-2:]
    row, column = divmod(int(pixels[0].sum(dim=0).argmin()), width)
    left, top, right, bottom = geometry.boxes_to_original([(column, row, column + 1, row + 1)])[0]
    assert 1000 - 3000 / height <= left <= right <= 1400 + 3000 / height
    assert 2000 - 3000 / height <= top <= bottom <= 2100 + 3000 / height


def test_weights_of_a_file_for_a_folder(tmp_path: Path) -> None:
    """In half precision, in a wrapper, beside another network; and in shards."""
    whole, other = folder(tmp_path / "whole"), folder(tmp_path / "other", seed=1)
    page = Image.new("RGB", (60, 60), "white")
    expected = va.load(f"hf:{whole}").attend(page, max_tokens=3)
    state = network().state_dict()
    halved = {f"module.{name}": one.bfloat16() for name, one in state.items()}
    torch.save({"model": halved, "ema": {name: one * 2 for name, one in state.items()}}, tmp_path / "two.pth")
    with pytest.raises(CheckpointError, match=r"2 networks that fit \('model.module', 'ema'\)"):
        va.load(f"hf:{other}", weights=tmp_path / "two.pth")
    record = va.load(f"hf:{other}", weights=tmp_path / "two.pth", key="model").attend(page, max_tokens=3)
    np.testing.assert_allclose(record.maps[0].weights, expected.maps[0].weights, atol=0.02)
    network().save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    record = va.load(f"hf:{other}", weights=tmp_path / "shards").attend(page, max_tokens=3)
    np.testing.assert_array_equal(record.maps[0].weights, expected.maps[0].weights)


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code ran')",))


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    where = folder(tmp_path / "evil", pickled=True)
    torch.save({"encoder.x": Payload()}, where / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="refused"):
        va.load(f"hf:{where}")


def test_the_bundled_reader_finds_digits_on_a_page_lying_on_its_side() -> None:
    """The page is turned, halved and padded on its way in; the strongest cell of a digit is drawn where it is printed."""
    model, made = va.load("receipt-donut"), receipt(5, 2)
    side = Image.new("RGB", (512, 420), "white")
    side.paste(made.picture.transpose(Image.Transpose.ROTATE_90), (0, 0))
    record = model.attend(side)
    price = made.words[made.pieces[-2].words[0]]  # the total
    first = len(record.prediction.tokens) - 1 - record.prediction.tokens[::-1].index("</s_total>")
    maps = of_kind(record, "cross")
    found = 0
    for back, (left, top, right, bottom) in zip(range(1, 6), price.characters[::-1], strict=False):
        row = np.mean([m.single[:, first - back] for m in maps], axis=(0, 1)).reshape(maps[0].key.grid or (1, 1))
        placed = record.geometry.place(row)  # type: ignore[union-attr]
        r, c = np.unravel_index(placed.values.argmax(), placed.values.shape)
        x0, y0 = placed.left + c * placed.width, placed.top + r * placed.height
        turned = (top, 384 - right, bottom, 384 - left)  # a quarter turn counter-clockwise
        wide = min(x0 + placed.width, turned[2]) - max(x0, turned[0])
        tall = min(y0 + placed.height, turned[3]) - max(y0, turned[1])
        found += wide > 0 and tall > 0
    assert found >= 4
