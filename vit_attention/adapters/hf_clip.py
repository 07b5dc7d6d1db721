"""CLIP and SigLIP as the transformers library saves them, from folder or hub, and the bundled `scene-clip`."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hf_text
from vit_attention.gate.encoder_config import DualEncoder
from vit_attention.gate.folder import inside
from vit_attention.heavy import Progress
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.processor import Processor
from vit_attention.models.cards import Card
from vit_attention.models.dual import DualModel, Space
from vit_attention.models.text import TextAnatomy, TextModel
from vit_attention.models.vision import Anatomy

FAMILIES = {"clip": "CLIPModel", "siglip": "SiglipModel"}
"""The library's networks by their model_type."""


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> DualModel:
    """Both encoders of a folder or hub id; only configuration, vocabulary and tensors are read, never code.

    Raises:
        ValueError: not a folder nor a hub id; or a family this adapter does not know; or no tokenizer.
        CheckpointError: the weights do not fit the folder's configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    found = hf_text.opened(card, weights, progress, key, DualEncoder, lambda _, config: [FAMILIES[config.model_type]])
    module, seen = found.module, found.config.vision_config
    with inside(found.folder):
        sides = (int(seen.image_size),) * 2
        processor = Processor.of(found.folder, found.config.model_type, sides, int(seen.num_channels))
    named = found.card("label", "Pictures and texts of the kind its publisher trained it on.")
    text = TextModel(named, module.text_model, _text(module, found.tokenizer), (), found.digest, found.tokenizer)
    model = DualModel(named, module, _anatomy(module, processor), _space(module), text, found.digest)
    model.notes = text.notes = found.notes
    return model


def _space(module: Any) -> Space:
    vision, texts = module.vision_model, module.text_model
    pooled = hasattr(vision, "head")  # SigLIP's pool gives what CLIP's projection makes of the class token
    bias = getattr(module, "logit_bias", None)

    def picture(pixels: Tensor) -> Tensor:
        found: Tensor = vision(pixel_values=pixels, interpolate_pos_encoding=True).pooler_output
        return found if pooled else module.visual_projection(found)

    def text(ids: Tensor, mask: Tensor) -> Tensor:
        asked = {} if pooled else {"attention_mask": mask.long()}
        found: Tensor = texts(input_ids=ids, **asked).pooler_output
        return found if pooled else module.text_projection(found)

    def whole(tokens: Tensor) -> Tensor:
        found: Tensor = vision.head(vision.post_layernorm(tokens)) if pooled else token(tokens[:, 0])
        return found

    def token(tokens: Tensor) -> Tensor:
        normed = vision.post_layernorm(tokens)
        found: Tensor = vision.head(normed[:, None]) if pooled else module.visual_projection(normed)
        return found

    def said(tokens: Tensor) -> Tensor:
        normed = texts.final_layer_norm(tokens)[:, -1]
        found: Tensor = texts.head(normed) if pooled else module.text_projection(normed)
        return found

    scale = float(module.logit_scale.detach().exp().float())
    return Space(picture, text, whole, token, said, scale, 0.0 if bias is None else float(bias.detach()), vision)


def _text(module: Any, tokenizer: Any) -> TextAnatomy:
    """The text encoder; SigLIP's was trained on texts filled up to the end, and looks at what fills them."""
    tower, config = module.text_model, module.config.text_config
    padded = module.config.model_type == "siglip"

    def forward(ids: Tensor, mask: Tensor) -> None:
        tower(input_ids=ids, **({} if padded else {"attention_mask": mask.long()}))

    which = "the last token, which is padding unless the text fills all places" if padded else "the end token"
    return TextAnatomy(
        blocks=tuple(tower.encoder.layers),
        heads=config.num_attention_heads,
        width=config.hidden_size,
        norm=tower.final_layer_norm,
        forward=forward,
        embedding=tower.embeddings.token_embedding,
        longest=int(config.max_position_embeddings),
        vocabulary=int(config.vocab_size),
        pad=int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else config.pad_token_id or 0),
        padded=padded,
        reads=f"The text's embedding is read off {which}."
        + " Padding takes part, as the network was trained so." * padded,
    )


def _anatomy(module: Any, processor: Processor) -> Anatomy:
    vision, config = module.vision_model, module.config.vision_config
    patch, native = int(config.patch_size), int(config.image_size)

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        return processor.prepare(picture, size)

    def forward(pixels: Tensor) -> None:
        vision(pixel_values=pixels, interpolate_pos_encoding=True)

    embeddings: Any = vision.embeddings
    table = embeddings.position_embedding
    return Anatomy(
        special=("class",) if hasattr(embeddings, "class_embedding") else (),
        patch=(patch, patch),
        blocks=tuple(vision.encoder.layers),
        heads=config.num_attention_heads,
        patch_filters=embeddings.patch_embedding.weight,
        positions=table.weight if isinstance(table, nn.Embedding) else torch.as_tensor(table),
        position_grid=(native // patch, native // patch),
        prepare=ready,
        forward=forward,
        norm=vision.post_layernorm,
    )
