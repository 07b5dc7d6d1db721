"""The network of receipt-donut while it learns: its losses and how it is judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training.receipt_batches import Batch, colour
from training.receipt_data import ALPHABET, WIDTH, Store, tokenizer
from training.receipt_donut_forward import encode, neighbour_start
from vit_attention.networks.receipt_donut import build


class Learner(nn.Module):
    """The network plus the letter classifiers that exist only while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.net = build(len(tokenizer()))
        encoder: Any = self.net.encoder
        decoder: Any = self.net.decoder
        width = encoder.config.hidden_size
        self.middle_head = nn.Sequential(nn.LayerNorm(width // 2), nn.Linear(width // 2, len(ALPHABET) + 1))
        self.last_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * (len(ALPHABET) + 1)))
        nn.init.trunc_normal_(encoder.embeddings.patch_embeddings.projection.weight, std=0.15)
        nn.init.normal_(encoder.places, std=0.5)
        nn.init.normal_(decoder.model.decoder.embed_tokens.weight, std=0.05)
        nn.init.normal_(decoder.model.decoder.embed_positions.weight, std=0.05)
        neighbour_start(encoder)


def _letter_loss(logits: Tensor, made: Batch) -> Tensor:
    loss = F.cross_entropy(logits.float().flatten(0, 1), made.letters.flatten(), reduction="none")
    return (loss * made.weights.flatten()).mean()


def _quarters(logits: Tensor, rows: int) -> Tensor:
    """(b, cells, 4 * c) of 32 x 16 cells to (b, 4 * cells, c) of their 16 x 8 quarters, row by row."""
    b, cells, wide = logits.shape
    cut = logits.view(b, rows // 2, cells * 2 // rows, 2, 2, wide // 4)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(b, 4 * cells, wide // 4)


def losses(learner: Learner, made: Batch, kind: str, letter_weight: float) -> tuple[Tensor, dict[str, float]]:
    encoder: Any = learner.net.encoder
    rows = made.letters.shape[1]
    with torch.autocast("cpu", torch.bfloat16):
        middle, last = encode(encoder, made.pixels, made.corner)
        near = _letter_loss(learner.middle_head(middle), made)
        far_logits = _quarters(learner.last_head(last), rows)
        far = _letter_loss(far_logits, made)
        text = torch.zeros(())
        if kind != "letters":
            decoder: Any = learner.net.decoder
            logits = decoder(input_ids=made.tokens[:, :-1], encoder_hidden_states=last, use_cache=False).logits
    inked = (made.letters > 0) & (made.weights == 1)
    right = (far_logits.argmax(-1).view_as(made.letters) == made.letters)[inked].float().mean()
    shown = {"near": near.item(), "far": far.item(), "letters": right.item()}
    if kind != "letters":
        goal = made.tokens[:, 1:]
        text = F.cross_entropy(logits.float().flatten(0, 1), goal.flatten(), ignore_index=0, label_smoothing=0.02)
        shown |= {"text": text.item(), "tokens": (logits.argmax(-1) == goal)[goal > 0].float().mean().item()}
    return text + letter_weight * (near + far), shown


def hits(attention: Tensor, boxes: NDArray, cell: tuple[int, int] = (32, 16)) -> NDArray[np.bool_]:
    """Whether each token's strongest cell holds more than 15 % of its box; attention (tokens, cells), boxes (tokens, 4)."""
    columns = WIDTH // cell[1]
    strongest = attention.argmax(dim=-1).numpy()
    left, top = strongest % columns * cell[1], strongest // columns * cell[0]
    wide = np.minimum(boxes[:, 2], left + cell[1]) - np.maximum(boxes[:, 0], left)
    tall = np.minimum(boxes[:, 3], top + cell[0]) - np.maximum(boxes[:, 1], top)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.maximum(wide, 0) * np.maximum(tall, 0) > 0.15 * area


@torch.no_grad()
def evaluate(learner: Learner, data: Store, limit: int = 96, free: bool = True) -> dict[str, float]:
    """Teacher-forced token accuracy and hits (mean of the last two layers), and receipts read without a fault."""
    net: Any = learner.net
    learner.eval()
    names = tokenizer().convert_ids_to_tokens(range(len(tokenizer())))
    digit = np.array([name.strip("▁").isdigit() for name in names])
    right, hit, exact = [], {True: [], False: []}, []  # type: ignore[var-annotated]
    for start in range(0, limit, 24):
        chosen = np.arange(start, min(start + 24, limit))
        pixels = torch.from_numpy(colour(np.random.default_rng(0), data.pixels[chosen], light=True))
        tokens = torch.from_numpy(data.tokens[chosen].astype(np.int64))
        tokens = tokens[:, : int((tokens > 0).sum(1).max())]
        memory = net.encoder(pixels).last_hidden_state
        out = net.decoder(
            input_ids=tokens[:, :-1], encoder_hidden_states=memory, use_cache=False, output_attentions=True
        )
        seen = torch.stack(out.cross_attentions[-2:]).mean(dim=(0, 2))
        goal = tokens[:, 1:]
        right.append((out.logits.argmax(-1) == goal)[goal > 0].float().mean().item())
        for i, n in enumerate(chosen):
            boxes = np.asarray(data.boxes[n][1 : goal.shape[1] + 1], np.float32)
            inked = ~np.isnan(boxes[:, 0])
            found = hits(seen[i][torch.from_numpy(inked)], boxes[inked])
            for value, which in zip(found, digit[goal[i].numpy()[inked]], strict=True):
                hit[bool(which)].append(bool(value))
        if free:
            exact += read_exactly(net, memory, tokens)
    learner.train()
    shown = {"tokens": float(np.mean(right)), "words": float(np.mean(hit[False])), "digits": float(np.mean(hit[True]))}
    return shown | ({"exact": float(np.mean(exact))} if free else {})


def read_exactly(net: Any, memory: Tensor, tokens: Tensor) -> list[bool]:
    """Whether greedy decoding from the prompt gives every token of each target."""
    from transformers.modeling_outputs import BaseModelOutput

    out = net.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=memory),
        decoder_input_ids=tokens[:, :1],
        max_length=tokens.shape[1],
        do_sample=False,
        eos_token_id=2,
        pad_token_id=0,
        decoder_start_token_id=1,
    )
    out = F.pad(out, (0, tokens.shape[1] - out.shape[1]))
    return (out == tokens).all(dim=1).tolist()
