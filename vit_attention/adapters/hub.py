"""Folders of the transformers library, from disk or from the hub: what is fetched, and which adapter reads them."""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.gate.config import CONFIG, Kind
from vit_attention.gate.folder import check_files, inside, read_settings
from vit_attention.gate.refusal import one_line
from vit_attention.heavy import Progress
from vit_attention.models.cards import BUNDLED, Card
from vit_attention.weights import checkpoints, hub_cache
from vit_attention.weights.connection import Pace, SlowError
from vit_attention.weights.download import DownloadError, DownloadStopped
from vit_attention.weights.hub_cache import Wanted

_HUB_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SETTINGS = ("*.json", "*.txt", "sentencepiece*.model", "spiece.model")
"""Configuration and vocabulary; never code."""
_BESIDE = ("preprocessor_config.json", "tokenizer.json", "vocab.txt")
"""One of these lies beside the weights of every model: how pictures are prepared, or texts cut."""
_NOBODY = ("LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectTimeout")
"""What the hub's client calls it that nobody answers."""


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> Any:
    """The model behind an `hf:` name, by the adapter of its family.

    Raises:
        ValueError: not a folder nor a hub id; or a family that no adapter knows.
        CheckpointError: the folder's weights do not fit its configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    here = folder(card.name.removeprefix("hf:"), progress)
    with inside(here):
        _check_is_model(here)
        kind = read_settings(here / CONFIG, Kind)
        if kind.architecture and not kind.model_type:
            advice = f"Load it with timm:{one_line(kind.architecture)} and weights=FOLDER."
            raise GateError(CONFIG, "a model of the transformers library", "one of timm", advice=advice)
        name = _adapter(kind.model_type)
    adapter = importlib.import_module(f"vit_attention.adapters.{name}")
    return adapter.load(card, weights, progress, key)


def _adapter(model_type: str) -> str:
    """Which adapter reads a family; raises GateError for one that none knows."""
    from vit_attention.adapters import hf_clip, hf_text, hf_vit

    read = {"hf_vit": hf_vit.FAMILIES, "hf_clip": hf_clip.FAMILIES, "hf_text": hf_text.FAMILIES}
    adapters = {family: name for name, families in read.items() for family in families}
    adapters["vision-encoder-decoder"] = "donut"
    if model_type not in adapters:
        raise GateError(CONFIG, f"one of the families {', '.join(adapters)}", shown(model_type), field="model_type")
    return adapters[model_type]


def _check_is_model(here: Path) -> None:
    """Refuse a folder without config.json; a model may lie in a folder within, or be an adapter to another."""
    if (here / CONFIG).exists() or (here / CONFIG).is_symlink():
        return
    advice = f"A model's folder has one beside its weights: model.save_pretrained({here.name or 'FOLDER'!r})."
    inner = sorted(path.parent for path in (*here.glob(f"*/{CONFIG}"), *here.glob(f"snapshots/*/{CONFIG}")))
    if inner:
        advice = f"There is one in {', '.join(str(path.relative_to(here)) for path in inner[:3])}: load that folder."
    elif (here / "adapter_config.json").exists():
        advice = "It is an adapter (PEFT, LoRA): save model.merge_and_unload() with save_pretrained(FOLDER)."
    raise GateError(CONFIG, "a model's settings", "none of this name", advice=one_line(advice))


def published(card: Card, progress: Progress | None, again: bool = False) -> Path:
    """The folder of a card's model: bundled, of this machine, or of the hub at the card's commit; raises as `folder`."""
    if card.bundled:
        return BUNDLED / card.name
    known = {"revision": card.revision, "size": card.size, "sha256": card.sha256, "public": bool(card.hub)}
    return folder(card.hub or card.name.removeprefix("hf:"), progress, pickles=True, again=again, **known)


def folder(reference: str, progress: Progress | None, **wanted: Any) -> Path:
    """A local folder as it is, or a hub id's files, downloaded on the first use and resumed after a break.

    Args:
        reference: folder, or a hub id such as owner/name.
        progress: called with (bytes so far, bytes in all or None). What it raises ends the download.
        wanted: for a hub id, as `hub_cache.Wanted` takes it.

    Raises:
        ValueError: neither a folder nor a hub id.
        DownloadError: the hub cannot be reached, or has no such model, or another one than is known.
    """
    here = _local(reference)
    if here is None:
        here = _fetched(Wanted(reference, **wanted), progress)
    with inside(here):
        check_files(here)
    return here


def _local(reference: str) -> Path | None:
    """The folder of this name; None for a hub id."""
    path = Path(reference).expanduser() if reference.startswith("~") else Path(reference)
    want = "a model folder of the transformers library, or a hub id such as owner/name"
    try:
        if reference and path.is_dir():
            next(path.iterdir(), None)  # a folder that may not be looked into
            return path
        exists = reference and path.exists()
    except (
        OSError,
        ValueError,
        RuntimeError,
    ) as error:  # no right to look, a zero byte, links in a circle, no such home
        raise GateError(f"hf:{shown(reference)}", want, f"{type(error).__name__}") from error
    if exists:
        raise GateError(f"hf:{path.name}", want, "a file", advice="Name the folder that it lies in.")
    if not _HUB_ID.fullmatch(reference) or ".." in reference or reference.startswith("."):
        raise GateError("hf", want, shown(reference))
    return None


def _fetched(wanted: Wanted, progress: Progress | None) -> Path:
    # A commit never changes: what is there of it needs no hub, unless another program has fetched a part only.
    found = hub_cache.found(wanted.reference, wanted.revision) if wanted.revision and not wanted.again else None
    found = found if found and any((found / name).exists() for name in _BESIDE) else None
    try:
        found = found or _downloaded(wanted, progress)
    except DownloadStopped:
        raise
    except Exception as error:  # its own kinds and those of whichever HTTP library it uses
        if isinstance(error, DownloadError) and not error.reason:
            raise
        why = f"it sent {error}" if isinstance(error, SlowError) else type(error).__name__
        ask = "; is there a network?" * (why in _NOBODY)
        reason = getattr(error, "reason", "") or f"the hub did not give it ({why}){ask or '.'}"
        at = f", at commit {wanted.revision}" if wanted.revision else ""
        raise DownloadError(
            f"{wanted.reference}: {reason} Try again, which goes on where it broke off; or download the model's folder "
            f"yourself (*.json, *.safetensors or *.bin{at}) and load it with hf:FOLDER."
        ) from error
    _check_whole(found, wanted)
    return found


def _downloaded(wanted: Wanted, progress: Progress | None) -> Path:
    """Weights by our own download, which goes on where it broke off; the rest, and what needs a token, by the hub's client."""
    from huggingface_hub import get_token, snapshot_download

    whole = False

    def fetch(*patterns: str, anew: bool) -> Path:
        meter = _meter(None if whole else progress, wanted.reference)
        options: dict[str, Any] = {"revision": wanted.revision or None, "tqdm_class": meter, "force_download": anew}
        return Path(snapshot_download(wanted.reference, allow_patterns=[*patterns], **options))

    with _paced():
        if wanted.public or not get_token():
            try:
                whole = hub_cache.fetch_weights(wanted, progress)
            except DownloadError:
                raise
            except Exception as error:  # of the hub's client
                return _kept(wanted, error)
        found = fetch(*_SETTINGS, anew=wanted.again)
        found = fetch(hub_cache.SAFETENSORS, anew=wanted.again and not whole)
        if wanted.pickles and not any(found.glob(hub_cache.SAFETENSORS)):
            found = fetch(hub_cache.PICKLES, anew=wanted.again and not whole)
        return found


def _kept(wanted: Wanted, error: Exception) -> Path:
    """What the cache holds of a model, where the hub cannot be asked; raises the reason if that is nothing."""
    from huggingface_hub import snapshot_download

    try:
        patterns = [*_SETTINGS, hub_cache.SAFETENSORS]
        revision = wanted.revision or None
        return Path(
            snapshot_download(wanted.reference, revision=revision, allow_patterns=patterns, local_files_only=True)
        )
    except Exception:  # nothing, or a part
        raise error from None


@contextmanager
def _paced() -> Iterator[None]:
    """While it lasts, the hub's client gives up servers that drip, as our own downloads do; its meter sees whole chunks alone."""
    from huggingface_hub import get_session

    def meter(response: Any) -> None:
        stream, pace = response.stream, Pace()
        library = sys.modules[type(response).__module__.partition(".")[0]]  # httpx, or what took its place

        class Paced(library.SyncByteStream):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Iterator[bytes]:
                for part in stream:
                    pace.add(len(part))
                    yield part

            def close(self) -> None:
                stream.close()

        response.stream = Paced()

    hooks = get_session().event_hooks["response"]
    hooks.append(meter)
    try:
        yield
    finally:
        hooks.remove(meter)


def _check_whole(folder: Path, wanted: Wanted) -> None:
    """Refuse weights in the cache that are not those that the hub announced: its cache names large files by their SHA-256."""
    for path in (*folder.glob("*.safetensors"), *folder.glob("*.bin")):
        blob = path.resolve()
        digest = wanted.sha256 or blob.name
        if _SHA256.fullmatch(digest) and not digest.startswith(checkpoints.file_hash(path)):
            raise DownloadError(
                f"{wanted.reference}: {path.name} in the cache of downloads is damaged. It is not fetched again unasked: delete "
                f"{blob} and load the model again, or load a folder of your own with hf:FOLDER."
            )


def _meter(progress: Progress | None, reference: str) -> Any:
    """A tqdm class that reports to `progress` instead of the terminal, and ends a download that does not end by itself."""
    from tqdm import tqdm

    class Meter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": progress is None})
            self.unit = kwargs.get("unit", "it")  # a meter that is switched off keeps none

        def update(self, n: float | None = 1) -> bool | None:
            done = super().update(n)
            self.counted = getattr(self, "counted", 0) + (n or 0)  # a meter that is switched off counts nothing itself
            if self.unit == "B" and self.counted > LIMITS["download"].most:
                raise DownloadError(
                    f"{reference}: want at most {LIMITS['download'].most:,} bytes of one model, got more."
                )
            return bool(done)

        def display(self, *_args: Any, **_kwargs: Any) -> None:
            if progress is not None and self.unit == "B":
                progress(int(self.n), None if self.total is None else int(self.total))

    return Meter
