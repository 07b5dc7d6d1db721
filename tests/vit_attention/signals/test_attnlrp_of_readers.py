"""AttnLRP of a document reader against a decoder whose modules were rewritten to hand relevance back."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import vit_attention as va
from tests.vit_attention.donuts import folder
from visualizer import methods


class Held(nn.Module):
    """A norm or activation written as a constant factor of what comes in, with the mean and the bias left as they are."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(self.own, nn.LayerNorm):
            return x * (self.own(x) / x).detach()
        centred = x - x.mean(-1, keepdim=True)
        scale = ((centred**2).mean(-1, keepdim=True) + self.own.eps).sqrt().detach()
        return centred / scale * self.own.weight + self.own.bias


def rewritten(decoder: Any, hold_softmax: bool) -> Any:
    """A copy of a decoder, in float64, for which input x gradient is relevance."""
    found = copy.deepcopy(decoder).double()
    for part in list(found.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.LayerNorm) or "GELU" in type(child).__name__:
                setattr(part, name, Held(child))
    for name, part in found.named_modules():
        which = name.rpartition(".")[2]
        if which in ("q_proj", "k_proj") and hold_softmax:
            part.register_forward_hook(lambda _, __, out: out.detach())
        elif which in ("q_proj", "k_proj", "v_proj"):
            share = 1 if hold_softmax else 2 if which == "v_proj" else 4
            part.register_forward_hook(lambda _, __, out, share=share: out.detach() + (out - out.detach()) / share)
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return va.load(f"hf:{folder(tmp_path_factory.mktemp('reader'))}")


@pytest.mark.parametrize("name", ["attnlrp", "cp-lrp"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("token", [0, 3])
def test_cells_have_what_the_decoder_hands_back(reader: Any, name: str, attention: str, token: int) -> None:
    page = reader.page("receipt-3-3")
    reader.module.decoder.set_attn_implementation(attention)
    record = reader.attend(page, target=token, max_tokens=6, keep=methods()[name].needs)
    said = reader.tokenizer.convert_tokens_to_ids([*record.prediction.tokens])
    start = reader.tokenizer(record.settings["prompt"], add_special_tokens=False)["input_ids"]
    wanted = by_hand(reader, page, [*start, *said], len(start) + token, name == "cp-lrp")
    found = methods()[name](record).values
    np.testing.assert_allclose(found.ravel(), wanted, atol=2e-5 * np.abs(wanted).max())
    assert np.abs(wanted).max() > 0


def by_hand(reader: Any, page: Any, ids: list[int], place: int, hold_softmax: bool) -> NDArray[np.float64]:
    decoder = rewritten(reader.module.decoder, hold_softmax)
    memory = page.memory.double().clone().requires_grad_()
    words = decoder.get_input_embeddings()(torch.tensor(ids[:place])[None]).detach()
    logits = decoder(inputs_embeds=words, encoder_hidden_states=memory, use_cache=False).logits[0, -1]
    (gradient,) = torch.autograd.grad(logits[ids[place]], memory)
    return (memory.detach() * gradient).sum(-1)[0].numpy()


def test_what_has_no_decoder_to_go_through_says_so(tmp_path: Path) -> None:
    record = va.load("scene-aoanet").attend("scene-7")
    assert "not through a captioner" in methods()["attnlrp"].unfit(record)
    with pytest.raises(ValueError, match="got 'attnlrp'"):
        va.load("scene-aoanet").attend("scene-7", keep=methods()["attnlrp"].needs)
