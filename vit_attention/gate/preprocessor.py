"""What the image processor's settings of a model folder may say."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from vit_attention.gate.config import Name
from vit_attention.gate.folder import read_settings
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, shown
from vit_attention.gate.schema import Schema

PLAIN = {
    "vit": "ViTImageProcessor",
    "deit": "DeiTImageProcessor",
    "beit": "BeitImageProcessor",
    "dinov2": "BitImageProcessor",
    "dinov2_with_registers": "BitImageProcessor",
    "clip": "CLIPImageProcessor",
    "siglip": "SiglipImageProcessor",
}
"""Image processors that resize, crop, scale and pad, and nothing else: the library's own for each family, and another like them."""

PAGES = {"vision-encoder-decoder": "DonutImageProcessor"}

_BOX = {"height", "width"}
_WHOLE = (_BOX, {"shortest_edge"}, {"shortest_edge", "longest_edge"}, {"max_height", "max_width"})
_SIDES = {name for names in _WHOLE for name in names}


def _is_number(value: Any, low: float, high: float, kinds: type[int] | tuple[type[int], type[float]]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high


def _sides(value: Any, allowed: tuple[set[str], ...]) -> Any:
    """`value` without names that say nothing, if it is a size; None if it is none."""
    found = {k: v for k, v in value.items() if k in _SIDES and v is not None} if isinstance(value, dict) else value
    sides = [*found.values()] if isinstance(found, dict) else found if isinstance(found, list) else [found]
    whole = set(found) in allowed if isinstance(found, dict) else len(sides) == 2 or not isinstance(found, list)
    return found if whole and all(_is_number(side, 1, LIMITS["input side"].most, int) for side in sides) else None


def _size(value: Any) -> Any:
    """The sizes that the library can resize to: one whole number, two, or a record of named sides."""
    found = _sides(value, _WHOLE)
    if found is None:
        raise ValueError(
            f"whole numbers from 1 to {LIMITS['input side'].most}: one, [height, width], or height and width, shortest_edge "
            "(with longest_edge), or max_height and max_width by name"
        )
    return found


def _box(value: Any) -> Any:
    """The sizes that the library can crop and pad to."""
    found = _sides(value, (_BOX,))
    if found is None:
        raise ValueError(f"height and width, whole numbers from 1 to {LIMITS['input side'].most}")
    return found


def _channels(value: Any) -> tuple[float, ...]:
    """One finite number for all channels, or one for each."""
    numbers = value if isinstance(value, list) else [value]
    if len(numbers) not in (1, 3) or not all(_is_number(one, -1000, 1000, (int, float)) for one in numbers):
        raise ValueError("one or three numbers from -1000 to 1000")
    return tuple(float(one) for one in numbers)


def _spreads(value: Any) -> tuple[float, ...]:
    numbers = _channels(value)
    if min(numbers) <= 0:
        raise ValueError("one or three numbers above 0")
    return numbers


Size = Annotated[Any, AfterValidator(_size)]
Box = Annotated[Any, AfterValidator(_box)]
Switch = bool | None


class Preprocessor(Schema):
    """Fields of preprocessor_config.json that decide what a model sees."""

    image_processor_type: Name | None = None
    feature_extractor_type: Name | None = None
    do_convert_rgb: Switch = None
    do_align_long_axis: Switch = None
    do_resize: Switch = None
    size: Size | None = None
    resample: Annotated[int, Field(ge=0, le=5)] | None = None
    do_thumbnail: Switch = None
    do_center_crop: Switch = None
    crop_size: Box | None = None
    do_rescale: Switch = None
    rescale_factor: Annotated[float, Field(ge=-1000, le=1000)] | None = None
    do_normalize: Switch = None
    image_mean: Annotated[Any, AfterValidator(_channels)] | None = None
    image_std: Annotated[Any, AfterValidator(_spreads)] | None = None
    do_pad: Switch = None
    pad_size: Box | None = None

    def settings(self) -> dict[str, Any]:
        """What the file says, as the library's own image processors take it."""
        kinds = {"image_processor_type", "feature_extractor_type", "do_convert_rgb"}
        return self.model_dump(exclude_unset=True, exclude_none=True, exclude=kinds)


class Processor(Schema):
    """processor_config.json: newer versions of the library keep the image processor's settings in there."""

    image_processor: Preprocessor | None = None


def read(folder: Path, family: str, known: dict[str, str]) -> tuple[str, Preprocessor, list[str]]:
    """The library's class that prepares pictures for a folder, its settings, and what had to be assumed.

    Args:
        folder: the model folder.
        family: its model_type.
        known: the classes that can be followed, by family.

    Raises:
        GateError: settings of the wrong kind, or an image processor that cannot be followed.
    """
    file, said = _settings(folder)
    if said is None:
        name = known[family]
        return (
            name,
            Preprocessor(),
            [f"The folder has no preprocessor_config.json: pictures are prepared as {name} does."],
        )
    named = said.image_processor_type or (said.feature_extractor_type or "").replace(
        "FeatureExtractor", "ImageProcessor"
    )
    name = named.removesuffix("Fast").removesuffix("Pil") or known[family]
    if name not in known.values():
        want = f"one of {', '.join(sorted(set(known.values())))}"
        raise GateError(file, want, shown(named), field="image_processor_type")
    return name, said, [] if named else [f"{file} names no image processor: pictures are prepared as {name} does."]


def _settings(folder: Path) -> tuple[str, Preprocessor | None]:
    processor, alone = folder / "processor_config.json", folder / "preprocessor_config.json"
    if processor.exists():
        found = read_settings(processor, Processor).image_processor
        if found is not None:
            return processor.name, found
    if alone.exists() or alone.is_symlink():
        return alone.name, read_settings(alone, Preprocessor)
    return alone.name, None
