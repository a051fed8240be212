"""The page of `vaelab explore`, named by VAELAB_EXPLORER, in a frame on the front page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from api import write_if_new
from sphinx.application import Sphinx
from sphinx.config import Config

_FRAME = """The models run in this frame. Draw a digit, drag through the latent plane, change the label;
[the guide](explorer.md) says what each panel computes. <a href="{name}">Open the explorer alone</a>.

<iframe class="explorer" src="{name}" title="vaelab explorer" loading="lazy"></iframe>
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("config-inited", _add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add(app: Sphinx, config: Config) -> None:
    page = os.environ.get("VAELAB_EXPLORER", "")
    given = bool(page) and Path(page).is_file()
    if given:
        config.html_extra_path = [str(Path(page).resolve())]
    else:
        print("docs: the explorer is left out of the front page, since VAELAB_EXPLORER names no page", file=sys.stderr)
    frame = _FRAME.format(name=Path(page).name) if given else ""
    write_if_new(Path(app.srcdir) / "generated/explorer.md", frame)
