"""Text from files and strangers, as it may stand where Markdown is read."""

_SPECIAL = frozenset("\\`*_{}[]<>#+-.!|~$:&@")


def plain(text: str) -> str:
    """`text` for a place that reads Markdown, letter by letter: words and names may come from a stranger's file.

    >>> print(plain("![a](b) “c” $d$"))
    \\!\\[a\\](b) “c” \\$d\\$
    """
    return "".join(f"\\{c}" if c in _SPECIAL else " " if c in "\r\n" else c for c in text)
