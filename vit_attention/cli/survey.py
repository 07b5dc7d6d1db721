"""`survey`: thousands of pictures through one model, and the numbers of every head into a folder of Parquet files."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from visualizer.measures.summary import STATISTICS
from visualizer.method import of_any_picture
from vit_attention.cli import idle, loading
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.guard import StoppedError, say
from vit_attention.cli.options import json_option, label_options, model_options, take
from vit_attention.cli.report import MOST_NAMES, Report, echo_json
from vit_attention.cli.values import NEW
from vit_attention.gate import GateError
from vit_attention.gate.refusal import one_line

RAY = ("address", "workers", "cpus", "gpus", "store", "spill")

HELP = """Measure every head of a model on a whole data set; the numbers go to a folder of Parquet files.

\b
  vit-attention survey photos/ --model photo-dino --out survey
  vit-attention survey scene-1..5000 --model scene-vit --measures entropy,distance,pointing --methods rollout --out survey
  vit-attention survey 'train-*.parquet' --model vit-b-16 --column image --out survey --shard 3/8
  vit-attention survey 'shards/*.tar' --model vit-b-16 --out survey --shuffle 0 --first 10000
  vit-attention survey list.txt --model vit-b-16 --out survey --dry-run
  vit-attention survey 'shards/*.tar' --model vit-b-16 --out /shared/survey --engine ray --address auto

PICTURES are folders, globs, files, drawn pictures by name, ranges of these such as scene-1..5000, and text files that list
names, one a line (.txt, .lst); or files that hold several, each part of which is a shard: Parquet, tar shards (WebDataset) and
folders that the datasets library saved. Run again, it goes on with the shards that are missing: a run that is stopped loses at
most the shard in hand. Damaged pictures are listed with the reason, and the rest go on.

In the folder, heads/ has a row for every picture, layer and head, methods/ one for every picture and method, and extremes/ the
pictures at both ends of each measure. One line opens them: pandas.read_parquet("survey/heads").
"""


@click.command(help=HELP, short_help="Measure every head on a data set, into Parquet files.")
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURES...")
@click.option("--out", type=NEW, required=True, metavar="DIR", help="Folder: new, empty, or with the same survey.")
@click.option(
    "--measures",
    default="entropy,distance,special-share",
    show_default=True,
    metavar="NAMES",
    help=f"Numbers of every head: {', '.join(STATISTICS)}; and where it is known where the object is, pointing (whether the "
    "patch that is read most lies on it) and inside (share of the weight that does). Empty for none.",
)
@click.option(
    "--methods",
    "ways",
    default="",
    metavar="NAMES",
    help=f"Methods whose maps are measured, at their default parameters: {', '.join(of_any_picture())}.",
)
@click.option("--target", metavar="CLASS", help="What methods ask about: a class, or a similarity such as similar:6,8.")
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True, help="Pictures at once.")
@click.option(
    "--shard-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Pictures of a shard, of those that do not lie together in files.",
)
@click.option("--shard", default="1/1", show_default=True, metavar="I/N", help="Do the I-th of N parts of the shards.")
@click.option(
    "--shuffle",
    type=click.IntRange(0),
    metavar="SEED",
    help="Read in a random order; of pictures that lie together the order of the shards, and that within each.",
)
@click.option("--first", type=click.IntRange(1), metavar="N", help="Only the first N pictures, after shuffling.")
@click.option(
    "--column", default="", metavar="NAME", help="Column of bytes or paths of the pictures; in tars their ending."
)
@click.option(
    "--mask-column", default="", metavar="NAME", help="Column of masks of the object; in tars their ending: mask.png."
)
@click.option(
    "--box-column",
    default="",
    metavar="NAME",
    help="Column of boxes: left, top, right, bottom in pixels of the picture, one or several.",
)
@click.option(
    "--extremes",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="Pictures at each end of each measure that are kept for every head as small JPEGs, once all shards are there.",
)
@click.option("--dry-run", is_flag=True, help="Measure a batch, say how long and how many bytes it all takes, and end.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Who works.")
@click.option(
    "--address", metavar="ADDRESS", help="ray: cluster to join, such as auto.  [default: one on this machine]"
)
@click.option(
    "--workers", type=click.IntRange(1), default=2, show_default=True, help="ray: workers, each with a model."
)
@click.option("--cpus", type=click.FloatRange(0), default=1.0, show_default=True, help="ray: processors of a worker.")
@click.option("--gpus", type=click.FloatRange(0), default=0.0, show_default=True, help="ray: accelerators of a worker.")
@click.option("--store", type=click.IntRange(80), metavar="MB", help="ray: memory of the object store.")
@click.option("--spill", type=NEW, metavar="DIR", help="ray: where objects go that do not fit there.")
@model_options
@label_options
@json_option
def survey(pictures: tuple[str, ...], out: Path, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Survey the pictures; those that fail are listed with the reason."""
    report = Report(as_json)
    _check_engine(given["engine"])
    model = loading.load(take(loading.Source, given), report)
    from vit_attention.surveying.run import finished, job  # torch comes with it

    made = job(
        model,
        pictures,
        out,
        measures=[name for name in given["measures"].split(",") if name],
        methods=[name for name in given["ways"].split(",") if name],
        target=loading.target(model, given["target"]),
        command=shlex.join(["vit-attention", *sys.argv[1:]]),
        dry=dry_run,
        **{name: given[name] for name in ("batch", "size", "shard_size", "shard", "shuffle", "first")},
        **{name: given[name] for name in ("column", "mask_column", "box_column")},
    )
    if dry_run:
        _forecast(made.forecast(), as_json)
        return
    try:
        _run(made, given, as_json)
        found = finished(made, given["extremes"])
    except (KeyboardInterrupt, StoppedError):
        done = sum(map(made.folder.done, range(made.source.shards)))
        report.note(f"{done} of {made.source.shards} shards are there; the same command goes on with the others.")
        raise
    except (GateError, OSError) as error:  # the command is right: a disk is full, or a table damaged
        raise click.ClickException(one_line(error)) from error
    _say(found, as_json, report)


def _check_engine(engine: str) -> None:
    """Refuse, before any model is loaded, options of a cluster where this process does the work."""
    options = idle.given(click.get_current_context())
    foreign = [option for name, option in options.items() if name in RAY]
    if engine != "ray" and foreign:
        raise ChoiceError(f"{', '.join(foreign)}: want --engine ray, got --engine {engine}")


def _run(made: Any, given: dict[str, Any], as_json: bool) -> None:
    progress = False if as_json else None
    if given["engine"] == "local":
        made.run(progress)
        return
    from vit_attention.surveying.on_ray import Cluster, Weights, run

    cluster = Cluster(**{name: given[name] for name in RAY})
    weights = Weights(*(given[name] for name in ("model", "weights", "weights_key", "device", "labels")))
    run(made, cluster, weights, progress)


def _forecast(found: Any, as_json: bool) -> None:
    if as_json:
        echo_json(asdict(found))
        return
    each = f"{found.seconds:.3g} s and {found.bytes / 1000:.2g} kB a picture, measured on {found.measured}"
    if found.pictures is None:
        say(f"{found.shards} shards, whose pictures nobody has counted yet: {each}")
        return
    hours, size = found.pictures * found.seconds / 3600, found.pictures * found.bytes / 1e6
    say(f"{found.pictures} pictures in {found.shards} shards: {hours:.2g} h and {size:.2g} MB; {each}")


def _say(found: Any, as_json: bool, report: Report) -> None:
    """What lies in the folder; leaves with 1 if pictures failed."""
    if as_json:
        echo_json(asdict(found))
    else:
        say(one_line(found.folder))
    for name, reason in found.failed[:MOST_NAMES]:
        report.note(f"{name}: {one_line(reason).removeprefix(f'{one_line(Path(name).name)}: ')}")
    if len(found.failed) > MOST_NAMES:
        report.note(f"and {len(found.failed) - MOST_NAMES} more, in {found.folder / 'parts'}")
    wrong = f"; {len(found.failed)} could not be read" if found.failed else ""
    report.note(f"{found.pictures} pictures measured{wrong}; {found.done} of {found.shards} shards are there.")
    if found.failed:
        raise click.exceptions.Exit(1)
