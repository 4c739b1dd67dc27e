"""Odd values that user code may return and odd errors that it may raise, for tests that nothing gets stuck."""

import asyncio
import decimal
import threading

from hypothesis import strategies as st

HALF = "\ud800"
DEPTHS = [64, 600, 990, 5000]


class NotTextError(Exception):
    """An error whose text is no text."""

    def __str__(self):
        return 7  # noqa: PLE0307 - on purpose


class SpeechlessError(Exception):
    """An error that raises in place of giving its text."""

    def __init__(self, problem):
        super().__init__()
        self.problem = problem

    def __str__(self):
        raise self.problem


class ClosedError(Exception):
    """An error none of whose attributes can be read."""

    def __getattribute__(self, name):
        raise RuntimeError(HALF)


class UntraceableError(Exception):
    """An error that cannot be given a traceback."""

    def with_traceback(self, _traceback):
        return None


class OddText(str):
    """A text that does not behave as one."""

    __slots__ = ()

    def __str__(self):
        return self

    def __len__(self):
        return -1  # noqa: PLE0303 - on purpose

    def encode(self, *_arguments):
        raise SystemExit

    def __format__(self, _spec):
        raise KeyboardInterrupt


class WordedError(Exception):
    """An error whose text is an odd text."""

    def __str__(self):
        return OddText(f"odd {HALF}")


class NamedByMeta(type):
    """A class of classes whose names cannot be read."""

    @property
    def __name__(cls):
        raise ValueError(HALF)

    def __repr__(cls):
        raise ValueError(HALF)


class NamelessError(Exception, metaclass=NamedByMeta):
    """An error whose class has no readable name."""


class ToJson:
    """An object that is written by a method which raises."""

    def __init__(self, problem):
        self.problem = problem

    def to_json(self):
        raise self.problem


def recurse():
    return recurse()


def caused_by_itself():
    first, second = ValueError(HALF), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def nested(depth, inner=None):
    """Return nested lists, `depth` of them."""
    for _ in range(depth):
        inner = [inner]
    return inner


def circular():
    value = []
    value.append(value)
    return value


ERRORS = {
    "half a pair": lambda: RuntimeError(f"here: {HALF} and {chr(0)}"),
    "not text": NotTextError,
    "raises": lambda: SpeechlessError(ValueError(HALF)),
    "exits": lambda: SpeechlessError(SystemExit(3)),
    "interrupts": lambda: SpeechlessError(KeyboardInterrupt()),
    "recurses": lambda: SpeechlessError(RecursionError()),
    "closed": ClosedError,
    "untraceable": UntraceableError,
    "odd text": WordedError,
    "nameless": lambda: NamelessError(HALF),
    "long name": lambda: type("N" * 100_000, (Exception,), {})("x"),
    "long text": lambda: RuntimeError("x" * 5_000_000),
    "cycle of causes": caused_by_itself,
    "group": lambda: ExceptionGroup(HALF, [ExceptionGroup(HALF, [ValueError(HALF)])]),
    "base group": lambda: BaseExceptionGroup(HALF, [SystemExit(HALF)]),
    "cancelled": asyncio.CancelledError,
    "stop": lambda: StopIteration(HALF),
    "async stop": lambda: StopAsyncIteration(HALF),
    "generator exit": GeneratorExit,
    "exit": lambda: SystemExit(HALF),
    "interrupt": KeyboardInterrupt,
    "memory": MemoryError,
    "timeout": TimeoutError,
    "encoding": lambda: UnicodeEncodeError("utf-8", f"a{HALF}", 1, 2, HALF),
    "odd encoding": lambda: UnicodeEncodeError("x", HALF, 7, -9, HALF),
    "object": lambda: Exception(object(), nested(900)),
}
VALUES = {
    "bytes": lambda: b"\xff\x00",
    "set": lambda: {1, HALF},
    "object": object,
    "class": lambda: NotTextError,
    "error": lambda: RuntimeError(HALF),
    "lock": threading.Lock,
    "generator": lambda: iter([1]),
    "to_json": lambda: ToJson(NotTextError()),
    "to_json exits": lambda: ToJson(SystemExit(HALF)),
    "circular": circular,
    "huge number": lambda: 10**5000,
    "decimal": lambda: decimal.Decimal("NaN"),
    "complex": lambda: 1j,
    "odd text": lambda: OddText(HALF),
    "odd keys": lambda: {(1, 2): HALF},
    "half a pair as a key": lambda: {HALF: [HALF]},
    "large": lambda: "x" * 2_000_000,
    "large when escaped": lambda: HALF * 400_000,
    "function": lambda: recurse,
    **{f"{depth} deep": lambda depth=depth: nested(depth) for depth in DEPTHS},
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=6,
)
RAISED = st.sampled_from(sorted(ERRORS))
RETURNED = st.sampled_from(sorted(VALUES)).map(VALUES.get) | PLAIN.map(lambda value: lambda: value)
