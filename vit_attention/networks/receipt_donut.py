"""Donut (Kim et al. 2022, arXiv:2111.15664) small enough to ship: a four-stage Swin encoder and an MBart decoder."""

from typing import Any

from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
import torch
from torch import Tensor, nn
from transformers import DonutSwinConfig, MBartConfig, MBartForCausalLM, VisionEncoderDecoderModel
from transformers.models.donut.modeling_donut_swin import DonutSwinModel

IMAGE_SIZE = (256, 192)
"""Height and width the model reads, in pixels."""

PATCH = (4, 2)
"""Height and width of a patch: narrow, because letters are; after three mergings a cell is 32 x 16 pixels."""

LONGEST = 128
"""Most tokens of a reading, prompt and end included."""


class PlacedDonutSwin(DonutSwinModel):
    """The library's encoder with a learned code of each cell's place added to its output.

    The published model finds its bearings over many layers; a small one needs to be told. The library's own
    `use_absolute_embeddings` fails on pages that are not square.
    """

    def __init__(self, config: DonutSwinConfig) -> None:
        super().__init__(config)
        height, width = (side // (patch * 2**3) for side, patch in zip(IMAGE_SIZE, PATCH, strict=True))
        self.places = nn.Parameter(torch.zeros(height, width, config.hidden_size))

    def forward(self, pixel_values: Tensor, *args: Any, **kwargs: Any) -> Any:
        """As the library's.

        Raises:
            ValueError: pages of another size than `IMAGE_SIZE`.
        """
        # Not for the table's sake alone: on a page of one window's height the library's layers give up shifting for good.
        if tuple(pixel_values.shape[-2:]) != IMAGE_SIZE:
            raise ValueError(f"want pages of {IMAGE_SIZE} (height, width) pixels, got {tuple(pixel_values.shape[-2:])}")
        out = super().forward(pixel_values, *args, **kwargs)
        if isinstance(out, tuple):
            return (out[0] + self.places.flatten(0, 1), *out[1:])
        out.last_hidden_state = out.last_hidden_state + self.places.flatten(0, 1)
        return out


def encoder_config() -> DonutSwinConfig:
    """Four stages of two heads at least; the second and fourth block of a stage have shifted windows."""
    return DonutSwinConfig(
        image_size=list(IMAGE_SIZE),
        patch_size=list(PATCH),
        num_channels=3,
        embed_dim=24,
        depths=[1, 1, 4, 2],
        num_heads=[2, 4, 8, 16],
        window_size=4,
        mlp_ratio=3.0,
        drop_path_rate=0.0,
    )


def build(vocabulary: int) -> VisionEncoderDecoderModel:
    """The network with fresh weights, in training mode: the decoder has four layers of eight heads over the encoder's width."""
    settings: dict[str, Any] = {
        "vocab_size": vocabulary,
        "d_model": 192,
        "decoder_layers": 4,
        "decoder_attention_heads": 8,
        "decoder_ffn_dim": 576,
        "max_position_embeddings": LONGEST,
        "is_decoder": True,
        "add_cross_attention": True,
        "add_final_layer_norm": True,
        "scale_embedding": False,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
        "forced_eos_token_id": None,
        "tie_word_embeddings": True,
    }
    decoder = MBartForCausalLM._from_config(MBartConfig(**settings), attn_implementation="eager")
    return VisionEncoderDecoderModel(encoder=PlacedDonutSwin(encoder_config()), decoder=decoder)
