"""The first fence before a stranger's pickle: its instructions are looked through before any is carried out."""

import pickletools
from collections.abc import Callable, Collection
from typing import IO, Any

from vit_attention.weights.refusal import CheckpointError

# Hashing a tuple walks all of its parts: a deep nest overflows the stack, one whose halves are the same takes for ever.
# Published files hold about ten tuples of at most nine parts.
_MOST_TUPLES = 1000
_LARGEST_TUPLE = 1000
_MEMO_TO_SPARE = 1000
# An empty record takes one byte in a pickle and 64 in memory. Published files take about half a million instructions.
MOST_INSTRUCTIONS = 4_000_000
_OPCODES = {
    "PROTO",
    "FRAME",
    "STOP",
    "MARK",
    "POP",
    "POP_MARK",
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "INT",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG",
    "LONG1",
    "FLOAT",
    "BINFLOAT",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINBYTES",
    "SHORT_BINBYTES",
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "EMPTY_LIST",
    "LIST",
    "APPEND",
    "APPENDS",
    "EMPTY_DICT",
    "DICT",
    "SETITEM",
    "SETITEMS",
    "EMPTY_TUPLE",
    "TUPLE",
    "TUPLE1",
    "TUPLE2",
    "TUPLE3",
    "PUT",
    "BINPUT",
    "LONG_BINPUT",
    "MEMOIZE",
    "GET",
    "BINGET",
    "LONG_BINGET",
    "GLOBAL",
    "STACK_GLOBAL",
    "REDUCE",
    "NEWOBJ",
    "BUILD",
}


class UnsafePickleError(CheckpointError):
    """A pickle asks for more than plain values, or is no pickle; nothing of it was run."""


class ForeignNameError(UnsafePickleError):
    """A pickle names a class or function that it may not; `name` is which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it wants to call {short(name)}, which could run code")
        self.name = name


def look_through(
    data: bytes | IO[bytes],
    allowed: Collection[tuple[str, ...]],
    more: Collection[str] = (),
    tuples: int = _MOST_TUPLES,
) -> None:
    """Refuse instructions that plain values do not need, and those that could eat memory, time or the stack.

    Args:
        data: the whole pickle; or a stream, which is read to the end of the next pickle.
        allowed: (module, name) of everything that it may name.
        more: instructions that it may use beside those of plain values.
        tuples: how many it may hold.

    Raises:
        UnsafePickleError: says which instruction, name or size it was. Broken pickles raise any kind.
    """
    found, puts, sizes = 0, 0, _Sizes()
    argument: Any
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        name = opcode.name
        if number >= MOST_INSTRUCTIONS:
            raise UnsafePickleError(f"want at most {MOST_INSTRUCTIONS} instructions, got more")
        if name not in _OPCODES and name not in more:
            raise UnsafePickleError(f"want plain values, got the pickle instruction {name}")
        if name == "GLOBAL" and tuple(str(argument).split(" ", 1)) not in allowed:
            raise ForeignNameError(str(argument))
        # The reader makes room for the largest number of the memo at once; writers count from 0, or from 1.
        puts += name.endswith("PUT")
        if name.endswith("PUT") and int(argument) > 2 * puts + _MEMO_TO_SPARE:
            raise UnsafePickleError(f"want memo numbers below {2 * puts + _MEMO_TO_SPARE}, got {argument}")
        if name in ("INT", "LONG", "LONG1") and abs(argument) >= 1 << 64:
            raise UnsafePickleError("want whole numbers below 2**64")
        found += name.startswith("TUPLE")
        if found > tuples:
            raise UnsafePickleError(f"want at most {tuples} tuples, got more")
        sizes.follow(opcode, argument)


class _Sizes:
    """Follows a pickle without making anything: how many values hashing each value on its stack would walk through."""

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.marks: list[int] = []
        self.memo: dict[int, int] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Carry out one instruction on sizes; everything that is no tuple counts 1, since it is not walked through."""
        name = opcode.name
        if name == "MARK":
            self.marks.append(len(self.stack))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if argument is None else int(argument)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[int(argument)])
        elif name == "POP" and self.marks[-1:] == [len(self.stack)]:
            self.marks.pop()
        else:
            taken = self._take(opcode)
            size = 1 + sum(taken) if name.startswith(("TUPLE", "EMPTY_TUPLE")) else 1
            if size > _LARGEST_TUPLE:
                raise UnsafePickleError(f"want tuples of at most {_LARGEST_TUPLE} parts, parts of parts included")
            # BUILD and the like give back what they were given, which stays as large as it was.
            given = max(taken[:1], default=1) if name in ("BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS") else size
            self.stack += [given] * len(opcode.stack_after)

    def _take(self, opcode: pickletools.OpcodeInfo) -> list[int]:
        """What the instruction takes off the stack."""
        before = opcode.stack_before
        start = len(self.stack) - len(before)
        if pickletools.markobject in before:
            start = self.marks.pop() - before.index(pickletools.markobject)
        if start < 0:
            raise UnsafePickleError("it takes more from its stack than there is")
        taken, self.stack[start:] = self.stack[start:], []
        return taken


class Maker:
    """A function that a pickle may call; unlike a plain function it cannot be written to."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickleError("it tries to change a function")


def short(what: Any) -> str:
    """A name, or the kind of what is none, short enough for a message."""
    text = what.replace(" ", ".") if type(what) is str else type(what).__name__
    return repr(text[:80])
