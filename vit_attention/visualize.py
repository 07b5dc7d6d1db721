"""Attention of one picture drawn to files, for scripts: the command line's `visualize` as one function."""

import warnings
from pathlib import Path
from typing import Any

from vit_attention.models.devices import moved
from vit_attention.records import AttentionRecord


def visualize_attention_on_image(
    model: Any,
    image_path: Any,
    device: str = "cpu",
    output_dir: str | Path = "attn_vis",
    layer_idx: int | None = None,
    head_idx: int | None = None,
    avg_heads: bool = True,
    save_raw: bool = False,
    **more: Any,
) -> list[Path]:
    """The files written: overlay, heatmap and, if wanted, raw weights of every attention layer.

    Drawn is what the class token looked at, or the mean of all askers where there is none; a captioning network has no
    class token, and its row 0 is a region like any other.

    Args:
        model: a name (``"scene-vit"``), what `vit_attention.load` returned, or any torch module that takes pictures.
        image_path: path, or anything else that `open_picture` takes.
        device: where the model runs, "cpu", "cuda", "mps" or "auto"; it is moved there. Where there is no such device a warning
            says so and it stays where it is.
        output_dir: folder for the files, made if missing. Where drawings of another picture lie there, a folder inside it
            that is called after this one takes them, and a warning says so.
        layer_idx: one layer, 0 first; None takes all.
        head_idx: one head, 0 first, drawn alone whatever `avg_heads` says; None takes all.
        avg_heads: without `head_idx`: whether heads are averaged, or each is drawn.
        save_raw: also write ``attn_raw_layer_{i}.npy``, (1, heads, queries, keys).
        more: for torch modules size, grid and prefix, see `vit_attention.models.any_module.record_of`; and fields of the command
            line's options: ``colormap="Jet", alpha=0.5, method="rollout", query=("6,8",)``; and target, the class a method asks about.

    Raises:
        ValueError: an unknown model, a picture that cannot be read, a layer or head that is not there, or a module that
            cannot be looked into; the message has the reason and the next step.
        CaptureError: no attention was heard, or weights that do not reproduce what PyTorch computed.
    """
    from vit_attention.cli import paint
    from vit_attention.cli.drawings import View, drawings, knob_names
    from vit_attention.cli.errors import ChoiceError
    from vit_attention.cli.files import safe
    from vit_attention.cli.inputs import Given
    from vit_attention.cli.provenance import Origin, drawings_folder
    from vit_attention.inputs.pictures import open_picture

    look = {name: more.pop(name) for name in list(more) if name in View.__dataclass_fields__}
    look["knobs"] = {name: more.pop(name) for name in list(more) if name in knob_names()}
    look |= {"layer": _one(layer_idx), "head": _one(head_idx), "avg_heads": avg_heads}
    shapes: dict[str, Any] = {name: more.pop(name) for name in ("size", "grid", "prefix") if name in more}
    opened = open_picture(image_path)
    try:
        target, painting = more.pop("target", None), paint.Paint(save_raw=save_raw, **more)
        asked = View(**look)
        wanted = {"keep": asked.needs, "target": target}
        record = _record(model, device, opened.image, shapes, wanted)
        found = drawings(record, asked)
    except (ChoiceError, TypeError) as error:
        raise ValueError(str(error)) from error
    title = Path(image_path).name if isinstance(image_path, (str, Path)) else "picture"
    item = Given(str(image_path) if title != "picture" else "", safe(Path(title).stem))
    origin = Origin.of(item) if item.path.is_file() else Origin.of_pixels(opened.image)
    folder = drawings_folder(Path(output_dir), item, origin, lambda text: warnings.warn(text, stacklevel=4))
    ground = paint.Ground(opened.image, record.geometry, None, f"{record.model}; {title}", origin)
    return paint.write(found, ground, painting, folder)


def _one(number: int | None) -> tuple[int, ...] | None:
    return None if number is None else (int(number),)


def _record(model: Any, device: str, image: Any, shapes: dict[str, Any], wanted: dict[str, Any]) -> AttentionRecord:
    if isinstance(model, str):
        from vit_attention.registry import load

        model = load(model)
    model = moved(model, device, lambda text: warnings.warn(text, stacklevel=4))
    if hasattr(model, "attend"):
        found: AttentionRecord = model.attend(image, **wanted)
        return found
    from vit_attention.models.any_module import record_of

    return record_of(model, image, **shapes)
