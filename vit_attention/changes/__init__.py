"""What can be changed inside a network while it runs, to see what depends on it: interventions, one file each.

``model.under(change)`` is the model with the change; the model itself, and what other threads do with it, stays as it is.
"""

from vit_attention.changes.base import Change, Inside
from vit_attention.changes.columns import WithoutColumns
from vit_attention.changes.heads import HeadGains
from vit_attention.changes.register import AddedRegister
from vit_attention.changes.rows import ChangedRows

__all__ = ["AddedRegister", "Change", "ChangedRows", "HeadGains", "Inside", "WithoutColumns"]
