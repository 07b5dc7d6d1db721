"""The survey of a data set: every picture through a model, numbers of every head into a folder of Parquet files."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from vit_attention import registry
from vit_attention.gate import GateError, shown
from vit_attention.models.arguments import count
from vit_attention.models.model import BudgetError, Model
from vit_attention.records import Similar
from vit_attention.surveying import extremes as ends
from vit_attention.surveying.folder import Folder, encoded, heads_table, manifest, methods_table
from vit_attention.surveying.grouped import Columns
from vit_attention.surveying.items import Source
from vit_attention.surveying.measuring import PlanError
from vit_attention.surveying.plan import DEFAULT, Plan, plan
from vit_attention.surveying.shard import Shard, survey_shard
from vit_attention.surveying.sources import source_of

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Forecast:
    """What a survey would take, measured on a few pictures.

    Attributes:
        pictures: left to do; None if only reading the data tells.
        shards: left to do.
        seconds: for a picture.
        bytes: of tables for a picture.
        measured: pictures on which that was measured.
    """

    pictures: int | None
    shards: int
    seconds: float
    bytes: float
    measured: int


@dataclass(frozen=True)
class Survey:
    """A survey as it lies in its folder.

    Attributes:
        folder: with `heads` and `methods`, Parquet data sets, `extremes`, and a manifest.
        shards: of all pictures.
        done: shards that are there.
        pictures: that were measured, in the shards that are there.
        failed: name and reason of every other picture of these.
    """

    folder: Path
    shards: int
    done: int
    pictures: int
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Job:
    """A survey that is about to run.

    Attributes:
        model: the model.
        source: the pictures.
        plan: what is measured.
        folder: where it goes.
        mine: the shards that this run has to do.
    """

    model: Model
    source: Source
    plan: Plan
    folder: Folder
    mine: tuple[int, ...]

    def run(self, progress: bool | None) -> None:
        """Do the shards one after the other, here."""
        with bar(self, progress) as tick, threads() as pool:
            for number in self.mine:
                one_shard(self.model, self.source, self.plan, self.folder, number, pool, tick)
                tick.shard()

    def forecast(self) -> Forecast:
        """What the run would take; a batch is measured after one that warms up, and nothing is written."""
        items = [*islice((one for number in self.mine for one in self.source.items(number)), self.plan.batch)]
        with threads() as pool:
            survey_shard(self.model, items[:1], self.plan, pool)
            start = time.perf_counter()
            found = survey_shard(self.model, items, self.plan, pool)
            seconds = time.perf_counter() - start
        made = [heads_table(found.rows, self.plan), methods_table(found.rows, self.plan)]
        size = sum(len(encoded(one)) for one in made if one is not None)
        return Forecast(
            self.pictures, len(self.mine), seconds / max(len(items), 1), size / max(found.pictures, 1), len(items)
        )

    @property
    def pictures(self) -> int | None:
        """How many the run has to do; None if that is known only at the end."""
        counts = [self.source.count(number) for number in self.mine]
        return None if None in counts else sum(one for one in counts if one is not None)


def one_shard(
    model: Model,
    source: Source,
    plan: Plan,
    folder: Folder,
    number: int,
    pool: ThreadPoolExecutor,
    tick: Callable[[int], object] = lambda _: None,
) -> Shard:
    """Measure a shard and write what was found; what every engine does, once for each shard."""
    start = time.perf_counter()
    try:
        found = survey_shard(model, source.items(number), plan, pool, tick)
    except (PlanError, BudgetError):
        folder.leave()
        raise
    folder.keep(number, found, plan, time.perf_counter() - start)
    return found


def threads() -> ThreadPoolExecutor:
    """As many threads as the network takes."""
    return ThreadPoolExecutor(torch.get_num_threads())


class Tick:
    """The progress of a run: pictures, their rate and the time left."""

    def __init__(self, shown: Any, shards: int) -> None:
        self.shown, self.shards, self.ended = shown, shards, 0

    def __call__(self, pictures: int) -> None:
        self.shown.update(pictures)

    def shard(self) -> None:
        """One shard more is done, after which the number of all pictures can be estimated."""
        self.ended += 1
        if self.shown.total is None or self.ended == self.shards:
            self.shown.total = round(self.shown.n / self.ended * self.shards)
            self.shown.refresh()


@contextmanager
def bar(job: Job, progress: bool | None) -> Iterator[Tick]:
    """A progress bar on standard error; None shows one if that is a terminal."""
    silent = None if progress is None else not progress
    with tqdm(total=job.pictures, disable=silent, unit="picture") as shown_bar:
        yield Tick(shown_bar, len(job.mine))


def job(
    model: Model | str,
    pictures: Any,
    out: str | Path,
    *,
    measures: Iterable[str] = DEFAULT,
    methods: Iterable[str] = (),
    target: str | int | Similar | None = None,
    size: int | tuple[int, int] | None = None,
    batch: int = 8,
    shard_size: int = 64,
    shard: str = "1/1",
    shuffle: int | None = None,
    first: int | None = None,
    column: str = "",
    mask_column: str = "",
    box_column: str = "",
    command: str = "",
    dry: bool = False,
) -> Job:
    """A survey with everything checked, before anything but the manifest is written; arguments as for `survey`."""
    chosen = plan(measures, methods, target, size, batch)
    loaded = registry.load(model) if isinstance(model, str) else model
    loaded = loaded._answering(None, {})[0]
    source = source_of(
        pictures,
        shard_size=count("shard_size", shard_size, 1) or 1,
        shuffle=count("shuffle", shuffle, 0),
        first=count("first", first, 1),
        columns=Columns(column, mask_column, box_column),
    )
    if getattr(loaded, "inputs", "pictures") == "texts":
        raise GateError("model", "one that looks at pictures", loaded.card.name)
    chosen.together(loaded, chosen.asked(loaded)[0])
    folder, part = Folder(Path(out)), _part(shard)
    if not dry:
        folder.claim(manifest(loaded, source, chosen, command))
    mine = tuple(number for number in range(part[0] - 1, source.shards, part[1]) if not folder.done(number))
    return Job(loaded, source, chosen, folder, mine)


def _part(text: str) -> tuple[int, int]:
    """The numbers of "i/n", i from 1."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) < 10**7):
        raise GateError("shard", "i/n with i from 1 to n, such as 3/8", shown(text))
    return int(number), int(of)


def finished(job: Job, extremes: int) -> Survey:
    """What lies in the folder now; the extreme pictures are written once every shard is there."""
    done = [number for number in range(job.source.shards) if job.folder.done(number)]
    if len(done) == job.source.shards and extremes and job.plan.measures and ends.kept(job.folder) != extremes:
        ends.collect(job.folder, job.source, extremes)
    pictures, failed = 0, []
    for number in done:
        said = job.folder.said(number)
        pictures += said["pictures"]
        failed += [(one["picture"], one["reason"]) for one in said["failed"]]
    return Survey(job.folder.path, job.source.shards, len(done), pictures, tuple(failed))


def survey(
    model: Model | str,
    pictures: Any,
    out: str | Path,
    *,
    engine: str = "local",
    extremes: int = 4,
    progress: bool | None = None,
    cluster: Any = None,
    weights: Any = None,
    **asked: Any,
) -> Survey:
    """The numbers of every head of a model on every picture of a data set, as Parquet files in a folder.

    A run that was stopped goes on where it is called again with the same arguments: shards that are there are left out.

    Args:
        model: of pictures, or its name; with ``engine="ray"`` its name, since every worker loads it.
        pictures: one or several of: a folder, a glob, a file, a drawn picture's name, a range such as ``scene-1..5000``, a
            text file that lists names (.txt, .lst); or Parquet files, tar shards (WebDataset) or folders that the `datasets`
            library saved a data set to; or a data set of that library.
        out: folder; new, empty, or with the same survey.
        engine: "local" is this process; "ray" workers on this machine or on a cluster.
        extremes: pictures at each end of each measure that are kept as small JPEGs for every head; 0 keeps none.
        progress: whether to show a bar on standard error; None shows one if that is a terminal.
        cluster: with ``engine="ray"``, a `vit_attention.surveying.on_ray.Cluster`; None starts one here, with two workers.
        weights: with ``engine="ray"``, a `Weights` that says how workers load the model; None takes the model's name.
        asked: ``measures`` and ``methods``, names (default entropy, distance and special share, and no method);
            ``target`` of methods, as for `attend`; ``size`` of the model's input; ``batch``, pictures at once; ``shard_size``;
            ``shard``, "i/n", to do only a part; ``shuffle``, a seed; ``first``, a number of pictures; ``column``,
            ``mask_column`` and ``box_column`` of tables; ``command``, for the manifest.

    Returns:
        What lies in the folder afterwards. Pictures that cannot be read are listed there with the reason.

    Raises:
        GateError: arguments that do not fit, a folder with something else in it, a full disk.

    >>> import tempfile, vit_attention as va
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = va.survey("scene-vit", "scene-1..3", folder, measures=["entropy"], extremes=0)
    >>> found.pictures, found.shards, found.failed
    (3, 1, ())
    """
    if engine not in ENGINES:
        raise GateError("engine", f"one of {', '.join(ENGINES)}", shown(engine))
    if engine != "ray" and not (cluster is weights is None):
        raise GateError("engine", "ray beside cluster= or weights=", engine)
    made = job(model, pictures, out, **asked)
    if engine == "local":
        made.run(progress)
    else:
        from vit_attention.surveying.on_ray import Cluster, run

        run(made, cluster or Cluster(), weights or model, progress)
    return finished(made, extremes)
