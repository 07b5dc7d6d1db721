"""The network of `scene-aoanet`: a small residual network that turns a scene into 14 x 14 regions, and the AoANet that tells them.

The eyes are plain residual blocks (He et al. 2016, arXiv:1512.03385, figure 2) with batch normalisation, down to one cell
for every 8 x 8 pixels. AoANet attends over a set and knows no order, so every region also carries where it lies: a fixed
code of its row and column, joined to what the network saw there. Without it no word could tell left from right.

The captioner is the published one but for its sizes: two refining layers of six, four heads of eight, 128 wide of 1024.
With the published depth and heads a run wrote good captions too, but half of its heads looked elsewhere at a noun.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention.networks.aoanet import AoANet, Options

IMAGE_SIZE, GRID = 112, (14, 14)
CHANNELS = (32, 64, 128)
PERIODS = (2.0, 1.0, 0.5)
"""Wavelengths of the position code, in widths of the picture."""

POSITIONS = 2 + 4 * len(PERIODS)
FEATURES = CHANNELS[-1] + POSITIONS
"""Numbers per region: channels of the last layer, then the position code."""

MEAN, STD = 0.5, 0.25
"""Pixels from 0 to 1 come as (pixel - mean) / deviation, all three channels alike."""

OPTIONS = Options(
    vocab_size=28,
    rnn_size=128,
    input_encoding_size=128,
    att_feat_size=FEATURES,
    num_heads=4,
    use_ff=0,
    ctx_drop=1,
    drop_prob_lm=0.1,
    dropout_aoa=0.1,
    max_length=9,
    refiner_layers=2,
)


def position_code(grid: tuple[int, int] = GRID) -> Tensor:
    """(rows * columns, 14) code of every cell: its x and y from -1 to 1, then sines and cosines of both.

    >>> code = position_code((1, 2))
    >>> code.shape, code[:, 0].tolist()
    (torch.Size([2, 14]), [-0.5, 0.5])
    """
    rows, columns = grid
    y, x = ((torch.arange(n) + 0.5) * 2 / n - 1 for n in (rows, columns))
    at = torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)], dim=-1).flatten(0, 1)
    waves = [f(2 * math.pi / period * at / 2) for period in PERIODS for f in (torch.sin, torch.cos)]
    return torch.cat([at, *waves], dim=-1)


class Residual(nn.Module):
    """Two 3 x 3 convolutions added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(inside)))


class Halving(nn.Sequential):
    """A convolution that halves height and width."""

    def __init__(self, before: int, after: int, kernel: int = 3) -> None:
        conv = nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(after), nn.ReLU())


class SceneCNN(nn.Module):
    """(batch, 3, 112, 112) pixels to (batch, 196, 142) regions, row by row from the top left.

    Every number of a region can draw on pixels up to 64 away from its middle, not on its own cell alone.
    """

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = CHANNELS
        self.layers = nn.Sequential(
            Halving(3, fine, kernel=5),
            Halving(fine, middle),
            Residual(middle),
            Halving(middle, coarse),
            Residual(coarse),
            Residual(coarse),
            Residual(coarse),
        )
        self.position: Tensor
        self.register_buffer("position", position_code(), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, pixels: Tensor) -> Tensor:
        seen = self.layers(pixels.contiguous(memory_format=torch.channels_last)).flatten(2).mT  # (batch, 196, 128)
        return torch.cat([seen, self.position.to(seen.dtype).expand(len(seen), -1, -1)], dim=-1)


class SceneAoANet(nn.Module):
    """Pixels to captions, as `cnn` (pixels to regions) and `captioner` (regions to words). Made in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = SceneCNN()
        self.captioner = AoANet(OPTIONS)
        self.eval()

    def forward(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        """(batch, steps, 29) log-probabilities of every next word, the words so far given; see `AoANet.forward`.

        Args:
            pixels: (batch, 3, 112, 112), normalised.
            tokens: (batch, steps), column 0 the start token 0.
        """
        scores = self.captioner(self.cnn(pixels), tokens)
        assert isinstance(scores, Tensor)  # a pair only where attention is asked for
        return scores
