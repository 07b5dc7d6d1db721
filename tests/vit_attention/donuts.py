"""A tiny Donut of seeded random weights, saved as a folder of the transformers library."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from training.receipt_tokens import build

from transformers import DonutSwinConfig, DonutSwinModel, MBartConfig, MBartForCausalLM, VisionEncoderDecoderModel  # isort: skip

PROCESSOR = {
    "size": {"height": 64, "width": 48},
    "do_align_long_axis": True,
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
}


def network(seed: int = 0, attention: str = "eager", decoder_width: int = 24) -> VisionEncoderDecoderModel:
    """Two stages (16 x 12 and 8 x 6 cells, the second padded to whole windows), two decoder layers of four heads."""
    torch.manual_seed(seed)
    encoder = DonutSwinConfig(
        image_size=[64, 48],
        patch_size=4,
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
        drop_path_rate=0.0,
    )
    decoder = MBartConfig(
        vocab_size=len(build()),
        d_model=decoder_width,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=32,
        max_position_embeddings=40,
        is_decoder=True,
        add_cross_attention=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        forced_eos_token_id=None,
        init_std=0.4,
    )
    made = VisionEncoderDecoderModel(
        encoder=DonutSwinModel(encoder),
        decoder=MBartForCausalLM._from_config(decoder, attn_implementation=attention),
    )
    return made.eval()


def folder(path: Path, seed: int = 0, pickled: bool = False) -> Path:
    """Save the network, its tokenizer and its image processor under `path`."""
    made = network(seed)
    made.save_pretrained(path)
    if pickled:
        (path / "model.safetensors").unlink()
        torch.save(made.state_dict(), path / "pytorch_model.bin")
    build().save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return path
