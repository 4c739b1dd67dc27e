"""How Sphinx builds the site. `make docs` writes it to build/site; warnings and broken references are errors."""

import os
import sys
import tomllib
from pathlib import Path

from durable_harness import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # the classes of scenarios are read here, and never run
PYPROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
ADDRESSES = {name.lower(): url for name, url in PYPROJECT.get("urls", {}).items()}

project = PYPROJECT["name"]
version = release = __version__
author = "the authors of durable-harness"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's own name

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "linked_files",
    "listed_pages",
    "llms",
    "plain_docstrings",
    "public_names",
    "reference_pages",
]
exclude_patterns = ["_ext", "_static"]
templates_path: list[str] = []

myst_heading_anchors = 6  # links name headings as GitHub does
myst_enable_extensions = ["colon_fence", "deflist"]
suppress_warnings = ["myst.header"]  # pages of the root may begin below the first level

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
default_role = "code"  # docstrings are written with Markdown's backticks

smartquotes = False  # they make a dash of the two in `--option`

html_theme = "furo"
html_title = "durable-harness"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = "$ "
repository_url = ADDRESSES.get("source", "https://github.com/durable-harness/durable-harness")
