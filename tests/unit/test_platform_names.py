"""Nothing that only some platforms have is used outside the room that knows them, and no text file depends on one."""

import ast
from pathlib import Path

import pytest

import durable_harness
from platform_names import MODULES, ONLY_POSIX, ONLY_WINDOWS, missing_names

PACKAGE = Path(durable_harness.__file__).parent
ROOT = Path(__file__).parents[2]
FOLDERS = (PACKAGE, ROOT / "loadtests", ROOT / "tools", ROOT / "examples")
AT_HOME = "platforms/"
GUARDED = {
    "evidence/scene.py": {"os.sched_getaffinity", "os.getloadavg"},  # asked for by hasattr
    "load/http/readiness.py": {"sys.platform"},  # epoll and a timerfd, where they are
    "load/http/stamps.py": {"sys.platform"},  # a socket option of Linux
}
"""What else asks, and for what: each is a faster way of one platform with another way beside it."""
OPENING_OTHERS = {"os", "opener", "opener()", "self.", "webbrowser"}
"""Parts of the names of what opens no text files: descriptors, URLs."""
ASKING = {"sys.platform", "os.name", "platform.system"}
ELSEWHERE = {
    f"{module}.{name}"
    for module in MODULES
    for platform in ("win32", "darwin")
    for name in missing_names(platform, module)
}


def sources():
    """Yield the path of each file of ours as people call it, and its tree."""
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def found_in(tree):
    """Yield the names that are used of modules which differ, and the modules that some platform lacks."""
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                aliases[one.asname or one.name] = one.name
                yield from {one.name.partition(".")[0]} & {*ONLY_POSIX, *ONLY_WINDOWS}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from {node.module.partition(".")[0]} & {*ONLY_POSIX, *ONLY_WINDOWS}
            yield from (f"{node.module}.{one.name}" for one in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield f"{aliases[node.value.id]}.{node.attr}"


def differing(tree):
    """Return the names in it that not every platform has, or that ask for the platform."""
    return set(found_in(tree)) & {*ELSEWHERE, *ASKING, *ONLY_POSIX, *ONLY_WINDOWS}


def test_only_one_room_knows_platforms():
    """What some platform lacks, and the question which one it is, are in one room; other homes are listed here."""
    wrong = {
        name: sorted(used)
        for name, tree in sources()
        if not name.startswith(AT_HOME) and (used := differing(tree) - GUARDED.get(name, set()))
    }
    assert wrong == {}, "use durable_harness.platforms, or add to it"


def test_the_list_of_other_homes_is_short():
    """No home is named that does not use what it may use."""
    used = {name: differing(tree) for name, tree in sources() if name in GUARDED}
    assert used == GUARDED


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.killpg(1, 2)",
        "import os as system\nsystem.fork()",
        "from signal import SIGKILL",
        "import signal\nsignal.setitimer(0, 1)",
        "def late():\n    import fcntl",
        "from uvloop import Loop",
        "import socket\nsocket.AF_UNIX",
        "import select\nselect.epoll()",
        "import sys\nif sys.platform == 'win32': pass",
        "import os\nif os.name == 'nt': pass",
        "import os\nos.eventfd(0)",
    ],
)
def test_what_a_platform_lacks_is_seen(code):
    """The search finds each way in which code comes by such a name."""
    assert differing(ast.parse(code))


def without_encoding(tree):
    """Yield the lines at which text is read or written in an encoding that the platform chooses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not {"encoding", None} & {word.arg for word in node.keywords}:
            yield from [node.lineno] if reads_text(node) else []


def reads_text(call):
    """Return whether a call reads or writes text."""
    words = {word.arg: word.value for word in call.keywords}
    match call.func:
        case ast.Attribute(attr=("read_text" | "write_text") as name):
            return len(call.args) <= (name == "write_text")
        case ast.Attribute(value=ast.Name(id="os"), attr="fdopen") | ast.Name(id="open"):
            return is_text(call.args[1:], words)
        case ast.Attribute(value=owner, attr="open") if not OPENING_OTHERS & set(ast.unparse(owner).split("_")):
            return is_text(call.args, words)
        case ast.Attribute(value=ast.Name(id="subprocess"), attr="run" | "Popen" | "check_output"):
            return bool({"text", "universal_newlines"} & words.keys())
    return False


def is_text(positional, words):
    """Return whether a mode is one of text."""
    mode = positional[0] if positional else words.get("mode", ast.Constant("r"))
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and "b" not in mode.value


def test_text_files_say_their_encoding():
    """No text is read or written in the encoding that a platform has by default, which on Windows is not UTF-8."""
    wrong = {name: lines for name, tree in sources() if (lines := list(without_encoding(tree)))}
    assert wrong == {}


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text()",
        "path.write_text('a')",
        "path.read_text(errors='replace')",
        "open('a')",
        "path.open('w')",
        "(folder / 'a').open('w')",
        "Path('a').open()",
        "os.fdopen(1, 'w')",
        "subprocess.run([], text=True)",
    ],
)
def test_a_missing_encoding_is_seen(code):
    """The search finds each way in which code opens a text file."""
    assert list(without_encoding(ast.parse(code)))
