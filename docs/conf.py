"""The site, built by `make docs`: every page and notebook of this folder, the public names, and the trained models.

Environment:
    VAELAB_RUNS: folders of runs, separated by spaces, whose figures are the gallery.
    VAELAB_EXPLORER: the page of `vaelab explore`, shown on the front page.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import vaelab

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project, version = "vaelab", vaelab.__version__
copyright = "the authors of vaelab, MIT licence"
extensions = ["myst_nb", "sphinx.ext.autodoc", "api", "docstrings", "gallery", "mathml", "downloads"]
exclude_patterns = ["generated/*.txt"]
nitpicky = True

# Markdown and notebooks
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_excludepatterns = [*sorted(path.name for path in HERE.glob("*.md"))]
nb_merge_streams = True

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
pygments_style, pygments_dark_style = "friendly", "github-dark"

explorer = Path(os.environ.get("VAELAB_EXPLORER", "explorer.html")).resolve()
if explorer.is_file():
    tags.add("explorer")  # noqa: F821  # Sphinx's own name
    html_extra_path = [str(explorer)]
