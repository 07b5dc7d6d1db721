"""The end of a page that cannot go on, once it has said why.

`st.stop` would stop everything that follows, the writing of the address among it.
"""

from typing import NoReturn


class Stopped(Exception):
    """What was to be drawn cannot be; the reader has been told."""


def stop() -> NoReturn:
    """Leave the page as it is now; its frame goes on."""
    raise Stopped
