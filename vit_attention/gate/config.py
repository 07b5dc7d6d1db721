"""What the configuration of a ViT's folder may say, before anything is built from it; and whether its weights say the same."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, one_line, shown
from vit_attention.gate.schema import FIRST, Schema, entries

Layers = Annotated[int, Field(ge=1, le=LIMITS["layers"].most)]
Width = Annotated[int, Field(ge=1, le=LIMITS["width"].most)]
Side = Annotated[int, Field(ge=1, le=LIMITS["input side"].most)]
Share = Annotated[float, Field(ge=0, le=1)]
Scale = Annotated[float, Field(ge=-1e6, le=1e6)]
Entry = Annotated[int, Field(ge=0, le=LIMITS["vocabulary"].most)]
Label = Annotated[str, Field(max_length=LIMITS["label letters"].most)]
Name = Annotated[str, Field(max_length=200)]
Number = Annotated[int, Field(ge=0, le=10**9)]
CONFIG = "config.json"
Precision = Literal["float64", "float32", "float16", "bfloat16", "auto"] | None
_ACTIVATIONS = (
    "gelu gelu_new gelu_fast gelu_accurate gelu_python gelu_python_tanh gelu_pytorch_tanh quick_gelu relu relu2 relu6 "
    "leaky_relu silu swish mish tanh sigmoid hardswish linear"
)


def _activation(value: str) -> str:
    if value not in _ACTIVATIONS.split():
        raise ValueError(f"one of {_ACTIVATIONS.replace(' ', ', ')}")
    return value


def _pair(value: Any) -> Any:
    """A list is a pair, and one whole number is both of it."""
    pair = tuple(value) if isinstance(value, list) else (value, value)
    if len(pair) != 2 or any(isinstance(side, bool) or not isinstance(side, int) for side in pair):
        raise ValueError("one whole number, or two as [height, width]")
    return pair


Activation = Annotated[str, AfterValidator(_activation)]
Channels = Literal[1, 3]
Sides = Annotated[tuple[Side, Side], BeforeValidator(_pair)]


class Kind(Schema):
    """Of what family a folder is (timm says `architecture` instead), and what beside settings it brings."""

    model_type: Name = ""
    architecture: Name | None = None
    quantization_config: Any = None
    auto_map: Any = None


class Labelled(Schema):
    """What a file says of its classes."""

    num_labels: Annotated[int, Field(ge=0, le=LIMITS["classes"].most)] | None = None
    id2label: Annotated[dict[Name, Label], entries(LIMITS["classes"].most)] | None = None
    label2id: Annotated[dict[Label, Number | Name], entries(LIMITS["classes"].most)] | None = None

    def labels(self) -> tuple[str, ...]:
        """Names of the classes in order; raises GateError for numbers with a gap."""
        if self.id2label is None:
            return tuple(f"LABEL_{i}" for i in range(2 if self.num_labels is None else self.num_labels))
        count = len(self.id2label)
        missing = next((str(i) for i in range(count) if str(i) not in self.id2label), None)
        if missing is not None:
            got = f"none for {missing} among {shown(list(self.id2label))}"
            raise GateError(CONFIG, f"a name for each number from 0 to {count - 1}", got, field="id2label")
        return tuple(one_line(self.id2label[str(i)]) for i in range(count))

    def label_settings(self) -> dict[str, Any]:
        """The same as the library's own configuration takes it."""
        labels = self.labels()
        both = dict(enumerate(labels)), {name: number for number, name in enumerate(labels)}
        return dict(zip(("id2label", "label2id"), both, strict=True))

    def notes(self) -> list[str]:
        """What of the file was left aside."""
        labels, found = self.labels(), self.label2id or {}
        count = self.num_labels is not None and self.num_labels != len(labels)
        numbers = any(i < len(labels) and one_line(name) != labels[i] for name, i in _numbers(found))
        names = [name for name, wrong in (("num_labels", count), ("label2id", numbers)) if wrong]
        return [f"config.json: {' and '.join(names)} contradict id2label, which was taken."] if names else []


class Config(Labelled):
    """Fields of config.json that decide what a ViT is; what a family lacks it ignores."""

    model_type: Name
    architectures: Annotated[list[Name], Field(max_length=20), FIRST] | None = None
    hidden_size: Width = 768
    num_hidden_layers: Layers = 12
    num_attention_heads: Width = 12
    intermediate_size: Width = 3072
    mlp_ratio: Annotated[int, Field(ge=1, le=64)] = 4
    hidden_act: Activation = "gelu"
    hidden_dropout_prob: Share = 0.0
    attention_probs_dropout_prob: Share = 0.0
    drop_path_rate: Share = 0.0
    initializer_range: Annotated[float, Field(ge=0, le=100)] = 0.02
    layer_norm_eps: Annotated[float, Field(gt=0, le=1)] = 1e-12
    image_size: Sides = (224, 224)
    patch_size: Sides = (16, 16)
    num_channels: Channels = 3
    num_register_tokens: Annotated[int, Field(ge=0, le=1000)] = 4
    qkv_bias: bool = True
    pooler_output_size: Width | None = None
    pooler_act: Activation = "tanh"
    layerscale_value: Scale = 1.0
    layer_scale_init_value: Scale = 0.1
    use_swiglu_ffn: bool = False
    use_mask_token: bool = False
    use_mean_pooling: bool = True
    use_absolute_position_embeddings: bool = False
    use_relative_position_bias: bool = False
    use_shared_relative_position_bias: bool = False
    dtype: Precision = None
    torch_dtype: Precision = None

    def settings(self) -> dict[str, Any]:
        """What the file says, as the library's own configuration takes it; nothing that this schema does not know."""
        names = {"model_type", "architectures", "num_labels", "id2label", "label2id", "torch_dtype"}
        said = self.model_dump(exclude_unset=True, exclude=names)
        dtype = None if (self.dtype or self.torch_dtype) == "auto" else self.dtype or self.torch_dtype
        return {**plain(said), "dtype": dtype, **self.label_settings()}


def plain(said: dict[str, Any]) -> dict[str, Any]:
    """`said` with equal sides as one number, as published files have them, and other pairs as lists."""
    sides = {key: said[key] for key in ("image_size", "patch_size") if key in said}
    return {**said, **{key: two[0] if two[0] == two[1] else list(two) for key, two in sides.items()}}


def _numbers(label2id: Mapping[str, int | str]) -> list[tuple[str, int]]:
    return [(name, int(i)) for name, i in label2id.items() if str(i).isdecimal() and len(str(i)) < 10]


def check_kind(kind: Kind) -> list[str]:
    """Notes on what a folder brings beside settings and is left alone.

    Raises:
        GateError: weights that are stored in a way of their own.
    """
    if kind.quantization_config is not None:
        advice = "Save the model without quantization."
        raise GateError(CONFIG, "plain weights", "quantized ones", field="quantization_config", advice=advice)
    if kind.auto_map is None:
        return []
    return [
        "The folder names code of its own (auto_map in config.json), which was not run: the library's own network was built."
    ]


def check(config: Config) -> None:
    """Refuse fields that contradict each other.

    Raises:
        GateError: heads that do not divide the width, or a patch larger than the picture.
    """
    if config.hidden_size % config.num_attention_heads:
        want = f"a divisor of hidden_size, {config.hidden_size}"
        raise GateError(CONFIG, want, str(config.num_attention_heads), field="num_attention_heads")
    check_sides(config.image_size, config.patch_size)
    config.labels()


def check_sides(image: tuple[int, int], patch: tuple[int, int], within: str = "") -> None:
    """Refuse a picture that is smaller than a patch, or too large for memory."""
    LIMITS["input pixels"].check(image[0] * image[1], CONFIG, f"{within}image_size")
    if image[0] < patch[0] or image[1] < patch[1]:
        raise GateError(CONFIG, f"at most image_size, {list(image)}", str(list(patch)), field=f"{within}patch_size")


def check_weights(config: Config, shapes: Mapping[str, tuple[int, ...]], file: str) -> None:
    """Refuse a configuration that its weights contradict, by their names and shapes alone.

    Args:
        config: the configuration.
        shapes: name and shape of every tensor.
        file: name of their file.

    Raises:
        GateError: says which field, and what the weights say.
    """
    numbers = {int(found[1]) for name in shapes if (found := re.search(r"(?:^|\.)layers?\.(\d{1,9})\.", name))}
    if len(numbers) != config.num_hidden_layers:
        got = str(config.num_hidden_layers)
        raise GateError(CONFIG, f"{len(numbers)} as in {one_line(file)}", got, field="num_hidden_layers")
    for ending, fields, expected in _expected(config):
        name = next((name for name in shapes if f".{name}".endswith(ending)), None)
        # Of another number of sides it is another part by the same name, such as a segmenter's classifier.
        if name is not None and shapes[name] != expected and len(shapes[name]) == len(expected):
            want = f"what {file} has in {name}, {shapes[name]}"
            raise GateError(CONFIG, one_line(want), str(expected), field=fields)


def _expected(config: Config) -> list[tuple[str, str, tuple[int, ...]]]:
    """Ending of a tensor's name, the fields that decide its shape, and the shape that they give."""
    width, labels = config.hidden_size, len(config.labels())
    patches = (config.image_size[0] // config.patch_size[0]) * (config.image_size[1] // config.patch_size[1])
    leading = 2 if config.model_type == "deit" else 1
    head = 2 * width if config.model_type.startswith("dinov2") else width
    inner = config.mlp_ratio * width if config.model_type.startswith("dinov2") else config.intermediate_size
    projection = (width, config.num_channels, *config.patch_size)
    return [
        (".patch_embeddings.projection.weight", "hidden_size, num_channels, patch_size", projection),
        (".position_embeddings", "image_size, patch_size, hidden_size", (1, patches + leading, width)),
        (".register_tokens", "num_register_tokens, hidden_size", (1, config.num_register_tokens, width)),
        (".classifier.weight", "id2label, num_labels, hidden_size", (labels, head)),
        (".query.weight", "hidden_size", (width, width)),
        (".intermediate.dense.weight", "intermediate_size, hidden_size", (inner, width)),
        (".mlp.fc1.weight", "mlp_ratio or intermediate_size, hidden_size", (inner, width)),
    ]
