"""What the last linear layer of a file says about classes."""

from vit_attention.weights.choice import Head


def classes_of(
    head: Head | None, labels: tuple[str, ...], usual: str, file: str, own: bool = True
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the classes, and notes about what was assumed.

    Args:
        head: as `find_head` found it; None gives no classes.
        labels: names that the published weights have.
        usual: what leads the names of the network's own head.
        file: its name, for the notes.
        own: whether it is somebody's file, which names no classes.
    """
    if head is None:
        return (), (f"{file} holds no head: the model tells no classes apart.",)
    count = len(head.weight)
    if count == len(labels) and head.name == usual:
        as_published = f"{file} names no classes; as it has {count}, they are called as those of the published weights."
        return labels, (as_published,) if own else ()
    where = "" if head.name == usual else f" (its head is called {head.name!r})"
    return (
        tuple(f"class {number}" for number in range(count)),
        (f"{file} names no classes{where}: its {count} are called class 0 to class {count - 1}.",),
    )
