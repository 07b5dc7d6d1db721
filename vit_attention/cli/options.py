"""The options that commands share, with their limits and help. Imports nothing slow: help must come at once."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from visualizer.method import Knob, methods
from vit_attention.cli.drawings import View
from vit_attention.cli.values import FILE, MOST, NEW, Device, Finite, NewFile, Numbers, Shift, Size
from vit_attention.inputs.edited import WAYS

T = TypeVar("T")
Command = Callable[..., Any]

COLORMAPS = ("Cividis", "Viridis", "Inferno", "Magma", "Greys", "Jet")
SCALES = ("raw", "shared", "per map", "log", "clipped")
FOLDER = Path("attn_vis")

json_option = click.option("--json", "as_json", is_flag=True, help="Print only JSON; notes go to standard error.")
_MODEL: tuple[Command, ...] = (
    click.option(
        "--model",
        metavar="NAME",
        help="A name from `models`, hf:FOLDER or hf:OWNER/NAME; with --infos_path, the model.pth of a captioning checkpoint.",
    ),
    click.option(
        "--weights",
        type=FILE,
        metavar="FILE",
        help="Your own checkpoint for the named model (.pth, .safetensors, .bin).",
    ),
    click.option(
        "--weights-key",
        metavar="NAME",
        help="Which network to load if the checkpoint holds several, such as state_dict_ema.",
    ),
    click.option(
        "--infos_path",
        "--infos",
        type=FILE,
        metavar="FILE",
        help="The infos_*.pkl of a captioning checkpoint. No code in it is run.",
    ),
    click.option(
        "--resnet",
        type=FILE,
        metavar="FILE",
        help="Published ResNet-101 weights; captioning models (--infos_path) need them for plain pictures.",
    ),
    click.option(
        "--device",
        type=Device(),
        default="cpu",
        show_default=True,
        help="cpu, cuda, cuda:1, mps, or auto to use an accelerator if there is one.",
    ),
)
_ASKED: tuple[Command, ...] = (
    click.option("--prompt", help="Task prompt for a document reader, such as <s_form>."),
    click.option("--question", help="Question for a reader that answers questions."),
    click.option(
        "--beams", type=click.IntRange(1, 8), help="Number of beams for readers and captions; 1 is greedy search."
    ),
)
_SIZE_OPTION = click.option(
    "--size",
    type=Size(),
    metavar="PIXELS",
    help="Size of the model's input, such as 518 or, as height,width, 224,336; multiples of its patch.  [default: the model's own]",
)
_SEEN: tuple[Command, ...] = (
    click.option(
        "--features",
        type=FILE,
        metavar="FILE",
        help="Region features for captions: a file (.npz, .npy), or a folder of files named like the pictures.",
    ),
    _SIZE_OPTION,
    click.option(
        "--whole",
        type=Numbers(),
        help="Layers, counted from 0, of which all rows are kept in a bundle where the other layers keep only some.",
    ),
    click.option("--half", is_flag=True, help="Store weights in half precision, as the app does."),
    click.option(
        "--target",
        metavar="CLASS",
        help="Class, by name or number, whose score the gradients belong to; or a similarity, such as similar:6,8; "
        "or a token that a reader or captioner says, by number or text.",
    ),
)
_CHANGED: tuple[Command, ...] = (
    click.option(
        "--edit",
        type=Numbers(),
        help="Patches of the picture to change before the model looks, by number from 0 in reading order, such as 60-65,74; of "
        "readers and captioners the cells that words look at. The model looks twice, first to learn where its patches lie.",
    ),
    click.option(
        "--edit-with",
        type=click.Choice(list(WAYS)),
        default="mean",
        show_default=True,
        help="What is done to the patches of --edit. "
        + " ".join(f"{way}: {meaning}." for way, meaning in WAYS.items()),
    ),
    click.option(
        "--edit-seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Random order of --edit-with shuffle or exchange.",
    ),
    click.option(
        "--edit-turn",
        type=click.Choice(["90", "180", "270"]),
        default="180",
        show_default=True,
        help="Degrees of --edit-with rotate, counter-clockwise.",
    ),
    click.option(
        "--edit-shift",
        type=Shift(),
        default="0,0",
        show_default=True,
        metavar="DOWN,RIGHT",
        help="Patches by which --edit-with move pastes.",
    ),
    click.option(
        "--edit-from", metavar="IMAGE", help="Picture of --edit-with paste: a file, or a drawn or sample picture."
    ),
)
_LABEL: tuple[Command, ...] = (
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="TEXT",
        help="Label that a model of pictures and texts compares the picture with; may be repeated. The labels are its classes.",
    ),
)


def _method(default: str) -> Command:
    said = " ".join(f"{name}: {one.meaning}" for name, one in methods().items())
    return click.option("--method", type=click.Choice(list(methods())), default=default, show_default=True, help=said)


_LOOK: tuple[Command, ...] = (
    click.option(
        "--layer",
        "--layers",
        "layer",
        type=Numbers(),
        help="Layers, counted from 0, such as 3 or 0,5-7.  [default: the last; of pictures all for "
        f"{', '.join(name for name, one in methods().items() if one.layers == 'one' and not one.of_patches)}]",
    ),
    click.option(
        "--head",
        "--heads",
        "head",
        type=Numbers(),
        help="Heads, counted from 0, each drawn separately.  [default: their mean]",
    ),
    click.option(
        "--avg-heads/--no-avg-heads",
        default=True,
        help="Without --head: draw the mean of all heads, or each head separately.",
    ),
    _method("raw"),
    click.option(
        "--query",
        "--queries",
        "query",
        multiple=True,
        metavar="TOKEN",
        help="Query token: class; row,column of a patch (from 0,0); a token's number; a word that was given, read or "
        "generated; field:PATH of a document; mean; or each. Several are combined.  [default: class, or mean if there is no "
        "class token; with raw, all tokens of a sentence]",
    ),
    click.option("--kind", type=click.Choice(["self", "cross", "window"]), help="Only maps of this kind."),
    click.option(
        "--without-sinks",
        is_flag=True,
        help="Leave out sinks, patches that draw attention from all others, and rescale the rest; the model is not changed.",
    ),
    click.option(
        "--stage",
        type=click.IntRange(0),
        help="Stage of a reader's encoder, counted from 0: draw where one cell (--query row,column) looks within its window.",
    ),
    click.option("--block", type=click.IntRange(0), help="Block of that stage, counted from 0.  [default: 0]"),
)


def knobs() -> dict[str, Knob]:
    """Every knob that the command line offers, by name: those of all methods, but for the patch that asks anyway."""
    found = {knob.name: knob for one in methods().values() for knob in (*one.knobs, *one.run)}
    return {name: knob for name, knob in found.items() if not isinstance(knob.default, tuple)}


def _option(knob: Knob) -> Command:
    flags = dict.fromkeys("--" + name.replace("_", "-") for name in (knob.key, knob.name))
    kind: Any = click.Choice(knob.choices) if knob.choices else click.IntRange(int(knob.low))
    if isinstance(knob.default, float):
        kind = Finite(knob.low, knob.high, max_open=knob.below)
    users = ", ".join(name for name, one in methods().items() if knob in (*one.knobs, *one.run))
    return click.option(
        *flags, knob.name, type=kind, default=knob.default, show_default=True, help=f"{knob.help} For {users}."
    )


_KNOBS = tuple(_option(knob) for knob in knobs().values())
_PAINT: tuple[Command, ...] = (
    click.option(
        "--colormap",
        type=click.Choice(COLORMAPS, case_sensitive=False),
        default="Cividis",
        show_default=True,
        help="Colours of the map. Jet shows edges that are not in the data.",
    ),
    click.option(
        "--alpha", type=Finite(0, 1), default=0.6, show_default=True, help="Opacity of the map over the picture."
    ),
    click.option(
        "--fade",
        is_flag=True,
        help="Let the opacity follow the value, up to --alpha, so that the picture stays visible.",
    ),
    click.option(
        "--scale",
        type=click.Choice(SCALES),
        default="raw",
        show_default=True,
        help="How values become colours; it is printed under the picture.",
    ),
    click.option(
        "--clip",
        type=Finite(0, 100, min_open=True),
        default=99.0,
        show_default=True,
        help="Percentile for --scale clipped.",
    ),
    click.option(
        "--scale-to",
        type=Finite(),
        metavar="VALUE",
        help="With --scale shared: extend the range to at least this value.",
    ),
    click.option(
        "--truth",
        is_flag=True,
        help="Outline the true objects of a drawn scene, or the main object of a sample photograph.",
    ),
    click.option(
        "--outline",
        metavar="PART",
        help='Outline a part of the picture and print how much of each map lies inside it, next to chance, a centre prior and a colour contrast: the name of an outline of a sample photograph (cup), a mask file, a box left,top,right,bottom, or a polygon "x,y x,y x,y ..." in pixels or %.',
    ),
    click.option(
        "--width", type=click.IntRange(64, 4096), default=448, show_default=True, help="Width of the drawing in pixels."
    ),
    click.option(
        "--plain", is_flag=True, help="Leave out the colour bar and all text, and keep the picture's own size."
    ),
    click.option("--caption", help="Text under the picture in place of the description."),
    click.option("--settings", help="Text in place of the names of model and picture."),
    click.option("--save-raw", is_flag=True, help="Also write the weights, (1, heads, queries, keys), as .npy."),
    click.option(
        "--film",
        type=click.Choice(["gif", "webp", "zip"]),
        help="Also write film_{method}.gif, an endless film with one picture for each layer from the first of --layer to the last, "
        "on one scale; webp is smaller, zip holds a PNG for each layer.",
    ),
    click.option(
        "--frame-time",
        type=click.IntRange(20, 60_000),
        default=500,
        show_default=True,
        metavar="MS",
        help="How long --film shows each layer, in milliseconds.",
    ),
    click.option(
        "--bundle",
        is_flag=True,
        help="Also save the whole record (.npz), which `show` and `visualize` open without a model.",
    ),
)


_OUTPUT_FILE = click.option(
    "--output_file",
    type=NewFile(path_type=Path),
    metavar="FILE",
    help="With a sentence: file to write, in place of one in --output.",
)
_BESIDE = click.option(
    "--beside",
    multiple=True,
    metavar="IMAGE",
    help="With --text: picture that a model of pictures and texts compares the text with; may be repeated. The pictures are its "
    'classes, "picture 1" and so on.',
)
_SAID: tuple[Command, ...] = (
    click.option("--text", metavar="TEXT", help="A sentence, for a model that reads text, in place of pictures."),
    click.option(
        "--model_dir",
        metavar="DIR",
        help="With --text: folder or name of the model, such as review-encoder.  [default: ./model_output]",
    ),
    _BESIDE,
    _OUTPUT_FILE,
)
_SENTENCE: tuple[Command, ...] = (
    _SAID[0],
    _BESIDE,
    click.option(
        "--input_file",
        type=FILE,
        metavar="FILE",
        help="The attention of a sentence: a bundle, or JSON that `extract` or --mode prepare wrote. --layer and --head count "
        "within the file, and are 0 by default.",
    ),
    click.option(
        "--mode",
        type=click.Choice(["plot", "prepare", "extract", "bundle"]),
        default="plot",
        show_default=True,
        help="What to make of a sentence: plot a figure; prepare JSON without padding, by layer and head; extract JSON of "
        "all tokens; or a bundle.",
    ),
    _OUTPUT_FILE,
    click.option(
        "--words", is_flag=True, help="With a sentence: gather subwords to words, rows averaged and columns summed."
    ),
    click.option("--without-special", is_flag=True, help="With a sentence: leave out special tokens such as [CLS]."),
)


def _together(*groups: tuple[Command, ...]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed([one for group in groups for one in group]):
            command = option(command)
        return command

    return decorate


def output(words: str) -> Command:
    """The option for the folder that files go to."""
    return click.option("--output", type=NEW, default=FOLDER, show_default=True, metavar="DIR", help=words)


_JUDGED: tuple[Command, ...] = (
    _method("rollout"),
    click.option("--layer", type=click.IntRange(0), help="Layer of the map, counted from 0.  [default: the last]"),
    click.option("--head", type=click.IntRange(0), help="Head of the map, counted from 0.  [default: all together]"),
    click.option("--query", multiple=True, metavar="TOKEN", help="Query token, as `visualize` takes it."),
    click.option(
        "--target",
        "--class",
        "target",
        metavar="CLASS",
        help="Class, by name or number, whose probability is measured; or a similarity, such as similar:6,8.  [default: the most "
        "probable class]",
    ),
    click.option(
        "--steps", type=click.IntRange(1, MOST), default=10, show_default=True, help="Equal steps of every curve."
    ),
    click.option(
        "--baseline",
        "baselines",
        multiple=True,
        type=click.Choice(["mean", "zero", "blur", "mask", "leave out"]),
        help="What stands in place of what is covered; may be repeated: mean, zero or blur of a picture, mask or leave out of a "
        "sentence.  [default: mean and blur; of a sentence what its model does by itself]",
    ),
    click.option(
        "--controls/--no-controls",
        default=True,
        help="Also measure orders that know nothing: random, the centre of the picture, its colours, and the untrained network.",
    ),
    click.option("--road/--no-road", default=True, help="Also measure ROAD, which imputes what is covered."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random."),
)

model_options = _together(_MODEL)
said_options = _together(_SAID)
sentence_options = _together(_SENTENCE)
asked_options = _together(_ASKED)
seen_options = _together(_SEEN, _CHANGED, _LABEL)
look_options = _together(_LOOK, _KNOBS)
judged_options = _together(
    _JUDGED, tuple(one for name, one in zip(knobs(), _KNOBS, strict=True) if name not in ("steps", "baseline", "seed"))
)
label_options = _together(_LABEL, (_SIZE_OPTION,))
paint_options = _together(_PAINT)


def take(kind: type[T], given: dict[str, Any]) -> T:
    """A record of the options that it has fields for."""
    return kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})  # type: ignore[arg-type]


def take_view(given: dict[str, Any]) -> View:
    """What of a record the options ask to draw."""
    return replace(take(View, given), knobs={name: given[name] for name in knobs() if name in given})
