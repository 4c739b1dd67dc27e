"""Which names of the standard library a platform does not have, by the stubs that mypy brings."""

import ast
import functools
import sys
from pathlib import Path
from types import SimpleNamespace

import mypy

STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
MODULES = ("os", "signal", "socket", "select", "time", "sys", "asyncio", "subprocess", "shutil", "threading", "errno")
ONLY_POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "crypt", "spwd", "posix", "uvloop")
"""Modules that Windows does not have. The last one is a package that it has no build of."""
ONLY_WINDOWS = ("msvcrt", "winreg", "_winapi", "winsound")
IN_DOUBT = {
    "socket": {"socketpair", "has_dualstack_ipv6", "create_server", "has_ipv6"},
}


@functools.cache
def missing_names(platform, module):
    """Return the names that Linux, macOS or Windows have in a module and this platform does not."""
    everywhere = {name for one in ("linux", "darwin", "win32") for name in _names(module, one)}
    return frozenset(everywhere - _names(module, platform) - IN_DOUBT.get(module, set()))


@functools.cache
def _names(module, platform):
    path = STUBS.joinpath(*module.split("."))
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
