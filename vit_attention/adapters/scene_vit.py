"""`scene-vit`, the bundled model: ViT-B/16's attention geometry, trained by this repository on drawn scenes."""

from pathlib import Path

from PIL import Image
from torch import nn

from vit_attention.adapters.vit_anatomy import anatomy
from vit_attention.heavy import Progress
from vit_attention.inputs.preprocess import Recipe
from vit_attention.models.cards import BUNDLED, Card
from vit_attention.models.vision import VisionModel
from vit_attention.networks import scene_vit
from vit_attention.weights import checkpoints
from vit_attention.weights.choice import choose, find_head
from vit_attention.weights.heads import classes_of

CLASSES = (
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
"""In the order of the worlds' shape names; a test compares the two."""

# Halving a 224-pixel scene with a box filter is the mean of 2 x 2 pixels, exactly what the model was trained on.
RECIPE = Recipe((112, 112), 112, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), Image.Resampling.BOX)


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> VisionModel:
    """The bundled weights, or those of a file made by `python -m training.scene_vit`; its head may be another one.

    Raises:
        CheckpointError: a file that does not fit.
    """
    del progress  # nothing to download
    path = weights or BUNDLED / "scene-vit.safetensors"
    # Not on the meta device: that would import 74 MB of torch's compiler to spare 10 MB of weights.
    module = scene_vit.SceneViT(len(CLASSES))
    body = {name: tuple(one.shape) for name, one in module.state_dict().items() if not name.startswith("heads.")}
    chosen = choose(checkpoints.read(path), body, path.name, key)
    head = find_head(chosen.rest, scene_vit.WIDTH, path.name)
    classes, notes = classes_of(head, CLASSES, "heads.head", path.name, own=weights is not None)
    state = chosen.body
    if head is None:
        module.heads = nn.Sequential()
    else:
        module = scene_vit.SceneViT(len(classes))
        state = state | head.named("heads.head")
    checkpoints.fill(module, state, path.name)
    model = VisionModel(card, module, anatomy(module, RECIPE), classes, checkpoints.file_hash(path))
    model.notes = (*chosen.notes, *notes)
    return model
