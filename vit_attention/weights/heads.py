"""The last linear layer of a file, and what it says about classes."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from vit_attention.weights.choice import Head, find_head


def head_of(
    rest: Mapping[str, Tensor], stems: Sequence[str], width: int, file: str, spare: str = ""
) -> tuple[Head | None, dict[str, Tensor]]:
    """The head that a file holds beside the body, and its tensors by the network's own names.

    Args:
        rest: what the file holds beside the body.
        stems: what leads the names of the network's own heads: one, or two, of the class and the distillation token.
        width: numbers that a head gets.
        file: its name, for messages.
        spare: see `find_head`.

    Raises:
        CheckpointError: as `find_head` does.
    """
    if len(stems) > 1 and all(f"{stem}.weight" in rest for stem in stems):
        own = {name: one for name, one in rest.items() if name.rpartition(".")[0] in stems}
        return Head(rest[f"{stems[0]}.weight"], None, stems[0]), own
    head = find_head(rest, width, file, spare)
    return head, {} if head is None else head.named(stems[0])


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
