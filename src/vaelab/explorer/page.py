"""Writing the explorer's page: the built page with the contents of runs."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from vaelab.data import Data
from vaelab.errors import UserError
from vaelab.explorer.blocks import Blocks
from vaelab.explorer.contents import contents_of
from vaelab.explorer.sources import sources_of, test_images
from vaelab.files import write_atomically
from vaelab.models.model import Model
from vaelab.training import Run

MOST_BYTES = 64_000_000
"""Largest page by default."""
_EMPTY = '<script type="application/json" id="vaelab-contents"></script>'


@dataclass(frozen=True, repr=False)
class Explorer:
    """A page in which models run. In a notebook it shows itself; `write` makes a file of it."""

    page: str = field()
    """The page, HTML with everything in it."""
    names: tuple[str, ...] = ()
    """The models."""

    def __repr__(self) -> str:
        return f"Explorer of {', '.join(self.names)}: {len(self.page) / 1e6:.1f} MB"

    def write(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            UserError: the file cannot be written.
        """
        write_atomically(Path(path), self.page)
        return Path(path)

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="vaelab explorer" '
            'style="width: 100%; height: 900px; border: 0"></iframe>'
        )


def explore(
    *runs: Run | Model | str | Path,
    data: Data | None = None,
    title: str = "",
    snapshots: bool = False,
    data_dir: Path | None = None,
    most_bytes: int = MOST_BYTES,
    say: Callable[[str], None] = lambda line: None,
) -> Explorer:
    """One HTML page in which the models run; it needs no server and no network.

    Args:
        runs: runs, models, run folders or model files, for images of one shape.
        data: images to show instead of the test images of the first run.
        title: of the page; by default the names of the runs.
        snapshots: add the models of earlier epochs that a run kept; each is a little larger than its file.
        data_dir: the folder of data sets; by default VAELAB_DATA, otherwise a cache folder.
        most_bytes: refuse a page larger than this.
        say: takes a line of progress.

    Raises:
        UserError: no run, models that do not go together or cannot be exported, a page that is too large, or an
            installation without the built page.
    """
    if not runs:
        raise UserError("runs is empty; name at least one run")
    given = [Path(run) if isinstance(run, str | Path) else run for run in runs]
    template = built_page()
    sources = sources_of(given)
    measured, no_images = test_images(sources[0], data, data_dir)
    blocks = Blocks()
    names = tuple(source.name for source in sources)
    contents = contents_of(
        sources,
        measured,
        blocks,
        title=title or " and ".join(names),
        no_images=no_images,
        snapshots=snapshots,
        say=say,
    )
    # No name ends the element: "<" is written as an escape of JSON.
    text = json.dumps(contents, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    filled = f"{blocks.html}\n{_EMPTY.replace('></', f'>{text}</')}"
    page = template.replace(_EMPTY, filled, 1).replace(
        "<title>vaelab explorer</title>", f"<title>{html.escape(contents['title'])} · vaelab</title>", 1
    )
    if (size := len(page.encode())) > most_bytes:
        raise UserError(
            f"the page would be {size / 1e6:.0f} MB, but most_bytes is {most_bytes / 1e6:.0f} MB; show fewer "
            "models, no snapshots, or a smaller model",
            flags="allow more with --most-megabytes",
        )
    return Explorer(page, names)


def built_page() -> str:
    """The built page of this installation, without contents.

    Raises:
        UserError: it was not built.
    """
    page = files("vaelab.explorer").joinpath("built/page.html")
    if not page.is_file():
        raise UserError(
            "the explorer's page is not built; run `make explorer` in the checkout, or install vaelab's wheel, which "
            "has it"
        )
    return page.read_text(encoding="utf-8")
