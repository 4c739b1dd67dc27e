#!/usr/bin/env bash
# find-python.sh [PYTHON]: print the path of a Python that this project supports, or say what is missing and end with 2.
# PYTHON is a version (3.13), a command (python3.13) or a path; without one, the first supported Python is taken.
set -euo pipefail
oldest=3.11
wanted=${1:-}
candidates=(python3.11 python3.12 python3.13 python3.14 python3 python)
[[ $wanted =~ ^3\.[0-9]+$ ]] && wanted=python$wanted
[ -z "$wanted" ] || candidates=("$wanted")

# Print the interpreter behind a command, which for a virtual environment is the one that it was made from: the
# environment may be about to be made again. A command that exists need not run: pyenv puts stand-ins into PATH.
interpreter_of() {
    local pyenv_root=${PYENV_ROOT:-$HOME/.pyenv} version=${1#python} path
    for path in "$1" "$pyenv_root/versions/$version"/bin/python "$pyenv_root/versions/$version".*/bin/python; do
        "$path" -c 'import os, sys; print(os.path.realpath(sys._base_executable))' 2>/dev/null && return
    done
    return 1
}

is_supported() {
    "$1" -c "import sys; sys.exit(sys.version_info < (${oldest/./, }))"
}

for candidate in "${candidates[@]}"; do
    path=$(interpreter_of "$candidate") || continue
    is_supported "$path" && { echo "$path"; exit; }
    found="$candidate is Python $("$path" -c 'import platform; print(platform.python_version())')"
done

if [ -n "$wanted" ]; then
    echo "PYTHON=$1: ${found:-there is no such Python, neither in PATH nor in pyenv}; Python $oldest or later is needed." >&2
else
    echo "Python $oldest or later is needed${found:+; $found}. Neither PATH nor pyenv has one." >&2
fi
echo "  Install one, or name one that is elsewhere: make … PYTHON=/path/to/python3" >&2
exit 2
