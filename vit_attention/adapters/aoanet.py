"""Captioning models of the AoANet family: the bundled one for drawn scenes, and published checkpoints from files."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vit_attention.adapters.scene_vit import RECIPE
from vit_attention.heavy import Progress, library
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.captioner import CaptionModel, Eyes
from vit_attention.models.cards import BUNDLED, Card
from vit_attention.networks import scene_aoanet
from vit_attention.networks.aoanet import AoANet
from vit_attention.networks.aoanet_options import BOX_NUMBERS
from vit_attention.weights import checkpoints
from vit_attention.weights.aoanet_checkpoint import load_checkpoint
from vit_attention.weights.choice import fill_whole
from vit_attention.weights.download import DownloadError, cache_folder, fetch

WORDS = (
    "a",
    "an",
    "of",
    "left",
    "right",
    "above",
    "below",
    "red",
    "orange",
    "yellow",
    "green",
    "cyan",
    "blue",
    "purple",
    "pink",
    "circle",
    "square",
    "triangle",
    "star",
    "cross",
    "ring",
    "heart",
    "moon",
    "arrow",
    "hourglass",
    "tee",
    "bolt",
)
"""What `scene-aoanet` can say, in the order of its tokens; a test compares it with the worlds' words."""

UNKNOWN = "UNK"

RESNET_URL = "https://download.pytorch.org/models/resnet101-63fe2227.pth"
RESNET_BYTES = 178_793_939
RESNET_WIDTH = 2048
RESNET_GRID = 14
LONGEST_SIDE = 640
"""Pixels: larger pictures are shrunk, as those of the captioning data (COCO) were before they were published."""

IMAGENET = Recipe((0, 0), None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
RESNET_NOTE = (
    "The regions are the 14 x 14 cells of ResNet-101. A checkpoint that was trained on regions of a detector says little "
    "of worth about them: give it features of that detector."
)


def load(
    card: Card,
    weights: Path | None,
    progress: Progress | None,
    infos: Path | None = None,
    resnet: Path | None = None,
    key: str = "",
) -> CaptionModel:
    """A captioning model ready to attend.

    Args:
        card: of the bundled model, or of the published architecture.
        weights: checkpoint; None takes the bundled one.
        progress: told of the download of ResNet-101, the first time a published model is given a plain picture.
        infos: `infos_*.pkl` beside a published `model.pth`.
        resnet: local file of torchvision's ResNet-101; None takes the download folder or fetches it.
        key: which network of the checkpoint.

    Raises:
        ValueError: a file is missing, or one of them does not fit the other (`CheckpointError`).
    """
    if card.bundled:
        if infos is not None or resnet is not None:
            raise ValueError(
                f"{card.name}: want weights= alone, got infos= or resnet=, which belong to published models"
            )
        return _scene(card, weights or BUNDLED / f"{card.name}.safetensors", key)
    if weights is None or infos is None:
        missing = " and ".join(n for n, given in (("weights", weights), ("infos", infos)) if given is None)
        raise ValueError(
            f'{card.name}: want va.load("{card.name}", weights="model.pth", infos="infos.pkl"), the two files of the published '
            f"code (their makers offer no address this app could fetch them from), got no {missing}"
        )
    network, vocab, _ = load_checkpoint(weights, infos, key)
    eyes = Eyes(_whole_picture, _resnet_look(network, resnet, progress), RESNET_NOTE)
    return CaptionModel(card, network, network, vocab, eyes, checkpoints.file_hash(weights))


def _scene(card: Card, path: Path, key: str) -> CaptionModel:
    module = scene_aoanet.SceneAoANet()
    fill_whole(module, path, key)
    rows, columns = scene_aoanet.GRID

    def look(pixels: Tensor) -> tuple[Tensor, None]:
        return module.cnn(pixels)[0].unflatten(0, (rows, columns)), None

    vocab = {str(number): word for number, word in enumerate((*WORDS, UNKNOWN), start=1)}
    eyes = Eyes(lambda picture: Input.of(*prepare(picture, RECIPE)), look)
    return CaptionModel(card, module, module.captioner, vocab, eyes, checkpoints.file_hash(path))


def _whole_picture(picture: Image.Image) -> Input:
    """The whole picture, neither cropped nor squeezed, as the published features were made."""
    width, height = picture.size
    share = min(1.0, LONGEST_SIDE / max(width, height))
    size = (max(1, round(height * share)), max(1, round(width * share)))
    return Input.of(*prepare(picture, Recipe(size, None, IMAGENET.mean, IMAGENET.std)))


def _resnet_look(
    network: AoANet, path: Path | None, progress: Progress | None
) -> Callable[[Tensor], tuple[Tensor, Tensor | None]]:
    """Looks through ResNet-101, which is loaded when the first plain picture comes: features from files need none."""
    loaded: list[Any] = []
    lock = threading.Lock()

    def look(pixels: Tensor) -> tuple[Tensor, Tensor]:
        wanted = network.options.att_feat_size - BOX_NUMBERS * network.options.use_box
        if wanted != RESNET_WIDTH:
            raise ValueError(
                f"picture: this checkpoint wants regions of {wanted} numbers, and the cells of ResNet-101 have "
                f"{RESNET_WIDTH}: give it features (.npz or .npy)"
            )
        with lock:
            if not loaded:
                loaded.append(_resnet(path or _fetch_resnet(progress)))
        return resnet_grid(loaded[0].to(pixels.device), pixels)

    return look


def resnet_grid(layers: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """(14, 14, width) cells and (width,) their mean: the last convolution's map, averaged to a grid of a fixed size.

    Args:
        layers: everything of a residual network up to its last convolution.
        pixels: (1, 3, height, width), normalised.
    """
    seen = layers(pixels)[0]
    return F.adaptive_avg_pool2d(seen, (RESNET_GRID, RESNET_GRID)).permute(1, 2, 0), seen.mean(dim=(1, 2))


def _resnet(path: Path) -> Any:
    """The convolutional part of torchvision's ResNet-101, filled."""
    library("vit_attention.compat")  # goes before torchvision
    with torch.device("meta"):
        module = library("torchvision.models").resnet101()
    fill_whole(module, path).eval().requires_grad_(False)
    return torch.nn.Sequential(*list(module.children())[:-2])


def _fetch_resnet(progress: Progress | None) -> Path:
    name = RESNET_URL.rsplit("/", 1)[-1]
    digits = name.removesuffix(".pth").rsplit("-", 1)[-1]
    try:
        return fetch(RESNET_URL, cache_folder() / name, sha256=digits, size=RESNET_BYTES, progress=progress)
    except DownloadError as error:
        raise DownloadError(str(error).replace("weights=FILE", "weights=..., infos=..., resnet=FILE")) from error
