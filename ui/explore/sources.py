"""Ways to get something to look at: own picture, camera, a fresh scene, a saved record, another model."""

import hashlib
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import streamlit as st
from PIL import Image

from tutorials.findings.context import Context, Picture
from ui.explore import sentences, words
from ui.frame import state
from ui.frame.state import on_this_machine
from ui.parts import components, controls, fetching, patch_count, snippets
from ui.store import pictures, resources
from vit_attention.inputs.pictures import PictureError, open_picture
from vit_attention.records import AttentionRecord
from vit_attention.weights.download import DownloadError
from worlds.naming import scene_name

BUNDLE, OTHER, PROBLEM = "playground_bundle", "playground_other_model", "playground_problem"
"""Session keys: (file name, digest, record) of an opened bundle; name of an `hf:` model; what went wrong last."""

TOLD = "playground_told"
"""Session key: what to say once about the picture just given."""


def draw() -> None:
    """The ways in, folded away; what goes wrong is said, and what was shown before stays."""
    # Always here: an expander that moves or changes is drawn anew, folded, and drops an upload that is under way.
    said = st.container()
    problem, told = st.session_state.pop(PROBLEM, None), st.session_state.pop(TOLD, None)
    if problem:
        said.error(problem)
    if told:
        said.info(told)
    with st.expander("Another picture, a saved record, another model"):
        ways = {"My picture": _own_picture, "Fresh scene": _fresh_scene, "Saved record": _saved_record}
        if on_this_machine():
            ways["Another model"] = _another_model
        for tab, way in zip(st.tabs(list(ways)), ways.values(), strict=True):
            with tab:
                way()


def _own_picture() -> None:
    st.file_uploader(
        "Picture (JPEG, PNG, WebP, GIF, BMP or TIFF; at most 25 MB)",
        ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
        key="playground_upload",
        on_change=_take,
        args=("playground_upload",),
    )
    # Not among the types: Safari on an iPhone turns HEIC into JPEG by itself only if the field does not ask for HEIC.
    st.caption(f"HEIC, the own format of many phones, is not read. {pictures.AS_JPEG}")
    if st.toggle("Use the camera", key="playground_use_camera"):
        st.camera_input("Take a picture", key="playground_camera", on_change=_take, args=("playground_camera",))
    st.caption("It stays in this session's memory: no link restores it, and nobody else can see it.")


def _take(key: str) -> None:
    given = st.session_state.get(key)
    if given is not None:
        before = st.session_state.get(state.MODEL)
        problem = pictures.take_upload(given.getvalue(), given.name or "picture")
        model = st.session_state.get(state.MODEL)
        told = f"Your picture is shown under {model}, the bundled model for photographs; the sidebar has others."
        st.session_state.update({BUNDLE: None, PROBLEM: problem, TOLD: told if model != before else None})


def _fresh_scene() -> None:
    left, middle, right = st.columns(3)
    left.number_input("Seed", 0, 999_999_999, 100, key="playground_seed", help="The same seed draws the same scene.")
    middle.segmented_control("Objects", [1, 2], default=2, key="playground_objects", required=True)
    right.slider("Difficulty (%)", 0, 100, 50, 5, key="playground_difficulty", help="Models were trained at 50 %.")
    left.button("Draw this scene", key="playground_draw", on_click=_draw_scene, width="stretch")
    middle.button("Draw a fresh scene", key="playground_fresh", on_click=_draw_scene, args=(True,), width="stretch")


def _draw_scene(fresh: bool = False) -> None:
    if fresh:
        st.session_state["playground_seed"] = random.randrange(1_000_000)
    seed = int(controls.within(st.session_state.get("playground_seed"), 0, 999_999_999))
    objects = 1 if st.session_state.get("playground_objects") == 1 else 2
    difficulty = int(controls.within(st.session_state.get("playground_difficulty"), 0, 100))
    st.session_state.update({BUNDLE: None, state.PICTURE: scene_name(seed, objects, difficulty / 100)})
    state.suit_model()


def _saved_record() -> None:
    st.file_uploader(
        "Record bundle (.npz, at most 25 MB) saved by this app or by record.save",
        ["npz"],
        key="playground_npz",
        on_change=_open_bundle,
    )
    if st.session_state.get(BUNDLE) is not None:
        st.button(
            "Close the record and run the model again",
            key="playground_close",
            on_click=st.session_state.update,
            args=({BUNDLE: None},),
        )
    st.caption("A bundle is drawn from its file alone: no model is run, and nothing in it is executed.")


def _open_bundle() -> None:
    given = st.session_state.get("playground_npz")
    if given is None:
        return
    data = given.getvalue()
    try:
        st.session_state[BUNDLE] = (given.name, hashlib.sha256(data).hexdigest()[:20], read_bundle(data))
    except ValueError as error:
        st.session_state[PROBLEM] = f"{given.name}: {error}"


def read_bundle(data: bytes) -> AttentionRecord:
    """The record in a bundle's bytes, if this page can draw it.

    Raises:
        ValueError: no bundle, one that unpacks to too much, or maps that are not self-attention between all patches or tokens.
    """
    record = unpacked(data)
    shapes = {(axis.kind, axis.grid, len(axis)) for one in record.maps for axis in (one.query, one.key)}
    plain = all(one.kind == "self" for one in record.maps)
    if len(shapes) != 1 or not plain or next(iter(shapes))[0] == "regions":
        raise ValueError(
            "want the self-attention of all patches of one picture, or of all tokens of one text, got another"
        )
    return record


def unpacked(data: bytes) -> AttentionRecord:
    """The record in the bytes of a stranger's bundle; nothing in it is run.

    Raises:
        ValueError: no bundle, or one that unpacks to too much.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.npz"
        path.write_bytes(data)
        try:
            return AttentionRecord.load(path, "uploaded bundle")
        except ValueError as error:  # it knows the visitor's file by a name that means nothing to them
            raise ValueError(str(error).removeprefix(f"{path.name}: ")) from error


def _another_model() -> None:
    name = st.text_input(
        "Folder or hub id of a model of the transformers library (ViT, DeiT, DINOv2, BEiT, CLIP, SigLIP, or a text encoder such "
        "as BERT), or timm:NAME",
        key="playground_hf",
        placeholder="owner/name",
    )
    load, back = st.columns(2)
    if load.button("Load it", key="playground_load", disabled=not name, width="stretch"):
        name = name.strip()
        wanted = name if name.startswith("timm:") else "hf:" + name.removeprefix("hf:")
        try:
            with st.spinner("Loading ..."):
                resources.model(wanted)
            st.session_state[OTHER] = wanted
        except (ValueError, DownloadError, OSError, RuntimeError) as error:
            st.error("This model cannot be loaded.")
            st.text(str(error))
    back.button(
        "Back to the sidebar's model",
        key="playground_back",
        on_click=st.session_state.update,
        args=({OTHER: None},),
        width="stretch",
    )
    st.caption("Only offered to the person at the server itself. Only configuration and numbers are read, never code.")


def context() -> Context:
    """What the playground looks at or reads: an opened bundle, the other model, or the shared choice."""
    if (bundle := st.session_state.get(BUNDLE)) is not None:
        return bundle_context(*bundle)
    other = st.session_state.get(OTHER)
    if other is not None and on_this_machine():
        st.text(f"Model: {other}, instead of the sidebar's.")
        try:
            return _of_other(other)
        except (ValueError, RuntimeError, OSError) as error:
            st.error("The other model cannot show this; the sidebar's model does.")
            st.text(str(error))
    wanted = str(st.session_state.get(state.MODEL, ""))
    if wanted not in state.READS:
        return words.told(components.context(counted=True, labelled=words.field))
    name = resources.active_model(reads=True)
    if name != wanted:
        fetching.offer(wanted, name, "fetch_weights")
    return sentences.context(name)


def _of_other(name: str) -> Context:
    """A context of the other model."""
    if resources.model(name).card.task == "text":
        return sentences.context(name)
    picture = pictures.get(str(st.session_state[state.PICTURE]))
    size = patch_count.control(name, picture)
    labels = words.field(name, picture) if size is None else ()
    if size is not None:
        record = components.looked(name, picture, "", size)
    else:
        record = resources.record(name, picture, **({"labels": labels} if labels else {}))
    return words.told(Context(name, picture, record, state.selection(record), resources.run, size, labels))


def bundle_context(name: str, digest: str, record: AttentionRecord) -> Context:
    """A context that is drawn from a record alone."""
    grid, reads = record.maps[0].query.grid or (1, 1), record.maps[0].query.kind == "text"
    try:
        image = open_picture(record.picture).image
    except PictureError:
        wide, high = record.geometry.seen if record.geometry is not None else (grid[1], grid[0])
        image = Image.new("RGB", (256, min(max(1, round(256 * high / wide)), 1024)), (128, 128, 128))
        record = replace(record, geometry=None)
        if not reads:
            st.caption("The bundle carries no readable picture, so the map lies on grey.")
    st.text(
        f"From the file {name}, made by {record.model or 'an unnamed model'}. The sidebar's model does not matter here."
    )
    if any(one.queries is not None or one.heads is not None for one in record.maps):
        st.caption("It holds a part of the maps; what needs the rest is refused below.")
    kept = [one.layer for one in record.maps]
    if kept != list(range(len(kept))):
        st.caption(f"It holds only layers {', '.join(str(k + 1) for k in kept)}; they are counted from 1 here.")
    if reads:
        sentences.tokens(record.maps[0].query)
    return Context(
        record.model,
        Picture(snippets.BUNDLE, f"{snippets.BUNDLE}-{digest}", name, image, text=record.text),
        record,
        state.selection(record),
        resources.run,
    )
