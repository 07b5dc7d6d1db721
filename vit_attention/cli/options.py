"""Options that commands share: the model, what it looks at, and where files go. Imports nothing slow: help must come at once."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from vit_attention.cli.values import FILE, NEW, Device, NewFile, Numbers, Shift, Size
from vit_attention.inputs.edited import WAYS

T = TypeVar("T")
Command = Callable[..., Any]

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


def together(*groups: tuple[Command, ...]) -> Callable[[Command], Command]:
    """A decorator that gives a command the options of these groups, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed([one for group in groups for one in group]):
            command = option(command)
        return command

    return decorate


def output(words: str) -> Command:
    """The option for the folder that files go to."""
    return click.option("--output", type=NEW, default=FOLDER, show_default=True, metavar="DIR", help=words)


model_options = together(_MODEL)
said_options = together(_SAID)
sentence_options = together(_SENTENCE)
asked_options = together(_ASKED)
seen_options = together(_SEEN, _CHANGED, _LABEL)
label_options = together(_LABEL, (_SIZE_OPTION,))


def take(kind: type[T], given: dict[str, Any]) -> T:
    """A record of the options that it has fields for."""
    return kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})  # type: ignore[arg-type]
