"""Capture proved on the versions that are installed: for each way of attending a tiny seeded network, in seconds."""

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before torchvision, transformers and timm)
from vit_attention.capture import CaptureError, capture
from vit_attention.networks.aoanet_parts import AdditiveAttention, MultiHeadedDotAttention
from vit_attention.registry import load, models
from vit_attention.weights.download import cache_folder

LIBRARIES = ("sightlines", "torch", "torchvision", "transformers", "timm", "numpy", "pillow", "safetensors", "plotly")
ROWS, PARITY, OUTPUT = 1e-4, 1e-4, 1e-4
Inputs = tuple[Tensor, ...] | dict[str, Any]


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
        make: makes the module.
        inputs: makes what it is called with, in order or by name.
        shapes: (heads, queries, keys) of the maps that it must give, in forward order.
        library: distribution that it needs.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: Callable[[], Inputs]
    shapes: tuple[tuple[int, int, int], ...]
    library: str = "torch"


class _Softmax(nn.Module):
    """Attention written by hand: a softmax whose result multiplies values."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return ((q @ k.mT) / 2).softmax(-1) @ v

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return self.attend(q, k, v).transpose(1, 2).flatten(2)


class _Fused(_Softmax):
    """The same through PyTorch's fused function, looking back only."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def _encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)


def _torchvision() -> nn.Module:
    from torchvision.models import VisionTransformer

    module = VisionTransformer(32, 8, 1, 4, 32, 48)
    nn.init.normal_(module.heads.head.weight)  # the library starts it at zero, and then nothing changes any output
    return module


def _transformers(model: str, config: str, **options: Any) -> nn.Module:
    import transformers

    module: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**options))
    return module


def _timm() -> nn.Module:
    import timm

    return timm.create_model("test_vit", pretrained=False)


def _noise(*shape: int) -> Callable[[], Inputs]:
    return lambda: (torch.randn(shape),)


def _one_asks() -> Inputs:
    tokens = torch.randn(1, 5, 8)
    return tokens[:, 0], tokens, tokens


def _page_and_words() -> Inputs:
    page, words = torch.randn(1, 6, 16), torch.tensor([[3, 4, 5]])
    return {"input_ids": words, "encoder_hidden_states": page, "use_cache": False}


_TOKENS, _PIXELS = _noise(1, 5, 8), _noise(1, 3, 32, 32)
_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
_SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 4}
_DECODER = {
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
CHECKS = (
    Check("fused function (scaled_dot_product_attention)", _Fused, _TOKENS, ((2, 5, 5),)),
    Check("torch.nn.MultiheadAttention", _encoder, _TOKENS, ((2, 5, 5), (2, 5, 5))),
    Check("softmax written by hand", _Softmax, _TOKENS, ((2, 5, 5),)),
    Check(
        "AoANet's attention",
        partial(MultiHeadedDotAttention, 2, 8, do_aoa=1),
        lambda: (torch.randn(1, 5, 8),) * 3,
        ((2, 5, 5),),
    ),
    Check("additive attention", partial(AdditiveAttention, 8, 8), _one_asks, ((1, 1, 5),)),
    Check("torchvision ViT", _torchvision, _PIXELS, ((4, 17, 17),), "torchvision"),
    Check(
        "transformers ViT",
        partial(_transformers, "ViTModel", "ViTConfig", **_SMALL),
        _PIXELS,
        ((4, 17, 17),),
        "transformers",
    ),
    Check(
        "transformers DINOv2",
        partial(_transformers, "Dinov2Model", "Dinov2Config", **_SMALL),
        _PIXELS,
        ((4, 17, 17),),
        "transformers",
    ),
    Check(
        "transformers Swin windows",
        partial(_transformers, "SwinModel", "SwinConfig", **_SWIN),
        _PIXELS,
        ((2, 16, 16), (2, 16, 16)),
        "transformers",
    ),
    Check(
        "transformers decoder (its own and cross-attention)",
        partial(_transformers, "MBartForCausalLM", "MBartConfig", **_DECODER),
        _page_and_words,
        ((2, 3, 3), (2, 3, 6)),
        "transformers",
    ),
    Check("timm ViT", _timm, _noise(1, 3, 160, 160), ((2, 101, 101),) * 6, "timm"),
)


def examine() -> Iterator[Finding]:
    """One finding per way of attending, as they come."""
    for check in CHECKS:
        if installed(check.library) is None:
            yield Finding(check.name, "skipped", reason=f"{check.library} is not installed")
        else:
            yield _guarded(check.name, partial(_of_check, check))


def examine_model(name: str) -> Iterator[Finding]:
    """Findings on a model by its name or folder: its whole forward pass over one drawn picture.

    Raises:
        ValueError: no such model, or files that do not fit it.
        DownloadError: its weights could not be fetched.
    """
    yield _guarded(name, partial(_of_record, name, load(name)))


def _guarded(name: str, run: Callable[[], Finding]) -> Finding:
    try:
        return run()
    except (CaptureError, RuntimeError, ValueError, TypeError, AttributeError, ImportError) as error:
        return Finding(name, "failed", reason=f"{type(error).__name__}: {error}")


def _of_check(check: Check) -> Finding:
    """What a tiny network shows: maps of the right shape, proved, that the output hangs on and capture does not change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, given = check.make(), check.inputs()
    module.eval().requires_grad_(False)

    def run() -> Tensor:
        out = module(**given) if isinstance(given, dict) else module(*given)
        return out if isinstance(out, Tensor) else out[0]

    with torch.no_grad():
        plain = run()
        with capture(module) as seen:
            off = float((run() - plain).abs().max())
    with torch.enable_grad(), capture(module, gradients=True) as probes:
        out = run()
        score = (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum()
    slopes = torch.autograd.grad(score, [one.probe for one in probes if one.probe is not None])
    shapes = tuple(tuple(one.weights.shape[1:]) for one in seen)
    rows = max(float((one.weights.sum(-1) - 1).abs().max()) for one in seen)
    residual = max((one.residual for one in seen if one.residual is not None), default=None)
    change = min(float(slope.abs().max()) for slope in slopes)
    wrong = {
        f"want maps of {check.shapes}, got {shapes}": shapes != check.shapes,
        f"rows do not sum to 1: off by {rows:.1g}": rows > ROWS,
        "weights x values are not what PyTorch computed": residual is None or residual > PARITY,
        f"the output changes under capture, by {off:.1g}": off > OUTPUT,
        "the output does not depend on the weights": not change > 0,
    }
    return _finding(check.name, shapes, rows, residual, change, wrong)


def _of_record(name: str, model: Any) -> Finding:
    """The record of one drawn picture, or of a sentence; its maps chain, are proved, and for a classifier move the first class's score."""
    from PIL import Image

    given: Any = Image.linear_gradient("L").convert("RGB")
    if model.card.task == "text":
        given = "The soup was not good."
    wanted = {"target": 0} if getattr(model, "classes", ()) else {}
    record = model.attend(given, **wanted, **({"max_tokens": 8} if model.card.task == "read" else {}))
    rows = max(one.row_error for one in record.maps)
    slopes = [float(abs(one.gradient).max()) for one in record.maps if one.gradient is not None]
    wrong = {
        f"rows do not sum to 1: off by {rows:.1g}": rows > 5e-3,
        f"unproved weights: residual {record.residual}": record.residual is None or record.residual > 1e-2,
        "the score does not depend on the weights of one layer": bool(slopes) and not min(slopes) > 0,
        f"not heard: {record.settings.get('unheard')}": bool(record.settings.get("unheard")),
    }
    shapes = tuple(one.weights.shape for one in record.maps)
    return _finding(name, shapes, rows, record.residual, min(slopes, default=None), wrong)


def _finding(
    name: str,
    shapes: tuple[tuple[int, ...], ...],
    rows: float,
    residual: float | None,
    change: float | None,
    wrong: dict[str, bool],
) -> Finding:
    reason = "; ".join(text for text, bad in wrong.items() if bad)
    state = "failed" if reason else "ok"
    return Finding(name, state, len(shapes), tuple(dict.fromkeys(shapes)), rows, residual, change, reason)


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
