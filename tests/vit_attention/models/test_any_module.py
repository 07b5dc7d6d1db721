"""The one-function entry point on any torch module, and what it says when it cannot look into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from vit_attention import CaptureError, ModuleError, load, record_of, register_kind
from vit_attention.capture.hooks import KINDS
from vit_attention.gate import GateError
from vit_attention.visualize import visualize_attention_on_image

WIDTH = 8


class Tiny(nn.Module):
    """Patches of 56 pixels, a class token, two plain attention blocks."""

    def __init__(self, extra: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cut = nn.Conv2d(3, WIDTH, 56, 56)
        self.lead = nn.Parameter(torch.randn(1, extra, WIDTH))
        self.blocks = nn.ModuleList([nn.MultiheadAttention(WIDTH, 2, batch_first=True) for _ in range(2)])

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = torch.cat([self.lead, self.cut(pixels).flatten(2).mT], 1)
        for block in self.blocks:
            tokens = tokens + block(tokens, tokens, tokens, need_weights=False)[0]
        return tokens


class Two(Tiny):
    def forward(self, pixels: Tensor, words: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(pixels) + words


class Encoding(Two):
    def encode(self, pixels: Tensor) -> Tensor:
        return Tiny.forward(self, pixels)


class Idle(Tiny):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.cut(pixels)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(path)
    return path


def test_files_carry_layer_numbers_and_module_paths(picture: Path, tmp_path: Path) -> None:
    module = Tiny().eval()
    out = visualize_attention_on_image(
        model=module,
        image_path=picture,
        device="cpu",
        output_dir=tmp_path / "out",
        layer_idx=None,
        head_idx=None,
        avg_heads=True,
        save_raw=True,
    )
    names = [f"{kind}_layer_{n}_blocks.{n}.png" for n in range(2) for kind in ("attn_map", "heatmap")]
    assert sorted(path.name for path in out) == sorted([*names, "attn_raw_layer_0.npy", "attn_raw_layer_1.npy"])
    tokens = torch.cat([module.lead, module.cut(_pixels(picture)).flatten(2).mT], 1)
    weights = module.blocks[0](tokens, tokens, tokens, average_attn_weights=False)[1]
    np.testing.assert_allclose(np.load(tmp_path / "out" / "attn_raw_layer_0.npy"), weights.detach(), atol=1e-5)


def _pixels(path: Path) -> Tensor:
    small = Image.open(path).resize((224, 224), Image.Resampling.BILINEAR)
    values = (np.asarray(small, np.float32) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return torch.tensor(values, dtype=torch.float32).permute(2, 0, 1)[None]


def test_encode_is_called_where_forward_wants_more(picture: Path) -> None:
    assert len(record_of(Encoding().eval(), picture).maps) == 2


@pytest.mark.parametrize(
    ("module", "options", "why"),
    [
        (nn.Conv2d(3, 1, 3), {}, "^No attention maps captured: no attention was heard in Conv2d: .*register_kind"),
        (Idle(), {}, "^No attention maps captured: no attention was heard in Idle: none of its modules attends"),
        (Two(), {}, "^forward needs more inputs: Two.forward wants words .*vit_attention.load"),
        (Tiny(), {"grid": (3, 5)}, "^token count does not fit the grid: .* not 3 x 5 patches"),
        (Tiny(), {"prefix": 2}, "^token count does not fit the grid: .*1 special tokens, not 2 special tokens"),
        (Tiny(), {"size": (20, 20)}, "^forward failed on one 20 x 20 picture of 3 channels: .*Give size="),
        (Tiny(), {"size": 224}, "^size: want two whole numbers from 1 up, got 224"),
        (Tiny(), {"size": (10**6, 10**6)}, "size: want at most 25,000,000 pixels, got 1,000,000,000,000"),
        (Tiny(), {"grid": "4x4"}, "^grid: want two whole numbers"),
        ("resnet", {}, "^module: want a torch module, got 'resnet'"),
        (load("scene-vit"), {}, "^module: want a torch module, .*model.attend"),
        (Tiny(), {"prefix": -1}, "^prefix: want a whole number from 0 up, got -1"),
    ],
)
def test_reason_and_next_step(module: Any, options: dict[str, Any], why: str, picture: Path) -> None:
    with pytest.raises(GateError, match=why):
        record_of(module.eval() if isinstance(module, nn.Module) else module, picture, **options)


def test_more_special_tokens_and_an_oblong_grid(picture: Path) -> None:
    record = record_of(Tiny(4).eval(), picture, grid=(4, 4), prefix=4)
    assert (record.maps[0].key.prefix, record.maps[0].key.grid) == (4, (4, 4))
    assert record_of(Tiny(4).eval(), picture).maps[0].key.special == (
        "special 1",
        "special 2",
        "special 3",
        "special 4",
    )
    assert record_of(Tiny(1).eval(), picture, size=(112, 224), grid=(2, 4)).maps[0].key.grid == (2, 4)
    assert record_of(Tiny(1).eval(), picture, size=(112, 224)).maps[0].key.grid == (2, 4)  # 9 tokens are also 3 x 3


class Stranger(Tiny):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.blocks[0](torch.cat([self.lead, self.cut(pixels).flatten(2).mT], 1))


class MysteryAttention(nn.Module):
    """Attends in a way that nobody can hear."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(WIDTH))

    def forward(self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        return query * self.scale, None


def test_a_gap_is_noted_and_stops_methods_that_need_a_chain(picture: Path, tmp_path: Path) -> None:
    module = Tiny().eval()
    module.blocks.insert(1, MysteryAttention())
    with pytest.warns(UserWarning, match="not heard: blocks.1"):
        record = record_of(module, picture)
    assert [(one.name, one.layer) for one in record.maps] == [("blocks.0", 0), ("blocks.2", 2)]
    assert record.settings["notes"][-1].startswith("not heard: blocks.1 (MysteryAttention")
    with pytest.raises(ValueError, match=r"1 attention layer\(s\) could not be heard \(first: blocks.1\)"):
        _ = record.layers
    with pytest.warns(UserWarning, match="not heard"), pytest.raises(ValueError, match="wants every layer"):
        visualize_attention_on_image(module, picture, output_dir=tmp_path, method="rollout")
    with pytest.warns(UserWarning, match="not heard"):
        assert len(visualize_attention_on_image(module, picture, output_dir=tmp_path)) == 4


class Own(nn.Module):
    """A kind that keeps its weights, as published attention modules do."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        self.weights = (x @ x.mT / WIDTH).softmax(-1) if self.heads == 1 else None
        return x


def test_a_kind_that_keeps_its_weights_is_registered_by_its_class(picture: Path) -> None:
    module = Stranger().eval()
    module.blocks = nn.ModuleList([Own(1)])
    register_kind(Own, "weights")
    try:
        record = record_of(module, picture)
        tokens = torch.cat([module.lead, module.cut(_pixels(picture)).flatten(2).mT], 1)
        np.testing.assert_allclose(record.maps[0].weights, (tokens @ tokens.mT / WIDTH).softmax(-1).detach(), atol=1e-5)
        assert record.maps[0].residual is None
        module.blocks[0].heads = 2
        with pytest.raises(CaptureError, match=r"Own: want weights in 'weights' of shape .* got NoneType"):
            record_of(module, picture)
    finally:
        del KINDS[0]


class Hand(nn.Module):
    """Multi-headed attention as two public projects write it; `order` is that of its second and third argument."""

    def __init__(self, linears: int) -> None:
        super().__init__()
        torch.manual_seed(linears)
        self.h, self.d_k = 2, WIDTH // 2
        self.linears = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(linears)])
        self.attn: Tensor | None = None

    def mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self.h, self.d_k)).transpose(1, 2)
            for layer, x in zip(self.linears, (query, key, value), strict=False)
        )
        self.attn = (q @ k.mT / self.d_k**0.5).softmax(-1)
        return (self.attn @ v).transpose(1, 2).flatten(2)


class MultiHeadedAttention(Hand):
    def __init__(self) -> None:
        super().__init__(4)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.linears[-1](self.mix(query, key, value))


class MultiHeadedDotAttention(Hand):
    def __init__(self) -> None:
        super().__init__(3)
        self.aoa_layer = nn.Sequential(nn.Linear(2 * WIDTH, 2 * WIDTH), nn.GLU())

    def forward(self, query: Tensor, value: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.aoa_layer(torch.cat([self.mix(query, key, value), query], -1))


class Mixed(Tiny):
    """A foreign picture network with all three kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [MultiHeadedDotAttention(), MultiHeadedAttention(), nn.MultiheadAttention(WIDTH, 2, batch_first=True)]
        )

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = torch.cat([self.lead, self.cut(pixels).flatten(2).mT], 1)
        for block in self.blocks:
            out = block(tokens, tokens, tokens)
            tokens = tokens + (out[0] if isinstance(out, tuple) else out)
        return tokens


def test_three_kinds_of_module_are_drawn_on_any_network(picture: Path, tmp_path: Path) -> None:
    module = Mixed().eval()
    files = visualize_attention_on_image(
        module, picture, output_dir=tmp_path, head_idx=1, avg_heads=False, save_raw=True
    )
    assert len(files) == 9
    for layer in (0, 1):
        raw = np.load(tmp_path / f"attn_raw_layer_{layer}.npy")
        np.testing.assert_allclose(raw, module.blocks[layer].attn.detach(), atol=1e-5)
    assert np.load(tmp_path / "attn_raw_layer_2.npy").shape == (1, 2, 17, 17)


class Rows(nn.Module):
    """Attention inside each row of patches alone, the rows in the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        rows = self.patches(pixels).permute(0, 2, 3, 1).flatten(0, 1)
        return self.attention(rows, rows, rows)[0]


def test_groups_of_tokens_are_not_taken_for_the_whole_picture(picture: Path) -> None:
    with pytest.raises(ModuleError, match="attends inside 4 groups of tokens"):
        record_of(Rows().eval(), picture, size=(32, 32))


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        ("no-such-model", {}, "want one of scene-vit"),
        (Tiny().eval(), {"layer_idx": 7}, "--layer: want numbers of 0 to 1, got 7"),
        (Tiny().eval(), {"colour": "Jet"}, "colour"),
        (Tiny().eval(), {"method": "rollup"}, "--method: want one of raw, .*, got 'rollup'"),
        (Tiny().eval(), {"image_path": "nowhere.png"}, "nowhere.png: want an existing file"),
    ],
)
def test_wrong_use_is_a_value_error(model: Any, options: dict[str, Any], why: str, picture: Path) -> None:
    with pytest.raises(ValueError, match=why):
        visualize_attention_on_image(**{"model": model, "image_path": picture, **options})


def test_what_is_not_proved_of_a_run_is_noted(picture: Path) -> None:
    plain = record_of(Tiny().eval(), picture).settings["notes"]
    assert any("Later layers are taken to have their tokens in the order of the first" in note for note in plain)
    assert not any("autocast" in note for note in plain)
    with torch.autocast("cpu", torch.bfloat16):
        said = record_of(Tiny().eval(), picture).settings["notes"]
    assert "The module ran under the caller's autocast, some of it in bfloat16." in said
