"""What tokens of strangers' networks are: patches in their places, special tokens, queries; or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from vit_attention import AttentionRecord, ModuleError, capture, record_of
from vit_attention.gate import GateError

WIDTH = 16
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 160, 3), dtype=np.uint8))
SHUFFLE = [3, 1, 0, 2, 7, 4, 6, 5]


def conv(net: Net, pixels: Tensor) -> Tensor:
    return net.cut(pixels).flatten(2).mT


def linear(net: Net, pixels: Tensor) -> Tensor:
    """Each patch's pixels normalised and multiplied, as many write it; no feature map says where they lie."""
    batch, channels, height, width = pixels.shape
    cells = pixels.reshape(batch, channels, height // 8, 8, width // 8, 8).permute(0, 2, 4, 3, 5, 1)
    return net.dense(F.layer_norm(cells.flatten(3).flatten(1, 2), (64 * channels,)))


def unfolded(net: Net, pixels: Tensor) -> Tensor:
    return net.dense(F.unfold(pixels, 8, stride=8).mT)


def overlapping(net: Net, pixels: Tensor) -> Tensor:
    return net.wide(F.unfold(pixels, 12, stride=8, padding=2).mT)


def stem(net: Net, pixels: Tensor) -> Tensor:
    return net.stem(pixels).flatten(2).mT


def padded(net: Net, pixels: Tensor) -> Tensor:
    height, width = pixels.shape[-2:]
    return conv(net, F.pad(pixels, (0, -width % 8, 0, -height % 8)))


def turned(net: Net, pixels: Tensor) -> Tensor:
    """The network reads columns first."""
    return conv(net, pixels.mT)


def kept(tokens: Tensor) -> Tensor:
    return tokens


class Net(nn.Module):
    """Special tokens, patches, special tokens; then two blocks of attention."""

    def __init__(
        self,
        embed: Callable[[Net, Tensor], Tensor] = conv,
        lead: int = 1,
        trail: int = 0,
        channels: int = 3,
        first: Callable[[Tensor], Tensor] = kept,
        between: Callable[[Tensor], Tensor] = kept,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.first, self.between = embed, first, between
        self.cut = nn.Conv2d(channels, WIDTH, 8, 8)
        self.dense, self.wide = nn.Linear(64 * channels, WIDTH), nn.Linear(144 * channels, WIDTH)
        steps = [nn.Conv2d(a, b, 3, 2, 1) for a, b in ((3, 8), (8, 8), (8, WIDTH))]
        self.stem = nn.Sequential(steps[0], nn.BatchNorm2d(8), nn.ReLU(), steps[1], nn.ReLU(), steps[2])
        self.lead, self.trail = (nn.Parameter(torch.randn(1, n, WIDTH)) for n in (lead, trail))
        self.places = nn.Parameter(torch.randn(1, 200, WIDTH) / 10)
        self.blocks = nn.ModuleList(nn.MultiheadAttention(WIDTH, 4, batch_first=True) for _ in range(2))
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = self.first(torch.cat([self.lead, self.embed(self, pixels), self.trail], 1))
        tokens = tokens + self.places[:, : tokens.shape[1]]
        for block in self.blocks:
            tokens = self.between(tokens + block(tokens, tokens, tokens, need_weights=False)[0])
        return tokens


def shuffled(tokens: Tensor) -> Tensor:
    return torch.cat([tokens[:, :1], tokens[:, 1:][:, SHUFFLE]], 1)


def notes(record: AttentionRecord) -> str:
    return " ".join(record.settings["notes"])


@pytest.mark.parametrize("embed", [conv, linear, unfolded, overlapping, stem])
@pytest.mark.parametrize("size", [(128, 32), (32, 128), (64, 64), (8, 40)])
def test_the_grid_is_the_patch_embeddings(embed: Any, size: tuple[int, int]) -> None:
    record = record_of(Net(embed), PICTURE, size=size)
    assert [(one.key.grid, one.key.special) for one in record.maps] == [((size[0] // 8, size[1] // 8), ("class",))] * 2
    assert "Token 0 is taken as the class token" in notes(record)


@pytest.mark.parametrize(
    ("net", "special", "order"),
    [
        (Net(lead=0), (), [*range(8)]),
        (Net(lead=0, trail=1), ("class",), [8, *range(8)]),
        (Net(lead=1, trail=2), ("special 1", "special 2", "special 3"), [0, 9, 10, *range(1, 9)]),
        (Net(lead=3), ("special 1", "special 2", "special 3"), [*range(11)]),
        (Net(first=shuffled), ("class",), [0, *(1 + SHUFFLE.index(n) for n in range(8))]),
        (Net(turned), ("class",), [0, *(1 + column * 4 + row for row in range(4) for column in range(2))]),
    ],
)
def test_special_tokens_stand_first_and_patches_in_reading_order(
    net: Net, special: tuple[str, ...], order: list[int]
) -> None:
    pixels = torch.rand(1, 3, 32, 16)
    record = record_of(net, pixels)
    with torch.no_grad(), capture(net) as seen:
        net(pixels)
    assert record.maps[0].key.special == special
    for one, own in zip(record.maps, seen, strict=True):
        np.testing.assert_allclose(one.weights, own.weights[0][:, order][:, :, order], atol=1e-6)
    assert ("in another order" in notes(record)) == (order != sorted(order))


@pytest.mark.parametrize(
    ("embed", "seen", "grid"), [(conv, (32, 64), (8, 4)), (unfolded, (32, 64), (8, 4)), (padded, (40, 72), (9, 5))]
)
def test_what_no_patch_covers_is_no_part_of_the_map(embed: Any, seen: tuple[int, int], grid: tuple[int, int]) -> None:
    record = record_of(Net(embed), PICTURE, size=(70, 37))
    assert record.maps[0].key.grid == grid
    assert record.geometry is not None
    assert record.geometry.seen == seen
    placed = record.geometry.place(np.zeros(grid))
    assert (placed.width, placed.height) == pytest.approx((8 * 160 / 37, 8 * 96 / 70))
    assert f"patches cover {seen[0]} x {seen[1]}" in notes(record)


def drop(tokens: Tensor) -> Tensor:
    return tokens[:, [0, 2, 5, 3]]


def merge(tokens: Tensor) -> Tensor:
    return torch.cat([tokens[:, :1], tokens[:, 1::2] + tokens[:, 2::2]], 1)


def hide(tokens: Tensor) -> Tensor:
    mask = torch.arange(tokens.shape[1])[:, None] % 3 == 1
    return torch.where(mask, torch.zeros(()), tokens)


def scatter(tokens: Tensor) -> Tensor:
    order = np.random.default_rng().permutation(tokens.shape[1] - 1)
    return torch.cat([tokens[:, :1], tokens[:, 1:][:, order]], 1)


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (Net(first=drop), "attends to 4 tokens, and 3 of the picture's 8 patches alone.*mask_ratio=0"),
        (Net(first=hide), "5 of the picture's 8 patches alone"),
        (Net(between=merge), "blocks.1 attends to 5 tokens where blocks.0 has 9: tokens were merged"),
        (Net(first=scatter), "gives other tokens each time"),
    ],
)
@pytest.mark.parametrize("said", [{}, {"grid": (4, 2), "prefix": 1}])
def test_tokens_that_are_no_whole_picture_are_refused(net: Net, why: str, said: dict[str, Any]) -> None:
    if said and "merged" in why:
        why = "not 4 x 2 patches"
    with pytest.raises(ModuleError, match=why):
        record_of(net, torch.rand(3, 32, 16), **said)


def rolled(tokens: Tensor) -> Tensor:
    """A random order, from torch's own numbers: the same once they are the same."""
    return torch.cat([tokens[:, :1], tokens[:, 1:][:, torch.randperm(tokens.shape[1] - 1)]], 1)


def test_a_random_order_is_undone_and_no_random_state_is_touched() -> None:
    pixels = torch.rand(1, 3, 32, 16)
    state = torch.get_rng_state()
    record = record_of(Net(first=rolled), pixels)
    assert bool((torch.get_rng_state() != state).any())  # the first, plain run drew
    assert record.maps[0].key.grid == (4, 2)
    assert "draws random numbers" in notes(record)
    bare = Net(first=rolled)
    bare.places.data.zero_()  # without positions an undone order leaves no trace
    plain = Net()
    plain.load_state_dict(bare.state_dict())
    np.testing.assert_allclose(
        record_of(bare, pixels).maps[1].weights, record_of(plain, pixels).maps[1].weights, atol=1e-5
    )


class Detector(nn.Module):
    """An encoder of patches, and learned queries that look at each other and at the patches."""

    def __init__(self, queries: int) -> None:
        super().__init__()
        self.cut, self.queries = nn.Conv2d(3, WIDTH, 8, 8), nn.Parameter(torch.randn(1, queries, WIDTH))
        self.encoder, self.own, self.cross = (
            nn.ModuleList(nn.MultiheadAttention(WIDTH, 4, batch_first=True) for _ in range(2)) for _ in range(3)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        memory, asking = self.cut(pixels).flatten(2).mT, self.queries
        for block in self.encoder:
            memory = memory + block(memory, memory, memory)[0]
        for own, cross in zip(self.own, self.cross, strict=True):
            asking = asking + own(asking, asking, asking)[0]
            asking = asking + cross(asking, memory, memory)[0]
        return asking


@pytest.mark.parametrize("count", [3, 8])  # 8 is also the number of patches
def test_object_queries_are_called_so(count: int) -> None:
    record = record_of(Detector(count).eval(), torch.rand(3, 16, 32))
    queries = tuple(f"object query {n + 1}" for n in range(count))
    found = {one.name: (one.query.labels or one.query.grid, one.key.labels or one.key.grid) for one in record.maps}
    for depth in (0, 1):
        assert found[f"encoder.{depth}"] == ((2, 4), (2, 4))
        assert found[f"own.{depth}"] == (queries, queries)
        assert found[f"cross.{depth}"] == (queries, (2, 4))


def test_one_channel_gets_a_grey_picture_and_more_are_asked_for() -> None:
    grey = record_of(Net(channels=1), PICTURE, size=(32, 32))
    assert "made grey" in notes(grey)
    assert grey.maps[0].key.grid == (4, 4)
    with pytest.raises(ModuleError, match="takes 4 channels and a picture has 3"):
        record_of(Net(channels=4), PICTURE, size=(32, 32))
    assert record_of(Net(channels=4), torch.rand(4, 32, 32)).maps[0].key.grid == (4, 4)


def test_prepared_pixels_go_in_unchanged() -> None:
    net, pixels = Net(), torch.rand(1, 3, 32, 64)
    record = record_of(net, pixels, PICTURE)
    with torch.no_grad(), capture(net) as seen:
        net(pixels)
    np.testing.assert_allclose(record.maps[1].weights, seen[1].weights[0], atol=1e-6)
    assert record.geometry is not None
    assert (record.geometry.original, record.geometry.seen) == ((160, 96), (64, 32))
    assert record.picture
    assert record_of(net, pixels.double()).picture == b""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (torch.rand(8, 3, 32, 32), "These are 8 pictures"),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), "got uint8 of shape .*Whole numbers"),
        (torch.zeros(32, 32, dtype=torch.float32), "got float32 of shape \\(32, 32\\)"),
        (torch.rand(32, 40, 3), "Channels come first"),
        (torch.rand(1, 4, 3, 32, 32), "Five axes are a video"),
        (torch.full((3, 32, 32), torch.nan), "want finite numbers"),
        (torch.zeros(1, 3, 0, 32), "got float32"),
    ],
)
def test_other_tensors_are_refused(given: Tensor, why: str) -> None:
    with pytest.raises(GateError, match=why):
        record_of(Net(), given)
