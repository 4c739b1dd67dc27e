"""Older versions of packages for tests: each in a folder of its own, which PYTHONPATH puts before what is installed."""

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "older"


def environment_with(package, version, sha256):
    """Return the variables with which Python finds this version first. It is installed once and kept."""
    folder = FOLDER / f"{package}-{version}"
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as unfinished:
            _install(f"{package}=={version} --hash=sha256:{sha256}", Path(unfinished))
            _keep(Path(unfinished) / "packages", folder)
    return {"PYTHONPATH": str(folder)}


def _install(requirement, folder):
    (folder / "wanted.txt").write_text(requirement)
    words = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
    words += ["--require-hashes", "--target", str(folder / "packages"), "-r", str(folder / "wanted.txt")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{requirement} cannot be installed:\n{done.stderr}"


def _keep(made, folder):
    try:
        made.rename(folder)
    except OSError:
        assert folder.exists()  # another worker was quicker
