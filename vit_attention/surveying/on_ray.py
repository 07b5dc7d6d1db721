"""The survey on Ray Data: workers that hold the model take shards; what becomes of each shard is what it is in one process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vit_attention import registry
from vit_attention.gate import GateError
from vit_attention.gate.refusal import one_line
from vit_attention.heavy import library
from vit_attention.models.model import Model
from vit_attention.surveying.folder import Folder
from vit_attention.surveying.items import Source
from vit_attention.surveying.plan import Plan
from vit_attention.surveying.run import Job, bar, one_shard, threads


@dataclass(frozen=True)
class Cluster:
    """Where the workers run.

    Attributes:
        address: of a Ray cluster, "auto" for the one that this machine belongs to; None starts one here.
        workers: how many, each with a model of its own.
        cpus, gpus: processors and accelerators that each is given.
        store: megabytes of the object store of a cluster that is started here; None leaves it to Ray.
        spill: folder of such a cluster for objects that do not fit there.
    """

    address: str | None = None
    workers: int = 2
    cpus: float = 1.0
    gpus: float = 0.0
    store: int | None = None
    spill: Path | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Of ray.init; raises GateError for limits of a cluster that runs already."""
        found: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        limits = {
            "object_store_memory": None if self.store is None else self.store * 1_000_000,
            "object_spilling_directory": None if self.spill is None else str(self.spill.absolute()),
        }
        given = {name: one for name, one in limits.items() if one is not None}
        if self.address is not None:
            if given:
                raise GateError("store, spill", "a cluster that is started here", f"the one at {self.address}")
            return {**found, "address": self.address}
        return {**found, **given, "include_dashboard": False}


@dataclass(frozen=True)
class Weights:
    """How a worker comes to its model; fields as the arguments of `load`, and labels of a dual encoder."""

    name: str
    file: Path | None = None
    key: str | None = None
    device: str = "cpu"
    labels: tuple[str, ...] = ()

    def load(self) -> Model:
        """The model; raises what `load` raises, a `DownloadError` where there are neither weights nor a network."""
        model: Any = registry.load(self.name, self.file, key=self.key or "").to(self.device)
        return (model.about(self.labels) if self.labels else model)._answering(None, {})[0]  # type: ignore[no-any-return]


class Worker:
    """Holds a model and does shards by their numbers."""

    def __init__(self, weights: Weights, expected: str, source: Source, plan: Plan, folder: Folder, cpus: int) -> None:
        torch.set_num_threads(cpus)
        self.model = weights.load()
        if self.model.weights_hash != expected:
            raise GateError(weights.name, f"weights {expected} on every worker", self.model.weights_hash)
        self.source, self.plan, self.folder = source, plan, folder

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        """Numbers of shards in, numbers of their pictures out; the tables are in the folder then."""
        done = []
        for number in batch["item"].tolist():
            if not self.folder.done(number):  # as it is if the worker that did it died before it could say so
                with threads() as pool:
                    one_shard(self.model, self.source, self.plan, self.folder, number, pool)
            said = self.folder.said(number)
            done.append(said["pictures"] + len(said["failed"]))
        return {"pictures": done}


def run(job: Job, cluster: Cluster, weights: Weights | Model | str, progress: bool | None) -> None:
    """Do the shards of a survey on a Ray cluster.

    Args:
        job: what is to be done; every worker has to see its pictures and its folder under the same paths.
        cluster: where.
        weights: how workers load the model.
        progress: as for `survey`.

    Raises:
        GateError: Ray is not installed, a worker cannot load the model, or one fails with what is no fault of a picture.
    """
    if not isinstance(weights, Weights):
        weights = Weights(weights if isinstance(weights, str) else weights.card.name)
    if cluster.gpus and weights.device == "cpu":
        weights = replace(weights, device="cuda")
    folder = Folder(job.folder.path.absolute())
    with _started(cluster) as data, bar(job, progress) as tick:
        results = data.from_items([*job.mine]).map_batches(
            Worker,
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(cluster.workers, len(job.mine) or 1)),
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus,
            fn_constructor_args=(
                weights,
                job.model.weights_hash,
                job.source,
                job.plan,
                folder,
                max(1, int(cluster.cpus)),
            ),
        )
        for row in results.iter_rows() if job.mine else ():
            tick(row["pictures"])
            tick.shard()


@contextmanager
def _started(cluster: Cluster) -> Iterator[Any]:
    """Ray Data on the cluster, which is left at the end, and ended if it was started here."""
    ray, data = library("ray"), library("ray.data")
    own = not ray.is_initialized()
    if own:
        ray.init(**cluster.options)
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield data
    except ray.exceptions.RayError as error:
        said = [line for line in str(error).splitlines() if line.strip()]
        raise GateError("ray", "workers that do their shards", one_line(said[-1] if said else error)) from error
    finally:
        if own:
            ray.shutdown()
