"""What `scene-aoanet` learns from: the losses of words and cells, and how far it has come."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.scene_aoanet_forward import refine, write
from training.scene_captions import Batch, Store, caption_of
from vit_attention.models.captioning import captions
from vit_attention.networks import scene_aoanet
from worlds.caption_marks import named, pairs_right, relation_right
from worlds.captions import RELATIONS, decode, encode
from worlds.scenes import coverage
from worlds.shapes import COLOURS, NAMES

DROP = 0.1
WEIGHTS = {"caption": 2.0, "shape": 1.0, "colour": 0.5}
RELATION_WEIGHT = 2.0  # of "left", "right", "above", "below" among the words


class Learner(nn.Module):
    """The network plus the cell classifiers that exist only while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.net = scene_aoanet.SceneAoANet().train()
        self.shape_head = nn.Linear(scene_aoanet.FEATURES, len(NAMES) + 1)
        self.colour_head = nn.Linear(scene_aoanet.FEATURES, len(COLOURS) + 1)


def to_tensor(pixels: np.ndarray, gain: Tensor | None = None) -> Tensor:
    """(batch, side, side, 3) uint8 to (batch, 3, side, side) float, normalised as the model wants it."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    return ((x if gain is None else x * gain) - scene_aoanet.MEAN) / scene_aoanet.STD


def cell_loss(logits: Tensor, target: np.ndarray, weight: Tensor) -> Tensor:
    """Cross-entropy of soft cell labels, weighted cell by cell."""
    each = F.cross_entropy(logits.flatten(0, 1).float(), torch.from_numpy(target).flatten(0, 1), reduction="none")
    return (each * weight.flatten()).mean()


def caption_loss(scores: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of the words and the end, relation words counting more; what comes after the end does not count."""
    ended = F.pad((tokens == 0).cumsum(dim=1)[:, :-1], (1, 0)) > 0
    related = torch.isin(tokens, torch.tensor(encode(tuple(RELATIONS))))
    weight = torch.where(related, RELATION_WEIGHT, 1.0) * ~ended
    each = F.cross_entropy(scores.float().flatten(0, 1), tokens.flatten(), reduction="none")
    return (each * weight.flatten()).sum() / weight.sum()


def losses(learner: Learner, made: Batch, see: bool, say: bool) -> tuple[Tensor, dict[str, float]]:
    """The loss, and its parts for the log.

    Args:
        learner: what learns.
        made: what it learns from.
        see: whether the convolutional network learns; if not it is only run.
        say: whether captions are learned.
    """
    gain = 0.85 + 0.3 * torch.rand(len(made.pixels), 1, 1, 1)
    parts: dict[str, Tensor] = {}
    with torch.autocast("cpu", torch.bfloat16):
        with torch.set_grad_enabled(see):
            regions = learner.net.cnn(to_tensor(made.pixels, gain))
        if say:
            tokens, net = torch.from_numpy(made.tokens), learner.net.captioner
            parts["caption"] = caption_loss(write(net, refine(net, regions, DROP), tokens, DROP), tokens)
        if see:
            weight = torch.from_numpy(made.weight)
            parts["shape"] = cell_loss(learner.shape_head(regions), made.shapes, weight)
            parts["colour"] = cell_loss(learner.colour_head(regions), made.colours, weight)
    total = torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()
    return total, {name: part.item() for name, part in parts.items()}


@torch.no_grad()
def evaluate_cells(learner: Learner, data: Store, limit: int = 500) -> dict[str, float]:
    """Share of objects whose best covered cell is told right, and of scenes where all are."""
    learner.eval()
    limit = min(limit, len(data.truth))
    right = []
    for start in range(0, limit, 50):
        regions = learner.net.cnn(to_tensor(np.array(data.pixels[start : min(start + 50, limit)])))
        shapes, colours = learner.shape_head(regions).argmax(-1), learner.colour_head(regions).argmax(-1)
        for i, n in enumerate(range(start, min(start + 50, limit))):
            for k, (s, c) in enumerate(data.truth[n, :4].reshape(2, 2)):
                if s >= 0:
                    at = int(coverage(data.owner[n] == k + 1).argmax())
                    right.append((n, int(shapes[i, at]) == s, int(colours[i, at]) == c))
    learner.train()
    table = np.array(right)
    both = table[:, 1] & table[:, 2]
    return {
        "shape": float(table[:, 1].mean()),
        "colour": float(table[:, 2].mean()),
        "scenes": float(np.mean([both[table[:, 0] == n].all() for n in np.unique(table[:, 0])])),
    }


@torch.no_grad()
def evaluate_captions(learner: Learner, data: Store, limit: int = 500) -> dict[str, float]:
    """Shares of captions with all pairs right, of relations right, of nouns pointing into what they name."""
    learner.eval()
    limit = min(limit, len(data.truth))
    marks: dict[str, list[bool]] = {"pairs": [], "relation": [], "nouns": []}
    for start in range(0, limit, 50):
        pictures = to_tensor(np.array(data.pixels[start : min(start + 50, limit)]))
        for n, one in enumerate(captions(learner.net.captioner, learner.net.cnn(pictures)), start):
            said, truth = decode(one.tokens.tolist()), caption_of(data.truth[n])
            marks["pairs"].append(pairs_right(said, truth))
            if truth.relation is not None:
                marks["relation"].append(relation_right(said, truth))
            for at, thing in named(said, truth).items():
                if thing is not None:
                    best = one.attention[at].mean(axis=0).argmax()
                    marks["nouns"].append(bool(coverage(data.owner[n] == thing + 1).ravel()[best] > 0.1))
    learner.train()
    return {name: round(float(np.mean(values)), 4) if values else 0.0 for name, values in marks.items()}
