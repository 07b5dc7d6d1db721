"""A record on one line, for people who print it."""

from vit_attention.gate.refusal import one_line
from vit_attention.records.geometry import Geometry
from vit_attention.records.record import AttentionRecord
from vit_attention.records.similar import Similar

_LONGEST = 40


def line(record: AttentionRecord) -> str:
    """Model, maps, picture or text, what was said and memory, on one short line.

    >>> line(AttentionRecord(()))
    '<AttentionRecord: no maps; no picture; 0.0 MB>'
    """
    text = f'text "{short(record.text)}"' if record.text else ""
    parts = [_counted(record), text or _sized(record.geometry), _said(record), f"{record.nbytes / 1e6:.1f} MB"]
    lead = f"{short(record.model)}: " if record.model else ""
    return f"<AttentionRecord: {lead}{'; '.join(part for part in parts if part)}>"


def short(text: str, most: int = _LONGEST) -> str:
    """`text` on one line, printable, at most `most` signs; names from a file may hold anything.

    >>> short("a\\x1b[2J\\n"), short("x" * 50, 8)
    ('a?[2J', 'xxxxx...')
    """
    plain = one_line(text[: most + 1])
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."


def _counted(record: AttentionRecord) -> str:
    kinds = [one.kind for one in record.maps]
    if not kinds:
        return "no maps"
    heads = sorted({len(one.weights) for one in record.maps})
    span = f"{heads[0]}" if len(heads) == 1 else f"{heads[0]} to {heads[-1]}"
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return f"{counted} map{'s' * (len(kinds) != 1)} of {span} head{'s' * (span != '1')}"


def _sized(geometry: Geometry | None) -> str:
    return "no picture" if geometry is None else f"picture {geometry.original[0]} x {geometry.original[1]}"


def _said(record: AttentionRecord) -> str:
    said = record.prediction
    if said.text:
        return f'"{short(said.text)}"'
    if isinstance(said.target, Similar):
        return f"about {short(str(said.target))}"
    return "".join(f"{short(label)} {chance:.0%}" for label, chance in said.top(1))
