"""Downloads of published weights: one at a time on a server, in the background, so that it can be watched and stopped."""

import threading

import streamlit as st

from ui.frame import address, heavy
from ui.store import resources
from vit_attention import registry
from vit_attention.weights.download import DownloadStopped

# Session key: the download that this session has started last.
MINE = "my_download"

# Seconds between two looks at a download under way.
EVERY = 0.5


class Download:
    """One model's weights on their way; begins at once, in a thread that no session's rerun ends.

    Attributes:
        name: the model's.
        done, total: bytes so far, and in all if known.
        problem: what went wrong; "" while nothing has.
        stop: set to end it; what has arrived is kept.
    """

    def __init__(self, name: str) -> None:
        self.name, self.done, self.problem = name, 0, ""
        self.total: int | None = None
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it is over, one way or another."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            heavy.load_all()
            registry.fetch(self.name, self._progress)
        except DownloadStopped:
            pass
        except Exception as error:  # a thread has nobody above it who would tell
            self.problem = str(error) or type(error).__name__

    def _progress(self, done: int, total: int | None) -> None:
        if self.stop.is_set():
            raise DownloadStopped(f"{self.name}: stopped; what has arrived is kept")
        self.done, self.total = done, total

    def words(self) -> str:
        """How far it is."""
        of = f" of {self.total / 1e6:.0f}" if self.total else ""
        return f"Downloading {self.name}: {self.done / 1e6:.0f}{of} MB"


_one = threading.Lock()
# The download under way, or the one before; every session's.
_last: list[Download] = []


def running() -> Download | None:
    """The server's download under way."""
    return _last[0] if _last and not _last[0].ended else None


def start(name: str) -> None:
    """Begin a model's download, unless another is under way; for callbacks."""
    with _one:
        if running() is None:
            _last[:] = [Download(name)]
            st.session_state[MINE] = _last[0]


def offer(wanted: str, shown: str, key: str, more: str = "") -> None:
    """Say why a chosen model is not shown, and how to get it.

    Args:
        wanted: the chosen model.
        shown: the model that stands in for it until then.
        key: of the button.
        more: a sentence on what running it takes.
    """
    card = registry.card(wanted)
    with st.container(border=True):
        refused = resources.refusal(wanted)
        if refused:
            st.markdown(f"{refused} This page shows **{shown}**.")
            return
        st.markdown(
            f"**{card.label}** is not on this machine yet. Until it is, this page shows **{shown}**. Its published weights are "
            f"{card.megabytes:.0f} MB ({card.pin}).{f' {more}' if more else ''}"
        )
        if running() is None:
            _say_problem(wanted)
            name = f"Download {card.name} ({card.megabytes:.0f} MB)"
            st.button(name, key=key, on_click=start, args=(wanted,), help="What has arrived of it before is kept.")
        else:
            _look(wanted, f"{key}_stop")


def _say_problem(wanted: str) -> None:
    mine = st.session_state.get(MINE)
    if mine is not None and mine.name == wanted and mine.problem:
        st.error("The download did not succeed; the page goes on without it.")
        st.text(mine.problem)


@st.fragment(run_every=EVERY)
def _look(wanted: str, key: str) -> None:
    """A download under way; the whole page runs anew when it has ended."""
    found = running()
    if found is None:
        address.rerun()
    other = "" if found.name == wanted else "Another download is running; there is one at a time. "
    mine = bool(st.session_state.get(MINE) is found)
    share = min(found.done / found.total, 1.0) if found.total else 0.0
    st.progress(share, text=f"{other}{found.words()}")
    if mine:
        st.button(
            "Cancel", key=key, on_click=found.stop.set, help="What has arrived is kept; the next try goes on there."
        )
