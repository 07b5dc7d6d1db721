"""Ways to get something to look at: own pictures, camera, a fresh scene, a saved record, another model."""

import random

import streamlit as st

from tutorials.plain import plain
from ui.frame import state, texts, visitors
from ui.parts import live, widgets
from ui.store import pictures, resources
from ui.store.blobs import blobs
from ui.store.bundles import unpacked
from vit_attention.gate.refusal import shown
from vit_attention.records import AttentionRecord
from vit_attention.weights.download import DownloadError
from worlds.naming import scene_name

# Session keys: (file name, digest) of an opened bundle; name of a model of one's own; what went wrong last, in
# sentences.
BUNDLE, OTHER, PROBLEMS = "playground_bundle", "playground_other_model", "playground_problems"

# Session key: what to say once about the picture just given.
TOLD = "playground_told"

KINDS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
# Megabytes of a file.
MOST = 25


def own_pictures() -> None:
    """The field for files, always in sight, and the camera; what goes wrong is said, and what was shown before stays."""
    st.file_uploader(
        texts.say("your_pictures"),
        KINDS,
        accept_multiple_files=True,
        key="playground_upload",
        on_change=_take,
        args=("playground_upload",),
        max_upload_size=MOST,
        help=texts.say("upload_help"),
    )
    for problem in st.session_state.pop(PROBLEMS, ()):
        st.error(plain(problem))
    if told := st.session_state.pop(TOLD, None):
        st.info(told)
    # Not among the types: Safari on an iPhone turns HEIC into JPEG by itself only if the field does not ask for HEIC.
    with st.popover(texts.say("camera")):
        if st.toggle(texts.say("camera"), key="playground_use_camera"):
            picture = texts.say("take_picture")
            st.camera_input(picture, key="playground_camera", on_change=_take, args=("playground_camera",))
        st.caption(texts.say("upload_limits", advice=pictures.AS_JPEG))


# Session key: ids of the files in the field that were taken already; the field reports all of them every time.
SEEN = "playground_seen"


def _take(key: str) -> None:
    """Take the files that are new in the field; for callbacks."""
    given, before = st.session_state.get(key) or [], st.session_state.get(state.MODEL)
    files = given if isinstance(given, list) else [given]
    seen = st.session_state.get(SEEN, ())
    new = [one for one in files if one.file_id not in seen]
    st.session_state[SEEN] = tuple(one.file_id for one in files)
    problems = [pictures.take_upload(one.getvalue(), one.name or "picture") for one in new]
    model = st.session_state.get(state.MODEL)
    told = texts.say("shown_under", model=model) if model != before and not all(problems) else None
    st.session_state.update({PROBLEMS: [one for one in problems if one], TOLD: told})
    if not all(problems):
        st.session_state[BUNDLE] = None
    live.whole_page()


def others() -> None:
    """Everything else to look at, folded away."""
    # Always here: an expander that moves or changes is drawn anew, folded, and drops an upload that is under way.
    with st.expander(texts.say("more_sources")):
        scene, record, model = st.tabs(["Fresh scene", "Saved record", "Another model"])
        with scene:
            _fresh_scene()
        with record:
            _saved_record()
        with model:
            _another_model()


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
    seed = int(widgets.within(st.session_state.get("playground_seed"), 0, 999_999_999))
    objects = 1 if st.session_state.get("playground_objects") == 1 else 2
    difficulty = int(widgets.within(st.session_state.get("playground_difficulty"), 0, 100))
    look_at(scene_name(seed, objects, difficulty / 100))


def look_at(picture: str) -> None:
    """Show the picture of that id, under a model that knows its kind; for callbacks."""
    st.session_state.update({BUNDLE: None, state.PICTURE: picture})
    state.suit_model()
    live.whole_page()


def _saved_record() -> None:
    label = f"Record bundle (.npz, at most {MOST} MB) saved by this app or by record.save"
    st.file_uploader(label, ["npz"], key="playground_npz", on_change=_open_bundle, max_upload_size=MOST)
    if st.session_state.get(BUNDLE) is not None:
        st.button("Close the record and run the model again", key="playground_close", on_click=_away, args=(BUNDLE,))
    st.caption("A bundle is drawn from its file alone: no model is run, and nothing in it is executed.")


def _open_bundle() -> None:
    given = st.session_state.get("playground_npz")
    if given is None:
        return
    digest = blobs.put(given.getvalue())
    try:
        bundle(digest)
        st.session_state[BUNDLE] = (given.name, digest)
    except ValueError as error:
        st.session_state[PROBLEMS] = [f"{given.name}: {error}"]
    live.whole_page()


# One: a record of 37 x 37 patches takes 80 MB once it is unpacked.
@st.cache_resource(max_entries=1, show_spinner=False)
def bundle(digest: str) -> AttentionRecord:
    """The record of a file that somebody brought; raises ValueError as `read_bundle`, or if the file is not kept any more."""
    data = blobs.get(digest)
    if data is None:
        raise ValueError("the server had to make room and does not have this file any more; bring it again")
    return read_bundle(data)


def read_bundle(data: bytes) -> AttentionRecord:
    """The record in a bundle's bytes, if this page can draw it.

    Raises:
        ValueError: no bundle, one that unpacks to too much, or maps that are not self-attention between all patches or tokens.
    """
    record = unpacked(data)
    shapes = {(axis.kind, axis.grid, len(axis)) for one in record.maps for axis in (one.query, one.key)}
    whole = all(one.kind == "self" for one in record.maps)
    if len(shapes) != 1 or not whole or next(iter(shapes))[0] == "regions":
        raise ValueError(
            "want the self-attention of all patches of one picture, or of all tokens of one text, got another"
        )
    return record


def _another_model() -> None:
    listed = visitors.allowed()
    if listed:
        st.selectbox("Models that this server offers", listed, index=None, key="playground_listed", on_change=_listed)
    if visitors.ask():
        label = (
            "Folder or hub id of a model of the transformers library (ViT, DeiT, DINOv2, BEiT, CLIP, SigLIP, or a text "
            "encoder such as BERT), or timm:NAME"
        )
        name = st.text_input(label, key="playground_hf", placeholder="owner/name", max_chars=500)
        if st.button("Load it", key="playground_load", disabled=not name):
            _load(name.strip())
    if st.session_state.get(OTHER) is not None:
        st.button("Back to the sidebar's model", key="playground_back", on_click=_away, args=(OTHER,))
    st.caption("Only configuration and numbers are read, never code.")


def _listed() -> None:
    if (name := st.session_state.get("playground_listed")) in visitors.allowed():
        st.session_state[OTHER] = name
        live.whole_page()


def _away(key: str) -> None:
    """Close the record or the model of that key; for callbacks."""
    st.session_state[key] = None
    live.whole_page()


def _load(name: str) -> None:
    """Try a model of one's own; one that does not suit this page leaves it as it was."""
    wanted = name if name.startswith("timm:") else "hf:" + name.removeprefix("hf:")
    try:
        with st.spinner("Loading ..."):
            task = resources.model(wanted).card.task
        if task not in ("classify", "label", "text"):
            raise ValueError(f"want a model that looks at pictures or reads texts, got {shown(wanted)}, of task {task}")
    except (ValueError, DownloadError, OSError, RuntimeError) as error:
        st.error("This model cannot be loaded.")
        st.text(str(error))
        return
    st.session_state[OTHER] = wanted
    st.rerun()


def other() -> str:
    """The model of one's own that is shown instead of the sidebar's, or ""."""
    name = str(st.session_state.get(OTHER) or "")
    return name if name and (visitors.unlocked() or name in visitors.allowed()) else ""
