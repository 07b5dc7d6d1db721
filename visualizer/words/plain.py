"""Small pieces of text that figures and their words share."""


def plural(count: int, word: str) -> str:
    """How many of something.

    >>> plural(1, "head"), plural(2, "layer")
    ('1 head', '2 layers')
    """
    return f"{count} {word}{'s' * (count != 1)}"


def offset(down: int, right: int) -> str:
    """Where a key lies from its query, in words.

    >>> offset(0, 0), offset(2, -1)
    ('at the query', '2 rows down, 1 column left')
    """
    parts = []
    for count, name, words in ((down, "row", ("up", "down")), (right, "column", ("left", "right"))):
        if count:
            parts.append(f"{plural(abs(count), name)} {words[count > 0]}")
    return ", ".join(parts) or "at the query"
