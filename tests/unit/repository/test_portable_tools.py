"""The Makefile and the scripts of tools/ work with what macOS has: GNU make 3.81, bash 3.2, and BSD's programs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAKEFILE = ROOT / "Makefile"
SCRIPTS = sorted((ROOT / "tools").glob("*.sh"))
NEWER_MAKE = {
    r"^\s*[\w.-]+\s*!=": "the assignment !=",
    r"^\s*[\w.-]+\s*:::?=": "the assignment ::=",
    r"^\s*\.(ONESHELL|RECIPEPREFIX|SHELLFLAGS|EXTRA_PREREQS|NOTINTERMEDIATE|WAIT)\b": "a special target or variable",
    r"\$[({](file|guile|let|intcmp)\s": "a function",
    r"\$[({](MAKE_HOST|MAKE_TERMOUT|MAKE_TERMERR|\.SHELLSTATUS)[)}]|^\s*GNUMAKEFLAGS\b": "a variable",
    r"^\s*(\S+:\s*)?(private|undefine|load|-load)\s": "a directive",
    r"^\s*(override|export)\s+(override|export|define)\b": "two modifiers in a line",
    r"^\s*define\s+\S+\s*[:+?!]*=": "a define with an operator",
    r"^[^\t#=]*&:": "grouped targets",
    r"\$[({](shell|call|if|foreach)\s[^)}]*#": "a number sign in a function, a comment before 4.3",
    r"\$\(MAKE\).*\s(-O|--output-sync|--eval|-E|--trace|--no-silent|--shuffle)\b": "an option",
}
"""What GNU make has only since 3.82, in lines of a makefile."""
NEWER_BASH = {
    r"\b(mapfile|readarray|coproc)\b": "a builtin",
    r"\b(declare|local|typeset)\s+-\w*[An]": "associative arrays and references",
    r"\$\{\w+(,,?|\^\^?|@\w)": "changes of case and transformations",
    r"&>>|\|&|;;?&(?!&)": "a redirection or an operator of cases",
    r"\bwait\s+-n\b|\bshopt\s+-s\s+(globstar|lastpipe)\b": "an option",
    r"\$\{\w+\[-": "an index from the end",
    r"printf\s+.*%\(": "a format of times",
}
GNU_ONLY = {
    r"\bsed\b.*\s(-i|-r|-z|--\w)": "sed",
    r"\breadlink\s+-[fem]|\brealpath\b(?!\()": "readlink -f",
    r"\bdate\b.*\s(-d|--\w|-I)": "date",
    r"\bmktemp\b.*\s(-p|--\w)": "mktemp",
    r"\bstat\s+(-c|--\w)": "stat",
    r"\bgrep\b.*\s-\w*P": "grep -P",
    r"\b(cp|mv|ln|install)\b.*\s(-t|-T|-D|-r?elative)\b": "cp -t",
    r"\b(cp|mv|rm|mkdir|ln|sort|head|tail|wc|xargs|find|du|ls|touch|cut|tr|tee)\s+(.*\s)?--[a-z]": "a long option",
    r"\bxargs\b.*\s-r\b|\bsort\b.*\s-V\b|\bhead\b.*\s-[nc]\s*-|\bfind\b.*-printf": "an option",
    r"(^|[\s;&|(])(nproc|timeout|tac|sha256sum|md5sum|setsid|flock|shuf|truncate|numfmt)\s": "a program",
    r"\becho\s+-[en]": "echo -e",
    r"\bbase64\b.*\s-w": "base64 -w",
}
"""What BSD's programs do not have, or mean otherwise."""


def found(text, *tables):
    """Return what newer or foreign features the lines of a file use. A comment may name them."""
    code = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [
        f"{what}: {line.strip()}"
        for line in code
        for table in tables
        for pattern, what in table.items()
        if re.search(pattern, line)
    ]


def recipes(text):
    """Return the recipe lines of a makefile as a shell gets them."""
    return "\n".join(line[1:].lstrip("@-+") for line in text.splitlines() if line.startswith("\t"))


def test_the_makefile_is_one_for_make_3_81():
    """Apple ships GNU make 3.81: the Makefile uses nothing that came later."""
    assert found(MAKEFILE.read_text(), NEWER_MAKE) == []


def test_recipes_are_for_any_shell_and_bsds_programs():
    """A recipe runs in /bin/sh, which on macOS is bash 3.2, with programs that have no options of GNU's."""
    assert found(recipes(MAKEFILE.read_text()), NEWER_BASH, GNU_ONLY) == []
    assert "[[" not in recipes(MAKEFILE.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_for_bash_3_2_and_bsds_programs(script):
    """A script is run by the bash of the system, and its programs by the options that all systems have."""
    assert found(script.read_text(), NEWER_BASH, GNU_ONLY) == []


@pytest.mark.parametrize(
    "line",
    [
        "NOW != date",
        "NOW ::= 1",
        ".ONESHELL:",
        ".SHELLFLAGS := -eu",
        "$(file >x,$(y))",
        "all: private X = 1",
        "undefine X",
        "override export X = 1",
        "define X =",
        "a b &: c",
        "X := $(shell echo '#')",
        "\t$(MAKE) --output-sync all",
    ],
)
def test_a_newer_make_is_noticed(line):
    """Each feature that 3.81 lacks is found in a line that has it."""
    assert len(found(line, NEWER_MAKE)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "mapfile -t x",
        "declare -A x",
        'echo "${x,,}"',
        "make &>>log",
        "sed -i s/a/b/ x",
        "sed -r s/a/b/ x",
        "readlink -f x",
        "date -d @0",
        "date -u -d @0",
        "mktemp -d --suffix x",
        "mktemp -p x",
        "stat -c %s x",
        "grep -oP x",
        "cp -t x y",
        "mkdir --parents x",
        "xargs -r rm",
        "head -n -1 x",
        "x=$(nproc --all)",
        "timeout 3 x",
        "echo -e x",
        "find . -printf x",
    ],
)
def test_a_feature_of_one_system_is_noticed(line):
    """Each feature that macOS lacks is found in a line that has it."""
    assert found(line, NEWER_BASH, GNU_ONLY)


@pytest.mark.parametrize(
    "line", ["X := $(abspath $(Y))", "X ?= 1", "$(READY): FORCE", "lock wheel: | dir", "X = $(if $(A),$(or $(B),$(C)))"]
)
def test_what_3_81_has_is_left_alone(line):
    """Features of 3.81 itself are not complained of."""
    assert found(line, NEWER_MAKE) == []
