"""Which names of the standard library a platform does not have, by the stubs that mypy brings."""

import ast
import functools
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

MODULES = ("os", "signal", "socket", "select", "time", "sys", "asyncio", "subprocess", "shutil", "threading", "errno")
ONLY_POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "crypt", "spwd", "posix", "uvloop")
"""Modules that Windows does not have. The last one is a package that it has no build of."""
ONLY_WINDOWS = ("msvcrt", "winreg", "_winapi", "winsound")
IN_DOUBT = {
    "socket": {"socketpair", "has_dualstack_ipv6", "create_server", "has_ipv6"},
}


@functools.cache
def stubs():
    """Return the folder of the stubs."""
    return Path(importlib.util.find_spec("mypy").origin).parent / "typeshed" / "stdlib"


@functools.cache
def missing_names(platform, module):
    """Return the names that Linux, macOS or Windows have in a module and this platform does not."""
    everywhere = {name for one in ("linux", "darwin", "win32") for name in _names(module, one)}
    return frozenset(everywhere - _names(module, platform) - IN_DOUBT.get(module, set()))


@functools.cache
def _names(module, platform):
    path = stubs().joinpath(*module.split("."))
    file = path / "__init__.pyi" if path.is_dir() else path.with_suffix(".pyi")
    if not file.exists():
        return frozenset()
    return frozenset(_defined(ast.parse(file.read_text(encoding="utf-8")).body, platform))


def _defined(statements, platform):
    for statement in statements:
        match statement:
            case ast.If():
                is_so = _holds(statement.test, platform)
                yield from _defined(statement.body if is_so else statement.orelse, platform)
            case ast.ImportFrom(module=source, names=[ast.alias(name="*")]):
                yield from _names(_absolute(source, statement.level), platform)
            case ast.Import() | ast.ImportFrom():
                yield from (one.asname or one.name for one in statement.names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign():
                yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _absolute(source, level):
    return f"asyncio.{source}" if level else source  # of the modules above only asyncio imports from itself


def _holds(test, platform):
    """Return whether a condition of a stub holds for a platform; one about something else does."""
    words = {"sys": SimpleNamespace(platform=platform, version_info=sys.version_info), "TYPE_CHECKING": True}
    try:
        return eval(compile(ast.Expression(test), "stub", "eval"), {"__builtins__": {}}, words)
    except NameError:
        return True


def found_in(tree):
    """Yield the names that are used of modules which differ, and the modules that some platform lacks."""
    yield from (name for _, name in uses_in(tree))


def uses_in(tree):
    """Yield the lines at which such names are used, and the names."""
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                aliases[one.asname or one.name] = one.name
                yield from ((node.lineno, name) for name in _top(one.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, name) for name in _top(node.module))
            yield from ((node.lineno, f"{node.module}.{one.name}") for one in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.lineno, f"{aliases[node.value.id]}.{node.attr}"


def _top(module):
    return {module.partition(".")[0]} & {*ONLY_POSIX, *ONLY_WINDOWS}


@functools.cache
def lacking_on_windows(path):
    """Return (line, name) for each use in a file of what Windows does not have."""
    absent = {f"{module}.{name}" for module in MODULES for name in missing_names("win32", module)} | {*ONLY_POSIX}
    return [use for use in uses_in(ast.parse(path.read_text(encoding="utf-8"))) if use[1] in absent]


def lacking_for_test(path, function):
    """Return what of it a test uses: in its own lines, or in those of its file that belong to no test."""
    tests = {
        node.name: range(node.lineno, node.end_lineno + 1)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    others = [lines for name, lines in tests.items() if name != function]
    return sorted({name for line, name in lacking_on_windows(path) if not any(line in lines for lines in others)})
