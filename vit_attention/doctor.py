"""Capture proved on the versions that are installed: for each way of attending a tiny seeded network, in seconds."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before torchvision, transformers and timm)
from vit_attention.capture import CaptureError, Heard, capture
from vit_attention.registry import load, models
from vit_attention.weights.download import cache_folder

LIBRARIES = ("sightlines", "torch", "torchvision", "transformers", "timm", "numpy", "pillow", "safetensors", "plotly")
ROWS, PARITY, OUTPUT = 1e-4, 1e-4, 1e-4
Pass = tuple[nn.Module, Callable[[], Any]]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was tried.
        state: "ok", "failed", or "skipped" where a library is not installed.
        maps: how many maps were heard.
        shapes: the different (heads, queries, keys).
        row_error: largest distance of a row's sum from 1.
        residual: largest difference between weights x values and what PyTorch computed.
        change: largest derivative of the output by one weight; 0 would mean that the output does not depend on the weights.
        reason: why it failed or was skipped.
    """

    name: str
    state: str
    maps: int = 0
    shapes: tuple[tuple[int, ...], ...] = ()
    row_error: float | None = None
    residual: float | None = None
    change: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One tiny network.

    Attributes:
        name: the way of attending.
        build: makes the module and its forward pass.
        shapes: (heads, queries, keys) of the maps that it must give, in forward order.
        library: distribution that it needs.
    """

    name: str
    build: Callable[[], Pass]
    shapes: tuple[tuple[int, int, int], ...]
    library: str = "torch"


class _Softmax(nn.Module):
    """Attention written by hand: a softmax whose result multiplies values."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return (((q @ k.mT) / 2).softmax(-1) @ v).transpose(1, 2).flatten(2)


class _Fused(_Softmax):
    """The same through PyTorch's fused function, looking back only."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


def _simple(kind: Callable[[], nn.Module]) -> Callable[[], Pass]:
    def build() -> Pass:
        module, x = kind(), torch.randn(1, 5, 8)
        return module, lambda: module(x)

    return build


def _encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)


def _torchvision() -> Pass:
    from torchvision.models import VisionTransformer

    module, x = VisionTransformer(32, 8, 1, 4, 32, 48), torch.randn(1, 3, 32, 32)
    nn.init.normal_(module.heads.head.weight)  # the library starts it at zero, and then nothing changes any output
    return module, lambda: module(x)


_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}


def _transformers(name: str, **options: Any) -> Callable[[], Pass]:
    def build() -> Pass:
        import transformers

        module = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**options))
        x = torch.randn(1, 3, 32, 32)
        return module, lambda: module(pixel_values=x).last_hidden_state

    return build


def _decoder() -> Pass:
    from transformers import MBartConfig, MBartForCausalLM

    options: dict[str, Any] = {
        "vocab_size": 20,
        "d_model": 16,
        "decoder_layers": 1,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 24,
        "max_position_embeddings": 9,
        "is_decoder": True,
        "add_cross_attention": True,
        "init_std": 0.4,
    }
    module = MBartForCausalLM(MBartConfig(**options))
    page, words = torch.randn(1, 6, 16), torch.tensor([[3, 4, 5]])
    return module, lambda: module(input_ids=words, encoder_hidden_states=page, use_cache=False).logits


def _timm() -> Pass:
    import timm

    module = timm.create_model("test_vit", pretrained=False)
    x = torch.randn(1, 3, 160, 160)
    return module, lambda: module(x)


def _captions(heads: int) -> Callable[[], Pass]:
    def build() -> Pass:
        from vit_attention.networks.aoanet_parts import AdditiveAttention, MultiHeadedDotAttention

        x = torch.randn(1, 5, 8)
        if heads == 1:
            one = AdditiveAttention(8, 8)
            return one, lambda: one(x[:, 0], x, x)
        many = MultiHeadedDotAttention(heads, 8, do_aoa=1)
        return many, lambda: many(x, x, x)

    return build


CHECKS = (
    Check("fused function (scaled_dot_product_attention)", _simple(_Fused), ((2, 5, 5),)),
    Check("torch.nn.MultiheadAttention", _simple(_encoder), ((2, 5, 5), (2, 5, 5))),
    Check("softmax written by hand", _simple(_Softmax), ((2, 5, 5),)),
    Check("AoANet's attention", _captions(2), ((2, 5, 5),)),
    Check("additive attention", _captions(1), ((1, 1, 5),)),
    Check("torchvision ViT", _torchvision, ((4, 17, 17),), "torchvision"),
    Check("transformers ViT", _transformers("ViT", **_SMALL), ((4, 17, 17),), "transformers"),
    Check("transformers DINOv2", _transformers("Dinov2", **_SMALL), ((4, 17, 17),), "transformers"),
    Check(
        "transformers Swin windows",
        _transformers("Swin", image_size=32, patch_size=4, embed_dim=8, depths=[2], num_heads=[2], window_size=4),
        ((2, 16, 16), (2, 16, 16)),
        "transformers",
    ),
    Check("transformers decoder (its own and cross-attention)", _decoder, ((2, 3, 3), (2, 3, 6)), "transformers"),
    Check("timm ViT", _timm, ((2, 101, 101),) * 6, "timm"),
)


def examine() -> Iterator[Finding]:
    """One finding per way of attending, as they come."""
    for check in CHECKS:
        if installed(check.library) is None:
            yield Finding(check.name, "skipped", reason=f"{check.library} is not installed")
            continue
        yield _guarded(check.name, lambda check=check: _tried(check.name, *_built(check), check.shapes))  # type: ignore[misc]


def examine_model(name: str) -> Iterator[Finding]:
    """Findings on a model by its name or folder: its whole forward pass over one drawn picture.

    Raises:
        ValueError: no such model, or files that do not fit it.
        DownloadError: its weights could not be fetched.
    """
    model = load(name)
    yield _guarded(name, lambda: _of_record(name, model))


def _guarded(name: str, run: Callable[[], Finding]) -> Finding:
    try:
        return run()
    except (CaptureError, RuntimeError, ValueError, TypeError, AttributeError, ImportError) as error:
        return Finding(name, "failed", reason=f"{type(error).__name__}: {error}")


def _built(check: Check) -> Pass:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, run = check.build()
    return module.eval().requires_grad_(False), run


def _tried(name: str, module: nn.Module, run: Callable[[], Any], shapes: tuple[tuple[int, ...], ...]) -> Finding:
    with torch.no_grad():
        plain = run()
        with capture(module) as seen:
            off = float((run() - plain).abs().max())
    with torch.enable_grad(), capture(module, gradients=True) as probes:
        out = run()
        score = (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum()
    slopes = torch.autograd.grad(score, [one.probe for one in probes if one.probe is not None])
    return _judged(name, seen, shapes, off, min(float(s.abs().max()) for s in slopes))


def _judged(name: str, seen: Heard, shapes: tuple[tuple[int, ...], ...], off: float, change: float) -> Finding:
    found = tuple(tuple(one.weights.shape[1:]) for one in seen)
    rows = max(float((one.weights.sum(-1) - 1).abs().max()) for one in seen)
    proofs = [one.residual for one in seen if one.residual is not None]
    wrong = [
        (found != shapes, f"want maps of {shapes}, got {found}"),
        (rows > ROWS, f"rows do not sum to 1: off by {rows:.1g}"),
        (not proofs or max(proofs) > PARITY, "weights x values are not what PyTorch computed"),
        (off > OUTPUT, f"the output changes under capture, by {off:.1g}"),
        (not change > 0, "the output does not depend on the weights"),
    ]
    reason = "; ".join(text for bad, text in wrong if bad)
    shown = tuple(dict.fromkeys(found))
    return Finding(
        name, "failed" if reason else "ok", len(seen), shown, rows, max(proofs, default=None), change, reason
    )


def _of_record(name: str, model: Any) -> Finding:
    """The record of one drawn picture; its maps chain, are proved, and for a classifier move the first class's score."""
    from PIL import Image

    picture = Image.linear_gradient("L").convert("RGB")
    wanted = {"target": 0} if getattr(model, "classes", ()) else {}
    record = model.attend(picture, **wanted, **({"max_tokens": 8} if model.card.task == "read" else {}))
    rows = max(one.row_error for one in record.maps)
    slopes = [float(abs(one.gradient).max()) for one in record.maps if one.gradient is not None]
    bad = [
        (rows > 5e-3, f"rows do not sum to 1: off by {rows:.1g}"),
        (record.residual is None or record.residual > 1e-2, f"unproved weights: residual {record.residual}"),
        (bool(slopes) and not min(slopes) > 0, "the score does not depend on the weights of one layer"),
        (bool(record.settings.get("unheard")), f"not heard: {record.settings.get('unheard')}"),
    ]
    reason = "; ".join(text for wrong, text in bad if wrong)
    shapes = tuple(dict.fromkeys(one.weights.shape for one in record.maps))
    change = min(slopes) if slopes else None
    return Finding(name, "failed" if reason else "ok", len(record.maps), shapes, rows, record.residual, change, reason)


def installed(library: str) -> str | None:
    """The version of an installed distribution; None if it is not there.

    >>> installed("no-such-library") is None
    True
    """
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def surroundings() -> dict[str, Any]:
    """Versions, devices, and which weights are on this machine."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    folder = cache_folder()
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    return {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: installed(name) for name in LIBRARIES},
        "device": "cpu" if accelerator is None else str(accelerator),
        "threads": torch.get_num_threads(),
        "bundled": [card.name for card in models() if card.bundled],
        "downloaded": {file.name: file.stat().st_size for file in files if file.is_file() and file.suffix != ".lock"},
        "cache": str(folder),
    }
