"""The exit codes, from `durable_harness.exit_codes`."""

from durable_harness.exit_codes import ExitCode
from reference_pages.errors import error_classes
from reference_pages.markdown import plain, table


def write() -> str:
    """Return the table of all codes, with the errors that end in each."""
    return table(("Code", "Meaning", "Errors"), [_row(code) for code in ExitCode])


def _row(code: ExitCode) -> tuple[str, str, str]:
    names = (f"[{error.__name__}](errors.md#{error.__name__.lower()})" for error in error_classes())
    own = [name for name, error in zip(names, error_classes(), strict=True) if error.exit_code == code]
    return str(code.value), plain(code.detail), ", ".join(own)
