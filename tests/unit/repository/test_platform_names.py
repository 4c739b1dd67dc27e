"""Nothing that only some platforms have is used outside the room that knows them, and no text file depends on one."""

import ast
from pathlib import Path

import pytest

import durable_harness
from platform_names import MODULES, ONLY_POSIX, ONLY_WINDOWS, found_in, lacking_for_test, missing_names

PACKAGE = Path(durable_harness.__file__).parent
ROOT = Path(__file__).parents[3]
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


def test_text_files_name_their_encoding():
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


def test_a_test_is_skipped_on_windows_for_what_it_uses_itself(tmp_path):
    """Of the tests of a file those are named that use what Windows lacks, or all if the file does beside its tests."""
    file = tmp_path / "test_some.py"
    file.write_text("import os\ndef test_a():\n    os.fork()\ndef test_b():\n    os.getpid()\n", encoding="utf-8")
    assert lacking_for_test(file, "test_a") == ["os.fork"]
    assert lacking_for_test(file, "test_b") == []
    helped = tmp_path / "test_helped.py"
    helped.write_text("import os\ndef helper():\n    os.fork()\ndef test_b():\n    helper()\n", encoding="utf-8")
    assert lacking_for_test(helped, "test_b") == ["os.fork"]
