"""How Sphinx builds the site. `make docs` writes it to build/site; warnings and broken references are errors."""

import sys
import tomllib
from pathlib import Path

from durable_harness import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
PYPROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
ADDRESSES = {name.lower(): url for name, url in PYPROJECT.get("urls", {}).items()}

project = PYPROJECT["name"]
version = release = __version__
author = "the authors of durable-harness"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's own name

extensions = ["myst_parser", "sphinx_copybutton", "linked_files", "listed_pages"]
exclude_patterns = ["_ext", "_static"]
templates_path: list[str] = []

myst_heading_anchors = 6  # links name headings as GitHub does
myst_enable_extensions = ["colon_fence", "deflist"]
suppress_warnings = ["myst.header"]  # pages of the root may begin below the first level

html_theme = "furo"
html_title = "durable-harness"
html_static_path = ["_static"]
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = "$ "
repository_url = ADDRESSES.get("source", "https://github.com/durable-harness/durable-harness")
