"""What a program can see of the house style in CONTRIBUTING.md: words, the form of docstrings, names."""

import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import durable_harness

ROOT = Path(__file__).parents[3]
THIS_FILE = Path(__file__)
SOURCES = Path(durable_harness.__file__).parent
TEXTS = {path.relative_to(SOURCES): path.read_text("utf-8") for path in SOURCES.rglob("*.py")}
TREES = {path: ast.parse(text) for path, text in TEXTS.items()}
HABITS = re.compile(
    r"\b(?:told|tells|whom|nobody|somebody|anew|that which|of which|the latter|by lot|for good|for ever|in the midst"
    r"|all the same|for so long|so many|allowed are|goes on|go on|none where|for what is none)\b",
    re.IGNORECASE,
)
"""The clearest habits of the table in CONTRIBUTING.md, each with a plain word that says the same."""
HABITS_OF_TESTS = re.compile(rf"{HABITS.pattern}|\b(?:tell|said)\b", re.IGNORECASE)
HABITUAL_NAMES = re.compile(r"(?:^|_)(?:told|tells|said|nobody|somebody|anew)(?:_|$)", re.IGNORECASE)
"""Names of variables, helpers and tests: `message`, `printed` or `response` shows what is in them."""
OUTSIDE_THE_PACKAGE = ("tests", "benchmarks", "loadtests", "tools", "examples", ".ci")
BEGINNINGS = {"Tell", "Tells", "Say", "Says", "Give", "Gives", "Let", "Lets"}
NAMESAKES = {"Instance", "Part"}
"""Names that the scheduler has too. Users know `Instance`, so the other class of each is to be renamed."""
MIRRORS = {"host/sdk", "host/sdk1", "host/sdk2"}
"""The interface of the two generations of the SDK, and what each does: a module is read beside its twin."""
TWIN_MODULES = {"alarms", "listing", "overview", "timings"}
"""Modules of `protocol` that define an interface, and of `scheduler` that serve it."""


def written(text):
    """Yield line and text of each comment and string, docstrings among them, on one line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", None)}:
            yield token.start[0], re.sub(r"\s+", " ", token.string)


def docstrings(path):
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [ast.get_docstring(node) for node in ast.walk(TREES[path]) if isinstance(node, kinds)]
    return [docstring for docstring in found if docstring]


def classes(tree):
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def explanations(text):
    """Yield line and text of docstrings, comments and messages of assertions.

    Other strings of a test are data: they quote what is sent or printed, so their words are not its own.
    """
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert) and node.msg is not None:
            parts = list(ast.walk(node.msg))
        else:
            parts = [node.value] if isinstance(node, ast.Expr) else []
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.lineno, re.sub(r"\s+", " ", part.value)


def habits_of_a_test(text):
    """Return lines with a habit in an explanation, at the beginning of a docstring, or in a name."""
    found = []
    for line, explanation in explanations(text):
        found += [(line, habit) for habit in HABITS_OF_TESTS.findall(explanation)]
        beginning = explanation.split(" ")[0]
        found += [(line, beginning)] if beginning in BEGINNINGS else []
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    names = [token for token in tokens if token.type == tokenize.NAME and HABITUAL_NAMES.search(token.string)]
    return found + [(name.start[0], name.string) for name in names]


def test_texts_have_no_habits():
    """Docstrings, comments, messages and helps use the plain words of CONTRIBUTING.md."""
    found = [
        f"{path}:{line}: '{habit}'"
        for path in sorted(TEXTS)
        for line, text in written(TEXTS[path])
        for habit in HABITS.findall(text)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["It tells more.", "# told", "None where it\n    is unknown", "Allowed are 1 and 2"])
def test_a_habit_is_found(text):
    """A habit is seen in any case, also across the lines of a docstring."""
    assert HABITS.search(next(written(text if text[0] == "#" else f'"""{text}"""'))[1])


def test_tests_and_tools_have_no_habits():
    """What explains tests, benchmarks, examples and tools uses the plain words too, and so do their names."""
    paths = [path for folder in OUTSIDE_THE_PACKAGE for path in sorted((ROOT / folder).rglob("*.py"))]
    found = {path.relative_to(ROOT): habits_of_a_test(path.read_text("utf-8")) for path in paths if path != THIS_FILE}
    assert {path: habits for path, habits in found.items() if habits} == {}
    assert len(found) > 500, "the tests are where they are looked for"


@pytest.mark.parametrize(
    "text",
    [
        '"""Return what a service tells."""',
        'class Service:\n    number = 1\n    """It is used so\n    many times."""',
        'def given():\n    """Let a worker fail."""',
        "number = 1  # as the service said",
        "assert number, f'{number} is what nobody wants'",
        "told = 1",
        "def test_it(is_told): ...",
    ],
)
def test_a_habit_of_a_test_is_found(text):
    """A docstring, a comment, the message of an assertion and a name are looked at."""
    assert habits_of_a_test(text)


@pytest.mark.parametrize("text", ["assert printed == 'nobody told'", "start('nobody')", "teller = untold = 1"])
def test_what_a_test_quotes_is_no_habit(text):
    """A test may send and expect any word."""
    assert habits_of_a_test(text) == []


def test_docstrings_name_what_is_returned_or_done():
    """A docstring begins with the verb of what happens or with the thing: never with Let, Give, Say or Tell."""
    begins = [(str(path), docstring.split("\n")[0]) for path in sorted(TEXTS) for docstring in docstrings(path)]
    assert [found for found in begins if found[1].split(" ")[0] in BEGINNINGS] == []
    assert len(begins) > 2_000, "the rooms are where they are looked for"


def test_a_class_name_means_one_class():
    """A search, or the last line of a traceback, leads to one class."""
    counts = Counter(name for tree in TREES.values() for name in classes(tree))
    assert {name for name, count in counts.items() if count > 1} <= NAMESAKES


def test_a_module_name_means_one_file():
    """A file finder shows one hit, but for the mirrors of the two SDKs and the twins that are still to be renamed."""
    folders = defaultdict(set)
    for path in TEXTS:
        folders[path.stem].add(path.parent.as_posix())
    twins = {name for name, found in folders.items() if len(found) > 1 and not found <= MIRRORS}
    assert twins - {"__init__"} <= TWIN_MODULES


def test_names_of_tests_are_short():
    """The name of a test has fewer than 60 characters; its docstring explains the rest."""
    texts = [path.read_text("utf-8") for folder in ("tests", "examples") for path in (ROOT / folder).rglob("*.py")]
    names = [name for text in texts for name in re.findall(r"def (test_\w+)\(", text)]
    assert [name for name in names if len(name) >= 60] == []
    assert len(names) > 3_000, "the tests are where they are looked for"
