"""Which Python and which SDK `make` takes, and what it says where it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs scripts of bash: run it on Linux or macOS")
ROOT = Path(__file__).parents[3]


def run(tool, *arguments, path, home):
    """Run a script of tools/ with a PATH and a home of the test's own."""
    environment = {"PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(home)}
    return subprocess.run(
        [ROOT / "tools" / tool, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def put(folder, name, version):
    """Put a Python into a folder that claims to be of this version; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    major, minor, _ = version.split(".")
    (folder / name).write_text(
        f"""#!/bin/sh
case "$2" in
    *_base_executable*) echo "{folder / name}" ;;
    *platform*) echo "{version}" ;;
    *) exec "{sys.executable}" -c "import sys; sys.version_info = ({major}, {minor}, 0); $2" ;;
esac
"""
    )
    (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("asked", ["python3.13", "3.13"])
def test_a_python_is_found_in_path_or_in_pyenv(tmp_path, asked):
    """A command that is only a stand-in and does not run is passed over for the Python that pyenv has."""
    shims = put(tmp_path / "shims", "python3.13", "3.13.0")
    there = run("find-python.sh", asked, path=shims, home=tmp_path)
    assert there.stdout.strip() == str(shims / "python3.13"), there.stderr
    (shims / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    installed = put(tmp_path / ".pyenv" / "versions" / "3.13.5" / "bin", "python", "3.13.5")
    found = run("find-python.sh", asked, path=shims, home=tmp_path)
    assert found.stdout.strip() == str(installed / "python"), found.stderr


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("python3.19", "there is no such Python, neither in PATH nor in pyenv"),
        ("python3.9", "python3.9 is Python 3.9.2"),
        ("/no/such/python", "there is no such Python"),
    ],
)
def test_a_python_that_will_not_do_is_named(tmp_path, asked, problem):
    """A Python that is too old or missing ends with 2 and a message that says what is needed and what to do."""
    path = put(tmp_path / "bin", "python3.9", "3.9.2")
    refused = run("find-python.sh", asked, path=path, home=tmp_path)
    assert refused.returncode == 2
    assert f"PYTHON={asked}: {problem}" in refused.stderr
    assert "Python 3.11 or later is needed" in refused.stderr
    assert "make … PYTHON=" in refused.stderr


@pytest.mark.parametrize(
    ("version", "sdk", "problem"),
    [
        ("3.13.0", "3", "SDK=3: expected 1 or 2"),
        ("3.11.9", "2", "SDK=2: azure-functions-durable 2.x needs Python 3.13 or later"),
    ],
)
def test_an_sdk_that_will_not_do_is_named(tmp_path, version, sdk, problem):
    """An SDK generation that is unknown, or that this Python cannot have, is refused before anything is made."""
    path = put(tmp_path / "bin", "python3.11", version)
    refused = run("make-venv.sh", tmp_path / "venv", "python3.11", sdk, path=path, home=tmp_path)
    assert refused.returncode == 2
    assert problem in refused.stderr
    assert not (tmp_path / "venv").exists()


def test_an_environment_is_kept_while_nothing_else_is_asked_for(tmp_path):
    """What was made for this Python and this SDK is not made again, and stays where none is named."""
    path = put(tmp_path / "bin", "python3.12", "3.12.4")
    environment = tmp_path / "venv"
    put(environment / "bin", "python", "3.12.4")
    (environment / ".ready").write_text(f"{path / 'python3.12'} 1\n")
    for asked in ([], ["python3.12"], ["python3.12", "1"], ["", "1"]):
        kept = run("make-venv.sh", environment, *asked, path=path, home=tmp_path)
        assert (kept.returncode, kept.stdout, kept.stderr) == (0, "", "")


def test_an_environment_of_another_python_is_made_again(tmp_path):
    """Asked for another Python, make takes the folder away, says so, and makes it for that one."""
    path = put(tmp_path / "bin", "python3.12", "3.12.4")
    environment = tmp_path / "venv"
    put(environment / "bin", "python", "3.11.4")
    (environment / "pyvenv.cfg").touch()
    (environment / ".ready").write_text("/elsewhere/python3.11 1\n")
    (path / "python3.12").write_text(
        (path / "python3.12").read_text().replace("#!/bin/sh", '#!/bin/sh\n[ "$1" = -c ] || exit 9')
    )
    begun = run("make-venv.sh", environment, "python3.12", path=path, home=tmp_path)
    assert begun.returncode == 9
    assert begun.stdout == f"[1/3] Making {environment} with Python 3.12.4 ({path / 'python3.12'})\n"
    assert not environment.exists()
