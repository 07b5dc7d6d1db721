"""Gradients of readers and captioners, by numerical differentiation; the token that is asked about; threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

import vit_attention as va
from tests.vit_attention.donuts import folder
from tests.vit_attention.models.test_captioner import VOCAB, model_of
from tests.vit_attention.networks.test_aoanet import draw, small
from visualizer.method import methods
from vit_attention.inputs.region_features import region_features
from vit_attention.models.model import BudgetError
from vit_attention.models.reader import Page, ReadingModel
from vit_attention.models.speaking import first_word, token_number
from worlds.receipts import receipt

RELEVANCE = methods()["relevance"]
STEP = 1e-5


class Nudged(TorchFunctionMode):
    """Adds a little to one weight of one attention: the `number`-th softmax over keys, counted from 0."""

    def __init__(self, number: int, entry: tuple[int, int, int], by: float) -> None:
        super().__init__()
        self.number, self.entry, self.by, self.count = number, entry, by, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            query, key, value = args
            mask = kwargs["attn_mask"] if kwargs.get("attn_mask") is not None else 0.0
            if isinstance(mask, Tensor) and mask.dtype == torch.bool:
                mask = torch.zeros(mask.shape, dtype=query.dtype).masked_fill(~mask, -torch.inf)
            if kwargs.get("is_causal"):
                mask = torch.full((query.shape[2], key.shape[2]), -torch.inf, dtype=query.dtype).triu(1)
            scores = query @ key.mT * (kwargs.get("scale") or query.shape[-1] ** -0.5) + mask
            return self.nudge(torch.softmax(scores, -1)) @ value
        found = func(*args, **kwargs)
        return self.nudge(found) if func is Tensor.softmax else found

    def nudge(self, weights: Tensor) -> Tensor:
        self.count += 1
        if self.count == self.number + 1:
            weights = weights.clone()
            weights[(0, *self.entry)] += self.by
        return weights


def slope(score: Callable[[], Tensor], number: int, entry: tuple[int, int, int]) -> float:
    """The central difference of a score by one weight."""
    values = []
    for by in (STEP, -STEP):
        with torch.no_grad(), Nudged(number, entry, by) as mode:
            values.append(float(score()))
        assert mode.count > number, "the weight was reached"
    return (values[0] - values[1]) / (2 * STEP)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ReadingModel:
    """A tiny reader whose decoder computes in double precision."""
    made: ReadingModel = va.load(f"hf:{folder(tmp_path_factory.mktemp('donut'))}")
    made.module.decoder.double()
    made.module.enc_to_dec_proj.double()
    return made


def page_of(reader: ReadingModel, cells: list[int] | None = None) -> Page:
    """A page whose cells, or all but some, were encoded as the network does; the others are zeros, which hold nothing."""
    ready = reader.prepare(receipt(3, 2).picture)
    with torch.no_grad():
        encoded = reader.module.encoder(pixel_values=ready.pixels).last_hidden_state.double()
        if cells is not None:
            kept = encoded[:, cells]
            encoded = torch.zeros_like(encoded)
            encoded[:, cells] = kept
        reader.module.enc_to_dec_proj.bias.zero_()
        return Page(**vars(ready), encoded=encoded, memory=reader.module.enc_to_dec_proj(encoded))


@pytest.fixture(scope="module")
def page(reader: ReadingModel) -> Page:
    return page_of(reader)


PROMPT = "<s_receipt><s_store>tea"
ENTRIES = [(0, 0, 0), (1, 2, 1), (3, 4, 2), (2, 3, 3)]


@pytest.mark.parametrize("number", range(4), ids=["self 0", "cross 0", "self 1", "cross 1"])
def test_gradients_of_a_reading_are_differences_of_its_logit(reader: ReadingModel, page: Page, number: int) -> None:
    asked = 2
    record = reader.attend(page, prompt=PROMPT, target=asked, max_tokens=8, half=False)
    start = reader.tokenizer(PROMPT, add_special_tokens=False)["input_ids"]
    said = reader.tokenizer.convert_tokens_to_ids(list(record.prediction.tokens))
    ids, row = torch.tensor([[*start, *said[:-1]]]), len(start) - 1 + asked

    def score() -> Tensor:
        out = reader.module.decoder(input_ids=ids, encoder_hidden_states=page.memory, use_cache=False)
        return out.logits[0, row, said[asked]]

    one = record.maps[number]
    assert one.gradient is not None
    assert (one.kind, one.gradient.shape) == (("self", "cross")[number % 2], one.weights.shape)
    assert one.gradient[:, : row + 1].any()
    for entry in ENTRIES:
        assert one.gradient[entry] == pytest.approx(slope(score, number, entry), rel=1e-4, abs=1e-7)
    assert not one.gradient[:, row + 1 :].any(), "what is read later has no effect on it"


@pytest.mark.parametrize(
    "options", [{}, {"use_multi_head": 0}, {"refine": 0}, {"decoder_type": "LSTM"}, {"refine_aoa": 0}], ids=str
)
def test_gradients_of_a_caption_are_differences_of_its_logit(options: dict[str, Any]) -> None:
    network, values = small(**options), draw(12, 4)
    model = model_of(network)
    seen = region_features(values.numpy())
    words = model.attend(seen).prediction.tokens
    asked = min(1, len(words) - 1)
    record = model.attend(seen, target=asked)
    tokens = [[*VOCAB.values()].index(word) + 1 if word in VOCAB.values() else 0 for word in words]
    out: list[Tensor] = []
    hook = network.logit.register_forward_hook(lambda _, __, found: out.append(found))

    def score() -> Tensor:
        network(torch.tensor(model.prepare(seen).values)[None].double(), torch.tensor([[0, *tokens[:-1]]]))
        return out[-1][0, asked, tokens[asked]]

    depth = model.refiner_layers
    for number, one in enumerate(record.maps):
        assert one.gradient is not None
        assert one.gradient.shape == one.weights.shape
        heads, rows, _ = one.weights.shape
        assert one.gradient.any()
        for head, row, key in [(0, 0, 0), (heads - 1, min(1, rows - 1), 5), (0, rows - 1, 7)]:
            place, entry = (number, (head, row, key)) if number < depth else (depth + row, (head, 0, key))
            if not options.get("use_multi_head", 1) and number == depth:
                entry = (key,)  # type: ignore[assignment]
            assert one.gradient[head, row, key] == pytest.approx(slope(score, place, entry), rel=1e-4, abs=1e-7)
    hook.remove()
    assert not record.maps[-1].gradient[:, asked + 1 :].any()  # type: ignore[index]


def test_a_token_that_can_come_from_one_cell_alone_points_there(reader: ReadingModel) -> None:
    for cell in (7, 30):
        record = reader.attend(page_of(reader, [cell]), target=3, max_tokens=6)
        found = RELEVANCE(record).row
        assert found[cell] > 0
        assert not np.delete(found, cell).any()


def test_a_word_that_can_come_from_one_region_alone_points_there() -> None:
    network = small(refine=0, use_bn=0)
    with torch.no_grad():
        for name in ("att_embed.0.bias", "ctx2att.bias"):
            network.get_parameter(name).zero_()
    for region in (2, 9):
        values = np.zeros((12, 4))
        values[region] = 1 + np.arange(4)
        found = [RELEVANCE(model_of(network).attend(region_features(values), target=n)).row for n in range(2)]
        assert max(row[region] for row in found) > 0
        assert not any(np.delete(row, region).any() for row in found)


def test_relevance_is_the_rule_on_the_record_and_asks_the_row_of_the_token(reader: ReadingModel, page: Page) -> None:
    from visualizer.measures.decoded import decoded_relevance

    record = reader.attend(page, prompt=PROMPT, target=2, max_tokens=8, half=False)
    pairs = {kind: [(m.weights, m.gradient) for m in record.maps if m.kind == kind] for kind in ("self", "cross")}
    row = len(reader.tokenizer(PROMPT, add_special_tokens=False)["input_ids"]) - 1 + 2
    found = RELEVANCE(record)
    np.testing.assert_allclose(found.row, decoded_relevance(pairs["cross"], pairs["self"], query=row), rtol=1e-6)  # type: ignore[arg-type]
    assert found.values.shape == reader.grid
    first = decoded_relevance(pairs["cross"][:1], pairs["self"][:1], query=row)  # type: ignore[arg-type]
    np.testing.assert_allclose(RELEVANCE(record, layer=0).row, first, rtol=1e-6)
    last = decoded_relevance(pairs["cross"][1:], pairs["self"][1:], query=row)  # type: ignore[arg-type]
    np.testing.assert_allclose(RELEVANCE(record, start_layer=1).row, last, rtol=1e-6)
    assert f'token 2 "{record.prediction.tokens[2].lstrip("▁")}"' in found.words
    assert methods()["gradient-rollout"].unfit(record).startswith("wants self-attention over the picture")


def test_saved_and_read_again_it_is_the_same(reader: ReadingModel, page: Page, tmp_path: Path) -> None:
    record = reader.attend(page, target=3, max_tokens=6)
    read = va.AttentionRecord.load(record.save(tmp_path / "page.npz"))
    assert (read.prediction.target, read.prediction.asked, read.settings["target"]) == (3, "3", 3)
    assert read.prediction.asked_words == record.prediction.asked_words
    np.testing.assert_array_equal(RELEVANCE(read).row, RELEVANCE(record).row)


def test_the_token_is_found_by_number_text_or_word_and_noted_where_none_was_given() -> None:
    model = va.load("receipt-donut")
    record = model.attend("receipt-3-3", target="market", keep=RELEVANCE.needs)
    number = record.prediction.target
    assert isinstance(number, int)
    assert "".join(record.prediction.tokens[number : number + 3]) == "▁market"
    record = model.attend("receipt-3-3", keep={"target"})
    assert record.prediction.target == number
    assert f"No token was given, so the first word is asked about: token {number}" in record.settings["notes"][-1]
    assert not record.has("gradients")
    plain = model.attend("receipt-3-3")
    assert (plain.prediction.target, plain.settings["target"]) == (None, None)
    assert first_word(("<s_a>", "</s_a>")) == 0


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (-1, "target: want a token's number, 0 first, or its text, got -1"),
        (True, "target: want a token's number, 0 first, or its text, got True"),
        (1.5, "target: want a token's number, 0 first, or its text, got 1.5"),
        ("", "target: want a token's number, 0 first, or its text, got ''"),
        (va.Similar(to=(0, 0)), "target: want a token's number, 0 first, or its text, got Similar"),
        (400, "target: want a token's number from 0 to 3, got 400"),
        ("blue", r"target: want a token's number from 0 to 3, or a text that was said \(a green ring\), got 'blue'"),
    ],
)
def test_a_token_that_was_not_said_is_refused_in_a_sentence(target: Any, why: str) -> None:
    with pytest.raises(va.GateError, match=why):
        va.load("scene-aoanet").attend("scene-7", target=target)


def test_a_text_that_was_said_twice_lists_its_numbers() -> None:
    with pytest.raises(
        va.GateError, match=r"want the text of one token, got 'tea', said 2 times. Its numbers are 1, 3"
    ):
        token_number("tea", ("<s_nm>", "▁tea", "</s_nm>", "▁tea"))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, r"want model.attend\(picture, target=TOKEN, keep="),
        ({"target": 1, "kinds": "cross"}, "wants the decoder's self-attention, too"),
        ({"target": 1, "layers": [1]}, "wants every layer, and this record kept 1"),
        ({"target": 1, "heads": [1]}, "wants all heads and queries"),
    ],
)
def test_a_record_without_what_relevance_reads_says_what_to_do(
    reader: ReadingModel, page: Page, asked: dict[str, Any], why: str
) -> None:
    record = reader.attend(page, max_tokens=3, **asked)
    with pytest.raises(ValueError, match=why):
        RELEVANCE(record)


def test_the_budget_counts_gradients(reader: ReadingModel, page: Page) -> None:
    size = reader.estimate(1 + 6, half=False)
    reader.attend(page, max_tokens=6, half=False, budget=size)
    with pytest.raises(BudgetError):
        reader.attend(page, max_tokens=6, half=False, target=1, budget=size)


def test_eight_threads_at_once_give_what_one_gives_and_leave_no_trace(reader: ReadingModel, page: Page) -> None:
    alone = [reader.attend(page, target=n, max_tokens=6, half=False) for n in range(4)]
    hooks = [len(part._forward_hooks) for part in reader.module.modules()]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda n: reader.attend(page, target=n % 4, max_tokens=6, half=False), range(8)))
        with torch.inference_mode():
            inside = reader.attend(page, target=0, max_tokens=6, half=False)
    for n, record in enumerate([*together, replace(inside)]):
        for one, other in zip(record.maps, alone[n % 4].maps, strict=True):
            np.testing.assert_array_equal(one.gradient, other.gradient)
    assert not np.array_equal(alone[0].maps[1].gradient, alone[1].maps[1].gradient)  # type: ignore[arg-type]
    assert [len(part._forward_hooks) for part in reader.module.modules()] == hooks
    assert not any(one.requires_grad or one.grad is not None for one in reader.module.parameters())
    assert not reader.module.training
    with pytest.raises(va.GateError):
        reader.attend(page, target=99, max_tokens=6)
    assert not any(one.requires_grad for one in reader.module.parameters())


@pytest.mark.parametrize(("name", "given"), [("receipt-donut", "receipt-3-3"), ("scene-aoanet", "scene-7")])
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float64])
def test_a_picture_goes_in_in_the_precision_of_the_network(name: str, given: str, precision: torch.dtype) -> None:
    wanted = va.load(name).attend(given).prediction.text
    model = va.load(name)
    model.module.to(precision)
    assert str(model.attend(given).prediction.text)[:10] == str(wanted)[:10]
