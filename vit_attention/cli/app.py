"""The group of all commands, and what the same options mean without one."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from vit_attention.cli.classroom import room
from vit_attention.cli.doctor import doctor
from vit_attention.cli.extract import extract
from vit_attention.cli.fetch import fetch
from vit_attention.cli.guard import guarded
from vit_attention.cli.judge import judge
from vit_attention.cli.read import read
from vit_attention.cli.show import models, show
from vit_attention.cli.survey import survey
from vit_attention.cli.visualize import visualize

OWN = ("--help", "-h", "--version", "--debug")

HELP = """See what vision and text models attend to, and save it.

\b
  vit-attention models
  vit-attention visualize cat.jpg --model vit-b-16 --layer 11
  vit-attention visualize scene-7 --model scene-clip --label "green ring" --method naive
  vit-attention visualize --text "The soup was not good." --model review-encoder
  vit-attention extract 'photos/*.jpg' --model scene-vit --output bundles
  vit-attention read receipts/ --model receipt-donut --output readings
  vit-attention judge scene-7 --model scene-vit --method rollout
  vit-attention survey photos/ --model photo-dino --out survey
  vit-attention show bundles/cat.npz
  vit-attention doctor
  vit-attention fetch --list
  vit-attention class

Without a command, the options are those of `visualize`:

\b
  vit-attention --image cat.jpg --infos_path infos.pkl --model model.pth --save-raw

Exit codes: 0 success; 1 some inputs failed (the others are done), or nobody takes the output; 2 the command itself is
wrong; 130 stopped by Ctrl-C, 143 by the system.
"""


class Group(click.Group):
    """Options without a command go to `visualize`, and nothing ends in a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after putting the command in where none is named."""
        first = next((n for n, word in enumerate(args) if word != "--debug"), len(args))
        if first < len(args) and args[first].startswith("-") and args[first] not in OWN:
            args = [*args[:first], "visualize", *args[first:]]
        return super().parse_args(ctx, args)

    def main(self, args: Any = None, *more: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """As click does; as a program of its own, it ends with an exit code and at most one sentence."""

        def run() -> Any:
            return super(Group, self).main(args, *more, standalone_mode=False, **extra)  # type: ignore[call-overload]

        if not standalone_mode:
            return run()
        sys.exit(guarded(run, as_json="--json" in (sys.argv if args is None else args)))


def _version() -> str:
    try:
        return version("sightlines")
    except PackageNotFoundError:
        return "(run from its folder, not installed)"


@click.group(cls=Group, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(_version(), prog_name="vit-attention")
@click.option("--debug", is_flag=True, help="For an unexpected error, also print where in the program it happened.")
def main(debug: bool) -> None:
    """The entry point."""


for command in (models, extract, visualize, read, judge, survey, show, doctor, fetch, room):
    main.add_command(command)
