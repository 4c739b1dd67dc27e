"""What a shell completes after `load`: folders, and the scenarios of the folder that is named before.

The shell finds the names itself, by `sed`: a Python that imported the scenarios would take seconds at each key.
"""

from __future__ import annotations

from typing import Any

FUNCTION = "_durable_harness_dirs_and_scenarios"
"""By `_dir` in the name shtab knows that bash is to put a slash behind folders."""
FIND = r"""sh -c '
  for word in "$@"; do [ -d "$word/loadtests" ] && folder=$word; done
  sed -n "s/^class \([A-Za-z][A-Za-z0-9_]*\)(.*/\1/p" "${folder:-.}"/loadtests/*.py 2>/dev/null
' sh"""
"""Prints the classes of the scenarios in the last of its arguments that has some, else in the current folder."""
BASH = f"""
{FUNCTION}() {{
  compgen -d -- "$1"
  compgen -W "$({FIND} "${{COMP_WORDS[@]:1:COMP_CWORD-1}}")" -- "$1"
}}"""
ZSH = f"""
{FUNCTION}() {{
  local -a scenarios
  scenarios=(${{(f)"$({FIND} "${{(@)words[1,CURRENT-1]}}")"}})
  compadd -a scenarios
  _files -/
}}"""
FISH = f"""
function {FUNCTION}
  __fish_complete_directories
  {FIND} (commandline -opc)
end"""


def scenario_words(folders: dict[str, Any]) -> dict[str, Any]:
    """Return the completion of `load`'s plain arguments for shtab; `folders` is that of a folder.

    PowerShell gets folders only: its completers do not see the words before.
    """
    return {
        **folders,
        "bash": FUNCTION,
        "zsh": FUNCTION,
        "fish": f"({FUNCTION})",
        "preamble": {"bash": BASH, "zsh": ZSH, "fish": FISH},
    }
