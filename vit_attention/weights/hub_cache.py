"""The hub's own cache: whether a model is there, and its weights fetched into it by a download that can be resumed.

The hub's client begins every file anew, so that a break or a stop at the last byte costs all of it.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from vit_attention.gate import LIMITS
from vit_attention.heavy import Progress
from vit_attention.weights.download import DownloadError, fetch

SAFETENSORS, PICKLES = "*.safetensors", "pytorch_model*.bin"
_WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOLERANCE = 0.05  # of a size that was worked out from the number of parameters
_ANSWER_S = 10  # seconds of silence


def found(reference: str, revision: str = "") -> Path | None:
    """The folder of a hub id in the cache, if its configuration and weights are both there.

    Args:
        reference: owner/name.
        revision: commit; "" for the main branch as it was last seen.
    """
    from huggingface_hub import try_to_load_from_cache

    names = ("config.json", *_WHOLE)
    paths = [try_to_load_from_cache(reference, name, revision=revision or None) for name in names]
    config, *weights = [Path(path) if isinstance(path, str) else None for path in paths]
    return config.parent if config is not None and any(weights) else None


@dataclass(frozen=True)
class Wanted:
    """A model of the hub, and what is known of it.

    Attributes:
        reference: owner/name.
        revision: commit; "" for the main branch.
        pickles: whether weights in the older .bin format do where there are no safetensors.
        again: whether to download once more what is there.
        size: bytes of the one weights file, about; 0 if not known.
        sha256: its hash; "" if not known.
        public: whether anybody may read it.
    """

    reference: str
    revision: str = ""
    pickles: bool = False
    again: bool = False
    size: int = 0
    sha256: str = ""
    public: bool = False


def fetch_weights(wanted: Wanted, progress: Progress | None) -> bool:
    """Fetch a model's weights to where the hub's client looks before it downloads; whether all of them came this way.

    Raises:
        DownloadError: broken off or stopped; or the hub announces another file.
        Exception: whatever the hub's client raises where the hub cannot be asked.
    """
    from huggingface_hub import HfApi

    about = HfApi(token=False).model_info(wanted.reference, revision=wanted.revision or None, timeout=_ANSWER_S)
    names = [one.rfilename for one in about.siblings or ()]
    weights = [name for name in names if fnmatch(name, SAFETENSORS)]
    weights = weights or [name for name in names if wanted.pickles and fnmatch(name, PICKLES)]
    done = [_fetch_one(wanted, name, wanted.revision or str(about.sha), progress) for name in weights]
    return all(done)


def _fetch_one(wanted: Wanted, name: str, commit: str, progress: Progress | None) -> bool:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.file_download import repo_folder_name

    if not wanted.again and isinstance(try_to_load_from_cache(wanted.reference, name, revision=commit), str):
        return True
    url = hf_hub_url(wanted.reference, name, revision=commit)
    told = get_hf_file_metadata(url, token=False, timeout=_ANSWER_S)
    digest = told.etag or ""
    _check(wanted, name, told.size, digest)
    if not _SHA256.fullmatch(digest):  # a small file, or a server that keeps files otherwise
        return False
    folder = repo_folder_name(repo_id=wanted.reference, repo_type="model")
    blob = Path(constants.HF_HUB_CACHE) / folder / "blobs" / digest
    if wanted.again or not blob.exists():
        fetch(url, blob, digest, told.size, progress, again=wanted.again)
    return True


def _check(wanted: Wanted, name: str, bytes_: int | None, digest: str) -> None:
    """Refuse what the hub announces if that is not what is known, before a byte of it is fetched."""
    want, got, most = "", "", LIMITS["download"].most
    if bytes_ is not None and bytes_ > most:
        want, got = f"at most {most / 1e6:,.0f} MB", f"{bytes_ / 1e6:,.0f} MB"
    elif wanted.size and bytes_ is not None and abs(bytes_ - wanted.size) > _TOLERANCE * wanted.size:
        want, got = f"about {wanted.size / 1e6:.1f} MB", f"{bytes_ / 1e6:.1f} MB"
    elif wanted.sha256 and digest != wanted.sha256:
        want, got = f"SHA-256 {wanted.sha256[:16]}...", f"{digest[:16] or 'none'}..."
    if want:
        error = DownloadError(f"{wanted.reference}: {name}: want {want}, got {got}")
        error.reason = f"{name} is not the published file: want {want}, got {got}."  # who calls knows the manual way
        raise error
