"""The network of `scene-aoanet`: a small convolutional network and the AoANet that tells what its regions show.

The captioner is the published one but for its sizes: two refining layers of six, four heads of eight, 128 wide of 1024.
With the published depth and heads a run wrote good captions too, but half of its heads looked elsewhere at a noun.
"""

from __future__ import annotations

from torch import Tensor, nn

from vit_attention.networks import scene_cnn
from vit_attention.networks.aoanet import AoANet, Options

GRID = scene_cnn.GRID
MEAN, STD = 0.5, 0.25
"""Pixels from 0 to 1 come as (pixel - mean) / deviation, all three channels alike."""

OPTIONS = Options(
    vocab_size=28,
    rnn_size=128,
    input_encoding_size=128,
    att_feat_size=scene_cnn.FEATURES,
    num_heads=4,
    use_ff=0,
    ctx_drop=1,
    drop_prob_lm=0.1,
    dropout_aoa=0.1,
    max_length=9,
    refiner_layers=2,
)


class SceneAoANet(nn.Module):
    """Pixels to captions, as `cnn` (pixels to regions) and `captioner` (regions to words). Made in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = scene_cnn.build()
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


def build() -> SceneAoANet:
    """The network with random weights."""
    return SceneAoANet()
