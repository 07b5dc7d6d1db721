"""Tiny seeded models of many families, each beside its own library's eager weights; tests and the docs' table use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vit_attention import compat  # noqa: F401

WIDTH, HEADS, LAYERS, VOCABULARY = 32, 4, 2, 60
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
PICTURE = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
SEQ2SEQ = {
    "vocab_size": VOCABULARY,
    "d_model": WIDTH,
    "encoder_layers": LAYERS,
    "decoder_layers": LAYERS,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}


@dataclass(frozen=True)
class Family:
    """One family of the transformers library.

    Attributes:
        model: name of the model class.
        config: name of the configuration class.
        options: its arguments.
        inputs: makes the model's inputs.
        towers: for models of several parts, where the weights of each stand in the output.
    """

    model: str
    config: str
    options: dict[str, Any]
    inputs: Callable[[], dict[str, Any]]
    towers: tuple[str, ...] = ()


def words() -> dict[str, Any]:
    """Two sentences, the second one padded."""
    ids = torch.randint(3, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def causal() -> dict[str, Any]:
    """One sentence without padding, as a text generator reads it."""
    return {"input_ids": words()["input_ids"][:1], "use_cache": False}


def both() -> dict[str, Any]:
    """A sentence and the start of its translation."""
    ids = words()["input_ids"]
    return {"input_ids": ids, "decoder_input_ids": ids[:, :5], "use_cache": False}


def pixels(size: tuple[int, int] = (32, 32), batch: int = 2) -> dict[str, Any]:
    """Two pictures of noise."""
    return {"pixel_values": torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(2))}


def pair() -> dict[str, Any]:
    """Pictures and sentences for a dual encoder."""
    ids = words()["input_ids"]
    ids[:, -1] = 2
    return {"input_ids": ids, **pixels()}


def video() -> dict[str, Any]:
    """Four frames."""
    return {"pixel_values": torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(2))}


def sound(frames: int = 40) -> dict[str, Any]:
    """A spectrogram of 16 bands and the start of its transcript."""
    spectrum = torch.randn(1, 16, frames, generator=torch.Generator().manual_seed(2))
    return {"input_features": spectrum, "decoder_input_ids": torch.tensor([[3, 4, 5]]), "use_cache": False}


def waves() -> dict[str, Any]:
    """A stretch of sound."""
    return {"input_values": torch.randn(1, 1600, generator=torch.Generator().manual_seed(2))}


def _text(kind: str, model: str = "Model", **more: Any) -> Family:
    return Family(f"{kind}{model}", f"{kind}Config", {**TEXT, **more}, words)


def _picture(kind: str, model: str = "Model", **more: Any) -> Family:
    return Family(f"{kind}{model}", f"{kind}Config", {**PICTURE, **more}, pixels)


def _towers(kind: str) -> Family:
    vision = {**PICTURE, "projection_dim": 16}
    options = {"text_config": TEXT, "vision_config": vision}
    return Family(f"{kind}Model", f"{kind}Config", options, pair, ("vision_model_output", "text_model_output"))


TRANSFORMERS: dict[str, Family] = {
    "BERT": _text("Bert"),
    "RoBERTa": _text("Roberta"),
    "XLM-RoBERTa": _text("XLMRoberta"),
    "ELECTRA": _text("Electra", embedding_size=16),
    "DistilBERT": Family(
        "DistilBertModel",
        "DistilBertConfig",
        {
            "vocab_size": VOCABULARY,
            "dim": WIDTH,
            "n_heads": HEADS,
            "n_layers": LAYERS,
            "hidden_dim": 48,
            "max_position_embeddings": 40,
        },
        words,
    ),
    "ALBERT": _text("Albert", embedding_size=16),
    "ModernBERT": _text("ModernBert", global_attn_every_n_layers=2, local_attention=4, cls_token_id=1, sep_token_id=2),
    "MPNet": _text("MPNet"),
    "DeBERTa-v2": _text("DebertaV2", relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=4),
    "GPT-2": Family(
        "GPT2Model",
        "GPT2Config",
        {"vocab_size": VOCABULARY, "n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS, "n_positions": 40},
        causal,
    ),
    "Llama": Family("LlamaModel", "LlamaConfig", {**TEXT, "num_key_value_heads": 2}, causal),
    "T5": Family(
        "T5Model",
        "T5Config",
        {
            "vocab_size": VOCABULARY,
            "d_model": WIDTH,
            "d_kv": 8,
            "d_ff": 48,
            "num_layers": LAYERS,
            "num_heads": HEADS,
            "decoder_start_token_id": 0,
            # T5 does not scale its scores: at 1 they are so large that their own rounding moves a weight by 1e-6.
            "initializer_factor": 0.5,
        },
        both,
    ),
    "BART": Family("BartModel", "BartConfig", SEQ2SEQ, both),
    "MBart": Family("MBartModel", "MBartConfig", SEQ2SEQ, both),
    "Whisper": Family(
        "WhisperModel",
        "WhisperConfig",
        {**SEQ2SEQ, "num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 40},
        sound,
    ),
    "TrOCR": Family(
        "TrOCRForCausalLM",
        "TrOCRConfig",
        SEQ2SEQ,
        lambda: {
            **causal(),
            "encoder_hidden_states": torch.randn(1, 7, WIDTH, generator=torch.Generator().manual_seed(3)),
        },
    ),
    "CLIP": _towers("CLIP"),
    "SigLIP": _towers("Siglip"),
    "OWL-ViT": Family(
        "OwlViTModel",
        "OwlViTConfig",
        {"text_config": TEXT, "vision_config": PICTURE},
        pair,
        ("vision_model_output", "text_model_output"),
    ),
    "BLIP (pictures)": _picture("BlipVision"),
    "ViT": _picture("ViT"),
    "DeiT": _picture("DeiT"),
    "ViTMAE": Family(
        "ViTMAEModel",
        "ViTMAEConfig",
        {**PICTURE, "mask_ratio": 0.25},
        lambda: {**pixels(), "noise": torch.arange(32.0).reshape(2, 16) % 7},
    ),
    "ViTMSN": _picture("ViTMSN"),
    "I-JEPA": _picture("IJepa"),
    "BEiT": _picture("Beit", use_relative_position_bias=True, use_shared_relative_position_bias=False),
    "Data2VecVision": _picture("Data2VecVision", use_relative_position_bias=True),
    "DINOv2": _picture("Dinov2"),
    "DINOv2 with registers": _picture("Dinov2WithRegisters", num_register_tokens=2),
    "DINOv3": _picture("DINOv3ViT", num_register_tokens=2),
    "YOLOS": _picture("Yolos", num_detection_tokens=3, image_size=[32, 32]),
    "DPT": _picture(
        "DPT",
        is_hybrid=False,
        backbone_out_indices=[0, 1],
        neck_hidden_sizes=[8, 8],
        reassemble_factors=[2, 1],
        fusion_hidden_size=8,
    ),
    "VideoMAE": Family("VideoMAEModel", "VideoMAEConfig", {**PICTURE, "num_frames": 4, "tubelet_size": 2}, video),
    "Segformer": Family(
        "SegformerModel",
        "SegformerConfig",
        {
            "num_encoder_blocks": 2,
            "depths": [1, 1],
            "sr_ratios": [2, 1],
            "hidden_sizes": [16, 32],
            "patch_sizes": [7, 3],
            "strides": [4, 2],
            "num_attention_heads": [2, 4],
            "mlp_ratios": [2, 2],
        },
        pixels,
    ),
    "SAM (pictures)": Family(
        "SamVisionModel",
        "SamVisionConfig",
        {**PICTURE, "mlp_dim": 48, "output_channels": 8, "window_size": 2, "global_attn_indexes": [1]},
        lambda: pixels(batch=1),
    ),
    "MobileViT": Family(
        "MobileViTModel",
        "MobileViTConfig",
        {
            "image_size": 64,
            "hidden_sizes": [16, 16, 16],
            "neck_hidden_sizes": [8, 8, 8, 8, 8, 8, 16],
            "num_attention_heads": 2,
        },
        lambda: pixels((64, 64), 1),
    ),
    "wav2vec 2.0": Family(
        "Wav2Vec2Model",
        "Wav2Vec2Config",
        {
            **TEXT,
            "conv_dim": [8, 8],
            "conv_kernel": [10, 8],
            "conv_stride": [5, 4],
            "num_feat_extract_layers": 2,
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
            "mask_time_prob": 0.0,
            "mask_feature_prob": 0.0,
            "layerdrop": 0.0,
        },
        waves,
    ),
}


def build(family: Family, eager: bool = False) -> nn.Module:
    """The family's model with random weights from one seed, computing attention in the library's default way or eagerly."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, family.config)(**family.options)
    kind = getattr(transformers, family.model)
    model = kind._from_config(config, **({"attn_implementation": "eager"} if eager else {}))
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():  # as the library starts them, weights are so small that every row is nearly even
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def own_weights(output: Any, towers: tuple[str, ...] = ()) -> list[Tensor]:
    """What the library says it attended to, in forward order: encoder, then each decoder layer's own and cross attention."""
    if towers:
        return [weights for tower in towers for weights in own_weights(output[tower])]
    encoder = list(output.get("encoder_attentions") or ())
    own = list(output.get("decoder_attentions") or output.get("attentions") or ())
    cross = list(output.get("cross_attentions") or ())
    if not cross:
        return encoder + own
    return encoder + [weights for layer in zip(own, cross, strict=True) for weights in layer]


# --- timm -----------------------------------------------------------------------------------------------------------

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": WIDTH, "depth": LAYERS, "num_heads": HEADS, "num_classes": 5}
TIMM: dict[str, tuple[str, dict[str, Any]]] = {
    "ViT": ("vit_tiny_patch16_224", SMALL),
    "DeiT, distilled": ("deit_tiny_distilled_patch16_224", SMALL),
    "DINOv2": ("vit_small_patch14_dinov2", SMALL),
    "DINOv2 with registers": ("vit_small_patch14_reg4_dinov2", SMALL),
    "DINOv3": ("vit_small_patch16_dinov3", SMALL),
    "EVA-02": ("eva02_tiny_patch14_224", SMALL),
    "BEiT": ("beit_base_patch16_224", SMALL),
    "SigLIP": ("vit_base_patch16_siglip_224", SMALL),
    "CaiT": ("cait_xxs24_224", SMALL),
    "Swin": (
        "swin_tiny_patch4_window7_224",
        {"img_size": 32, "window_size": 4, "embed_dim": 16, "depths": (2, 2), "num_heads": (2, 4), "num_classes": 5},
    ),
    "MViTv2": ("mvitv2_tiny", {"img_size": 64, "num_classes": 5}),
}


def build_timm(name: str, options: dict[str, Any], fused: bool = True) -> nn.Module:
    """A small network of the timm library; `fused` False makes every block compute its own softmax."""
    import timm

    torch.manual_seed(0)
    model: nn.Module = timm.create_model(name, pretrained=False, **options).eval()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    for part in model.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = fused
    return model


class Softmaxes(TorchFunctionMode):
    """Collects the result of every softmax of four axes, for libraries that show their weights in no other way."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is Tensor.softmax and out.ndim == 4:
            self.found.append(out)
        return out


@contextmanager
def dropout_inputs(model: nn.Module, names: tuple[str, ...] = ("attn_drop", "dropout")) -> Iterator[list[Tensor]]:
    """What enters the dropouts behind every softmax, which is how a library shows weights that it does not hand out."""
    found: list[Tensor] = []
    parts = [part for name, part in model.named_modules() if name.endswith(names)]
    handles = [part.register_forward_hook(lambda _m, args, _o: found.append(args[0])) for part in parts]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
