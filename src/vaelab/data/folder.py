"""Images in a folder of the user's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.data.data import held_out
from vaelab.data.decoding import MAX_PIXELS, eight_bits, in_threads, own_limit, room_for
from vaelab.data.images import ImageData
from vaelab.data.sources import SourceSpec
from vaelab.errors import UserError

if TYPE_CHECKING:
    pass

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


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
        followed. The field `skipped` names the images that were left out.

        Raises:
            UserError: there is no folder, a subfolder cannot be read, there are no images, an image has more than
                `max_pixels` pixels, or images cannot be decoded and `skip_broken` is off.
        """
        path = Path(self.path)
        if not path.is_dir():
            raise UserError(f"data folder {self.path!r} is not a folder; name one that holds images")
        split = (path / "train").is_dir() and (path / "test").is_dir()
        roots = [path / "train", path / "test"] if split else [path]
        decoded = self._decoded(roots)
        broken = tuple(str(file) for part in decoded for file, image in part if image is None)
        whole = [[(file, image) for file, image in part if image is not None] for part in decoded]
        if not all(whole):
            raise UserError(f"data folder {self.path!r}: none of its images can be decoded; repair them")

        colour = any(image.shape[0] == 3 for part in whole for _, image in part)
        images = np.stack([_channels(image, colour) for part in whole for _, image in part])
        labels, classes = self._labels([[file for file, _ in part] for part in whole], roots)
        data = ImageData(f"folder:{path}", images, labels, classes)
        if split:
            train = len(whole[0])
            data = replace(data, splits={"train": range(train), "test": range(train, len(images))})
        else:
            data = held_out(data)
        return replace(data, skipped=broken)

    def _decoded(self, roots: Sequence[Path]) -> list[list[tuple[Path, NDArray[np.uint8] | None]]]:
        """The files below each root with their images; None for an image that cannot be decoded.

        Raises:
            UserError: there are no images, or images cannot be decoded and `skip_broken` is off.
        """
        import logging

        files = [_files(root) for root in roots]
        if not all(files):
            raise UserError(f"data folder {self.path!r} holds no images ({', '.join(sorted(SUFFIXES))})")
        # Damaged files are reported by name below; Pillow's own warnings about them would only confuse.
        logging.getLogger("PIL").setLevel(logging.CRITICAL)
        with own_limit():
            images = [in_threads(lambda file: _decode(file, self.image_size, self.max_pixels), part) for part in files]
        decoded = [list(zip(*pair, strict=True)) for pair in zip(files, images, strict=True)]
        broken = [str(file) for part in decoded for file, image in part if image is None]
        if broken and not self.skip_broken:
            named = ", ".join(broken[:5]) + (f" and {len(broken) - 5} more" if len(broken) > 5 else "")
            raise UserError(
                f"{len(broken)} of {sum(map(len, files))} images cannot be decoded: {named}",
                python="repair or remove them, or set skip_broken=True",
                flags="repair or remove them, or pass --skip-broken",
            )
        return decoded

    def _labels(
        self, files: Sequence[Sequence[Path]], roots: Sequence[Path]
    ) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        """The label of each file, below each root, and the names of the classes; None for no class subfolders.

        Raises:
            UserError: only some of the files lie in a class subfolder.
        """
        names = [_class(file, root) for part, root in zip(files, roots, strict=True) for file in part]
        if any(name is None for name in names) and any(names):
            stray = next(file for part in files for file in part if file.parent in roots)
            raise UserError(
                f"data folder {self.path!r} has class subfolders, but {stray.name} lies next to them; "
                "move it into one of them"
            )
        classes = tuple(sorted({name for name in names if name is not None}))
        labels = np.array([classes.index(name) for name in names if name], np.int64) if classes else None
        return labels, classes


def _files(root: Path) -> list[Path]:
    """The image files below a folder, links followed, each folder once.

    Raises:
        UserError: a folder cannot be read, or a name is not UTF-8.
    """

    def refuse(error: OSError) -> NoReturn:
        raise UserError(
            f"folder {error.filename!r} cannot be read ({error.strerror}); change its permissions or remove it"
        )

    found, seen = [], set()
    for folder, below, files in os.walk(root, followlinks=True, onerror=refuse):
        place = os.path.realpath(folder)
        if place in seen:
            below.clear()
            continue
        seen.add(place)
        found += [Path(folder) / file for file in files if Path(file).suffix.lower() in SUFFIXES]
    for file in found:
        try:
            str(file).encode()
        except UnicodeEncodeError:
            named = os.fsencode(file)
            raise UserError(f"the name {named!r} is not UTF-8, so no record could hold it; rename it") from None
    return sorted(file for file in found if file.is_file())


def _class(file: Path, root: Path) -> str | None:
    """The subfolder of `root` that holds the file; None for `root` itself."""
    inside = file.relative_to(root).parts
    return inside[0] if len(inside) > 1 else None


def _decode(file: Path, size: int, most: int) -> NDArray[np.uint8] | None:
    """One image as uint8 (C, size, size), or None if it cannot be decoded.

    Raises:
        UserError: it has more than `most` pixels.
        MemoryError: there is not enough memory, which says nothing of the image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            opened.draft(None, (size, size))  # a JPEG decodes straight to a smaller size
            with room_for(opened, most, str(file)):
                image = eight_bits(ImageOps.exif_transpose(opened))
                fitted = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    except (UserError, MemoryError):
        raise
    except Exception:  # Pillow's decoders raise many kinds of errors on a damaged file
        return None
    pixels = np.moveaxis(np.asarray(fitted, np.uint8), -1, 0)
    grey = (pixels == pixels[:1]).all()
    return pixels[:1] if grey else pixels


def _channels(image: NDArray[np.uint8], colour: bool) -> NDArray[np.uint8]:
    return np.repeat(image, 3, axis=0) if colour and len(image) == 1 else image
