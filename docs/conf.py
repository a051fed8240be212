"""The site, built by `make docs`: every page and notebook of this folder, the public names, and the trained models.

Environment:
    VAELAB_RUNS: folders of runs, separated by spaces, whose figures are the gallery.
    VAELAB_EXPLORER: the page of `vaelab explore`, shown on the front page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import vaelab

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project, version = "vaelab", vaelab.__version__
copyright = "the authors of vaelab, MIT licence"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "accessible",
    "api",
    "docstrings",
    "downloads",
    "explorer",
    "gallery",
    "mathml",
    "signatures",
]
exclude_patterns = ["generated/explorer.md"]  # part of the front page
nitpicky = True

# Markdown and notebooks
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_code_prompt_show = "Show the answer"
nb_code_prompt_hide = "Hide the answer"

# Public names
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

# Pages: no font, script or picture from elsewhere
html_theme = "furo"
html_title = f"vaelab {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_show_search_summary = False  # it asks for pages as a server would give them, and the site opens from disk
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
