"""Images in a folder of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.data.data import held_out_rows
from vaelab.data.decoded import Decoding
from vaelab.data.decoding import MAX_PIXELS, eight_bits, room_for
from vaelab.data.images import ImageData
from vaelab.data.listing import SUFFIXES, Files, classes_of, list_images
from vaelab.data.sources import SourceSpec
from vaelab.errors import UserError


@dataclass(frozen=True)
class Folder(SourceSpec):
    """Images of your own, grey or RGB, any size; class subfolders optional."""

    path: str
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width in pixels that every image is resized to."""
    skip_broken: bool = False
    """Leave out images that cannot be decoded, instead of refusing the folder."""
    max_pixels: Annotated[int, Ge(1)] = MAX_PIXELS
    """Pixels of the largest image that is decoded; a few bytes of a file can stand for gigabytes."""

    def load(self, directory: Path | None = None) -> ImageData:
        """Every image below `path`, cropped to a centred square and resized to `image_size` x `image_size` pixels.

        Subfolders of `path`, if there are any, are the classes. Subfolders `train` and `test`, if there are both, are
        the splits; otherwise a fifth of the images, always the same, is the test split. Images are grey (one channel)
        if all of them are, otherwise RGB. 16-bit grey is scaled to 8 bits; transparent pixels become white. Links are
        followed. The field `skipped` names the images that were left out. They are decoded once, into the cache folder.

        Raises:
            UserError: there is no folder, a subfolder cannot be read, there are no images, an image has more than
                `max_pixels` pixels, or images cannot be decoded and `skip_broken` is off.
        """
        path = Path(self.path)
        if not path.is_dir():
            raise UserError(f"data folder {self.path!r} is not a folder; name one that holds images")
        split = (path / "train").is_dir() and (path / "test").is_dir()
        roots = [path / "train", path / "test"] if split else [path]
        files, ends = Files(), []
        for root in roots:
            list_images(files, str(root))
            ends.append(len(files))
        if 0 in np.diff([0, *ends]):
            raise UserError(f"data folder {self.path!r} holds no images ({', '.join(sorted(SUFFIXES))})")
        decoded = Decoding(
            title=self.path,
            files=files,
            size=self.image_size,
            decode=lambda file: _decode(file, self.image_size, self.max_pixels),
            settings=f"folder {self.max_pixels} {'split' if split else 'held out'}",
            order=(lambda good: good) if split else (lambda good: good[held_out_rows(len(good))[0]]),
            grey=True,
        ).images()
        skipped = self._skipped(files, decoded.broken)
        train = int(np.searchsorted(decoded.rows, ends[0])) if split else 0
        if not len(decoded.rows) or (split and train in (0, len(decoded.rows))):
            raise UserError(f"data folder {self.path!r}: none of its images can be decoded; repair them")
        splits = {"train": range(train), "test": range(train, len(decoded.rows))}
        if not split:
            splits = held_out_rows(len(decoded.rows))[1]
            if not splits["train"]:
                raise UserError(f"folder:{path}: 1 images; at least two are needed, one of them for the test split")
        labels, classes = self._labels(files, roots)
        return ImageData(
            f"folder:{path}",
            decoded.images,
            None if labels is None else labels[decoded.rows],
            classes,
            splits,
            skipped,
        )

    def _skipped(self, files: Files, broken: Sequence[int]) -> tuple[str, ...]:
        """The files that cannot be decoded.

        Raises:
            UserError: there are some, and `skip_broken` is off.
        """
        if broken and not self.skip_broken:
            named = ", ".join(files[number] for number in broken[:5])
            named += f" and {len(broken) - 5} more" if len(broken) > 5 else ""
            raise UserError(
                f"{len(broken)} of {len(files)} images cannot be decoded: {named}",
                python="repair or remove them, or set skip_broken=True",
                flags="repair or remove them, or pass --skip-broken",
            )
        return tuple(files[number] for number in broken)

    def _labels(self, files: Files, roots: Sequence[Path]) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        """The label of each file and the names of the classes; None for no class subfolders.

        Raises:
            UserError: only some of the files lie in a class subfolder.
        """
        labels, classes, stray = classes_of(files, roots)
        if classes and stray is not None:
            raise UserError(
                f"data folder {self.path!r} has class subfolders, but {stray} lies next to them; "
                "move it into one of them"
            )
        return (labels if classes else None), classes


def _decode(file: str, size: int, most: int) -> NDArray[np.uint8]:
    """One image as uint8 (size, size, 3).

    Raises:
        UserError: it has more than `most` pixels.
        MemoryError: there is not enough memory, which says nothing of the image.
        Exception: of many kinds, if it cannot be decoded.
    """
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        opened.draft(None, (size, size))  # a JPEG decodes straight to a smaller size
        with room_for(opened, most, file):
            # Of a JPEG without them, looking for the orientation would cost as much as decoding a small image.
            plain = opened.format == "JPEG" and not {"exif", "xmp"} & opened.info.keys()
            image = eight_bits(opened if plain else ImageOps.exif_transpose(opened))
            if image.size != (size, size):
                image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
            return np.asarray(image, np.uint8)
