"""What `scene-clip` is, where it starts and what it learns: pictures and their patches beside texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
from transformers import CLIPConfig, CLIPModel

from training.scene_captions import Store
from training.scene_clip_data import Texts, held_out
from training.scene_clip_tokens import LONGEST, tokenizer
from training.scene_vit import to_tensor
from vit_attention.models.cards import BUNDLED
from vit_attention.networks import scene_vit
from worlds.phrases import phrases
from worlds.scenes import coverage
from worlds.shapes import NAMES

WEIGHTS = {"phrases": 1.0, "shapes": 0.3, "colours": 0.2, "captions": 0.2}
SHARPEST = 100.0
"""CLIP's bound of the factor that cosines are multiplied with (Radford et al. 2021, section 2.5)."""


def config() -> CLIPConfig:
    """Two small towers: the vision tower has scene-vit's geometry."""
    numbers = tokenizer()
    ends = {"bos_token_id": numbers.bos_token_id, "eos_token_id": numbers.eos_token_id}
    text = {
        "vocab_size": len(numbers),
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": LONGEST,
        "pad_token_id": numbers.pad_token_id,
    }
    vision = {
        "hidden_size": scene_vit.WIDTH,
        "intermediate_size": scene_vit.MLP_WIDTH,
        "num_hidden_layers": scene_vit.LAYERS,
        "num_attention_heads": scene_vit.HEADS,
        "image_size": scene_vit.IMAGE_SIZE,
        "patch_size": scene_vit.PATCH_SIZE,
    }
    both = {"hidden_act": "gelu", "layer_norm_eps": 1e-6, "projection_dim": 128}
    return CLIPConfig(text_config=text | ends | both, vision_config=vision | both, projection_dim=128)


class Learner(nn.Module):
    """The network, and the factor of the patches' cosines, which exists only while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.net: Any = CLIPModel(config())
        self.patch_scale = nn.Parameter(torch.tensor(math.log(20.0)))


@torch.no_grad()
def start(net: Any, pixels: np.ndarray) -> None:
    """Give the vision tower scene-vit's weights; the norm before its first block, which scene-vit lacks, undoes itself.

    Args:
        net: the CLIPModel.
        pixels: (pictures, 112, 112, 3) over which the norm's gain and bias are fitted by least squares.
    """
    old = {name: one.float() for name, one in load_file(BUNDLED / "scene-vit.safetensors").items()}
    vision, table = net.vision_model, old["encoder.pos_embedding"][0]
    vision.embeddings.class_embedding.copy_(old["class_token"][0, 0])
    vision.embeddings.patch_embedding.weight.copy_(old["conv_proj.weight"])
    vision.embeddings.position_embedding.weight.copy_(table)
    vision.embeddings.position_embedding.weight[1:] += old["conv_proj.bias"]  # CLIP's patch embedding has no bias
    _copy(vision.post_layernorm, old, "encoder.ln")
    for i, block in enumerate(vision.encoder.layers):
        _copy_block(block, old, f"encoder.layers.encoder_layer_{i}")
    tokens = vision.embeddings(to_tensor(pixels)).flatten(0, 1)
    normed = F.layer_norm(tokens, tokens.shape[1:], eps=1e-6)
    spread = ((tokens - tokens.mean(0)) * (normed - normed.mean(0))).mean(0)
    vision.pre_layrnorm.weight.copy_(spread / normed.var(0, correction=0))
    vision.pre_layrnorm.bias.copy_(tokens.mean(0) - vision.pre_layrnorm.weight * normed.mean(0))


def _copy(module: Any, old: dict[str, Tensor], name: str) -> None:
    module.weight.copy_(old[f"{name}.weight"])
    module.bias.copy_(old[f"{name}.bias"])


def _copy_block(block: Any, old: dict[str, Tensor], name: str) -> None:
    attention = block.self_attn
    for i, part in enumerate((attention.q_proj, attention.k_proj, attention.v_proj)):
        part.weight.copy_(old[f"{name}.self_attention.in_proj_weight"].chunk(3)[i])
        part.bias.copy_(old[f"{name}.self_attention.in_proj_bias"].chunk(3)[i])
    new = (attention.out_proj, block.layer_norm1, block.layer_norm2, block.mlp.fc1, block.mlp.fc2)
    for module, its in zip(new, ("self_attention.out_proj", "ln_1", "ln_2", "mlp.0", "mlp.3"), strict=True):
        _copy(module, old, f"{name}.{its}")


def see(net: Any, pixels: Tensor) -> Tensor:
    """(batch, 197, 128) unit vectors: the class token's embedding, and each patch's by the same norm and projection."""
    vision = net.vision_model
    return F.normalize(
        net.visual_projection(vision.post_layernorm(vision(pixel_values=pixels).last_hidden_state)), dim=-1
    )


def read(net: Any, texts: Sequence[str]) -> Tensor:
    """(texts, 128) unit vectors."""
    tokens = tokenizer()(list(texts), padding=True, return_tensors="pt")
    return F.normalize(net.text_projection(net.text_model(**tokens).pooler_output), dim=-1)


def contrast(scores: Tensor, true: Tensor) -> Tensor:
    """InfoNCE (van den Oord et al. 2018, equation 4) of every true pair against the false ones of its row.

    What else is true in the row is no negative of it.

    >>> scores, true = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[True, True, False]])
    >>> round(float(contrast(scores, true)), 4) == round(
    ...     (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2, 4
    ... )
    True
    """
    false = scores.masked_fill(true, -math.inf).logsumexp(dim=1, keepdim=True)
    return (torch.logaddexp(scores, false) - scores)[true].mean()


def losses(learner: Learner, pixels: np.ndarray, groups: dict[str, Texts]) -> tuple[Tensor, dict[str, float]]:
    """The loss, and its parts for the log."""
    whole, patches = compared(learner, pixels, [text for group in groups.values() for text in group.texts])
    total, shown, first = torch.zeros(()), {}, 0
    for name, group in groups.items():
        part = slice(first, first + len(group.texts))
        first = part.stop
        kinds = {"whole": whole[:, part]} | ({} if name == "captions" else {"patch": patches[:, part]})
        for kind, scores in kinds.items():  # no patch shows what a caption of two objects says
            loss = both_ways(scores, torch.from_numpy(group.true), name in ("phrases", "captions"))
            total = total + WEIGHTS[name] * loss
            shown[f"{name}_{kind}"] = round(loss.item(), 4)
    return total, shown


def compared(learner: Learner, pixels: np.ndarray, texts: list[str]) -> tuple[Tensor, Tensor]:
    """(pictures, texts) scores of whole pictures, as in CLIP, and of their patches.

    The patches' score is the log of the summed exponentials of their cosines, a soft form of FILIP's maximum (Yao et al. 2022,
    arXiv:2111.07783, equation 3). Nothing says where an object is.
    """
    gain = 0.85 + 0.3 * torch.rand(len(pixels), 1, 1, 1)
    seen, written = see(learner.net, to_tensor(pixels, gain)), read(learner.net, texts)
    whole = learner.net.logit_scale.exp() * seen[:, 0] @ written.T
    return whole, (learner.patch_scale.exp() * seen[:, 1:] @ written.T).logsumexp(dim=1)


def both_ways(scores: Tensor, true: Tensor, pictures: bool) -> Tensor:
    """Each picture chooses among texts and, with `pictures` at half the weight, each text that is true of any among pictures."""
    loss = contrast(scores, true)
    if not pictures:
        return loss
    asked = true.any(dim=0)
    return loss + 0.5 * contrast(scores.T[asked], true.T[asked])


@torch.no_grad()
def evaluate(net: Any, data: Store, limit: int) -> dict[str, float]:
    """Of held-out scenes: the right one of all phrases and of all shapes with one object; where maps point with two."""
    pixels, named = held_out(data, min(limit, len(data.truth)))
    seen = torch.cat([see(net, to_tensor(pixels[i : i + 50])) for i in range(0, len(pixels), 50)])
    of_phrases, of_shapes = read(net, phrases()), read(net, NAMES)
    marks: dict[str, list[bool]] = {"phrase": [], "shape": [], "named": [], "other": []}
    for n, pairs in enumerate(named):
        if len(pairs) == 1:
            marks["phrase"].append(phrases()[int((seen[n, 0] @ of_phrases.T).argmax())] == " ".join(pairs[0]))
            marks["shape"].append(NAMES[int((seen[n, 0] @ of_shapes.T).argmax())] == pairs[0][1])
            continue
        covers = [coverage(data.owner[n] == k + 1).ravel() > 0.1 for k in range(2)]
        for k, pair in enumerate(pairs):
            best = int((seen[n, 1:] @ of_phrases[phrases().index(" ".join(pair))]).argmax())
            marks["named"].append(bool(covers[k][best]))
            marks["other"].append(bool(covers[1 - k][best]))
    return {name: round(float(np.mean(values)), 4) for name, values in marks.items()}
