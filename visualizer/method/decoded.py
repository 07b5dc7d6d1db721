"""Which maps of a reader or captioner a rule through encoder and decoder takes, and what it lacks."""

from typing import NamedTuple

from visualizer.method.question import Maps, QuestionError, numbered, span
from vit_attention.records import AttentionMap, AttentionRecord


class Decoded(NamedTuple):
    """The layers of a reader or captioner up to one, by number, and the decoder's self-attention by layer, if it has any.

    Attributes:
        chain: the encoder's layers, where they chain, then the decoder's cross-attention.
        own: the decoder's self-attention.
    """

    chain: Maps
    own: dict[int, AttentionMap]


def decoded(record: AttentionRecord, layer: int | None = None) -> Decoded:
    """The layers of a record, as far as they are complete.

    Raises:
        QuestionError: a layer in which nothing was said, or a record that lacks some of them.
    """
    found = {n: one for n, one in numbered(record).items() if one.key.kind != "text" and one.kind != "window"}
    spoken = [n for n, one in found.items() if one.kind == "cross"]
    own = {one.layer: one for one in record.maps if one.kind == "self" and one.query.kind == "text"}
    if not spoken:
        raise QuestionError("method", "wants the decoder's cross-attention, and this record has none")
    if layer is not None and layer not in spoken:
        raise QuestionError("layer", f"want one in which tokens ask, {span(spoken)}, got {layer}")
    _check_complete(record, found, own)
    last = max(spoken) if layer is None else layer
    return Decoded({n: one for n, one in found.items() if n <= last}, own)


def _check_complete(record: AttentionRecord, found: Maps, own: dict[int, AttentionMap]) -> None:
    if record.settings.get("unheard"):
        raise QuestionError("method", "wants every layer, and some of this network could not be captured: take raw")
    again = "attend again without choosing any"
    if any(one.queries is not None or one.heads is not None for one in (*found.values(), *own.values())):
        raise QuestionError("method", f"wants all heads and queries, and this record kept some: {again}")
    if record.settings.get("layers"):
        raise QuestionError("method", f"wants every layer, and this record kept {span(found)}: {again}")
    kinds = record.settings.get("kinds")
    if kinds and "self" not in kinds:
        raise QuestionError("method", 'wants the decoder\'s self-attention, too: attend with kinds=("cross", "self")')


def lacking(record: AttentionRecord) -> str:
    """Why a rule through encoder and decoder cannot be applied to a record; "" if it can, or could with other signals."""
    try:
        decoded(record)
    except QuestionError as error:
        return error.text
    except ValueError as error:
        return str(error)
    return ""
