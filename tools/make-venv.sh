#!/usr/bin/env bash
# make-venv.sh FOLDER [PYTHON] [SDK]: make the virtual environment that PYTHON and SDK ask for, unless FOLDER is it.
# SDK is 1 or 2, the generation of azure-functions-durable. What is not given stays as it is in FOLDER; a new folder
# gets the first Python that is supported, and 1.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 wanted_python=${2:-} sdk=${3:-}
ready=$folder/.ready  # "PYTHON SDK", written at the end
made_python='' made_sdk=''
[ ! -s "$ready" ] || read -r made_python made_sdk <"$ready"

if [ -z "$wanted_python" ] && [ -x "$made_python" ]; then
    python=$made_python
else
    python=$(tools/find-python.sh "$wanted_python")
fi
sdk=${sdk:-${made_sdk:-1}}
case $sdk in
    1) constraints=constraints.txt ;;
    2) constraints=constraints-sdk2.txt ;;
    *) echo "SDK=$sdk: expected 1 or 2, the generation of azure-functions-durable." >&2; exit 2 ;;
esac

if [ "$python $sdk" = "$made_python $made_sdk" ] && [ -x "$folder/bin/python" ] &&
    [ ! pyproject.toml -nt "$ready" ] && [ ! "$constraints" -nt "$ready" ]; then
    exit 0
fi

version=$("$python" -c 'import platform; print(platform.python_version())')
if [ "$sdk" = 2 ] && "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then
    echo "SDK=2: azure-functions-durable 2.x needs Python 3.13 or later, and $python is $version." >&2
    echo "  Name one: make … SDK=2 PYTHON=python3.13" >&2
    exit 2
fi

install() {
    "$folder/bin/python" -m pip --quiet --quiet --disable-pip-version-check install --no-deps "$@"
}

rm -f "$ready"
if [ "$python $sdk" != "$made_python $made_sdk" ] || [ ! -x "$folder/bin/python" ]; then
    echo "[1/3] Making $folder with Python $version ($python)"
    [ ! -f "$folder/pyvenv.cfg" ] || rm -rf "$folder"
    "$python" -m venv "$folder"
else
    echo "[1/3] Keeping $folder (Python $version): what it shall have has changed"
fi
echo "[2/3] Installing the $(grep -c '^[a-z]' "$constraints") packages of $constraints, each checked by its hash; this takes a minute"
install --require-hashes -r "$constraints"
echo "[3/3] Installing durable-harness from this folder"
install --no-build-isolation --editable .
echo "$python $sdk" >"$ready"
