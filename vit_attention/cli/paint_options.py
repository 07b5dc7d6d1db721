"""Options of how a map is painted, and of the files beside it. Imports nothing slow: help must come at once."""

import click

from vit_attention.cli.options import Command, together
from vit_attention.cli.values import Finite

COLORMAPS = ("Cividis", "Viridis", "Inferno", "Magma", "Greys", "Jet")
SCALES = ("raw", "shared", "per map", "log", "clipped")

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

paint_options = together(_PAINT)
