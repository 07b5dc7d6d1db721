"""Capture: one listener on PyTorch's own attention, and the proof that what it heard is what was computed.

`vit_attention.capture` is a function and this folder in one: ``with vit_attention.capture(module) as seen: ...``, and
``from vit_attention.capture import CaptureError``.
"""

import sys
from types import ModuleType

from vit_attention.capture.editing import Edit
from vit_attention.capture.few import FewTokens
from vit_attention.capture.hooks import changed_input, given_to, leaf_at, listening, register_kind, with_token
from vit_attention.capture.listener import capture, editing
from vit_attention.capture.rules import Rules
from vit_attention.capture.seen import CaptureError, Enough, Heard, NothingHeardError, Request, Seen

__all__ = [
    "CaptureError",
    "Edit",
    "Enough",
    "FewTokens",
    "Heard",
    "NothingHeardError",
    "Request",
    "Rules",
    "Seen",
    "capture",
    "changed_input",
    "editing",
    "given_to",
    "leaf_at",
    "listening",
    "register_kind",
    "with_token",
]


class _Callable(ModuleType):
    """Importing a submodule makes it an attribute of its package, where the function of the same name is expected."""

    __call__ = staticmethod(capture)


sys.modules[__name__].__class__ = _Callable
