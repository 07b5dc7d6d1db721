"""The network of `scene-vit`: ViT-B/16's attention geometry (12 layers x 12 heads, 14 x 14 patches), narrow.

Its parameters are named and used as in torchvision's VisionTransformer, whose import alone would take 85 MB of a small
server's memory; a test loads the same weights into both and compares.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

IMAGE_SIZE, PATCH_SIZE = 112, 8
LAYERS, HEADS, WIDTH, MLP_WIDTH = 12, 12, 144, 432


class Block(nn.Module):
    """Pre-norm attention and MLP, each added to what came in (Dosovitskiy et al. 2021, equations 2 and 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH, eps=1e-6)
        # Named "0" and "3" as in torchvision, where dropouts stand between.
        parts = [("0", nn.Linear(WIDTH, MLP_WIDTH)), ("1", nn.GELU()), ("3", nn.Linear(MLP_WIDTH, WIDTH))]
        self.mlp = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        inside = self.ln_1(x)
        x = x + self.self_attention(inside, inside, inside, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Position embeddings, twelve blocks, a final norm."""

    def __init__(self) -> None:
        super().__init__()
        tokens = 1 + (IMAGE_SIZE // PATCH_SIZE) ** 2
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens, WIDTH).normal_(std=0.02))
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", Block()) for i in range(LAYERS)))
        self.ln = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(self.layers(x + self.pos_embedding))


class SceneViT(nn.Module):
    """(batch, 3, 112, 112) pixels to (batch, classes) scores, read off the class token.

    Its patch embedding is the plain linear one of Dosovitskiy et al. (2021).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.image_size, self.patch_size, self.hidden_dim = IMAGE_SIZE, PATCH_SIZE, WIDTH
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.conv_proj = nn.Conv2d(3, WIDTH, PATCH_SIZE, PATCH_SIZE)
        self.encoder = Encoder()
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(WIDTH, classes)))

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.conv_proj(pixels).flatten(2).mT  # (batch, 196, width)
        tokens = torch.cat([self.class_token.expand(len(pixels), -1, -1), patches], dim=1)
        return self.heads(self.encoder(tokens)[:, 0])
