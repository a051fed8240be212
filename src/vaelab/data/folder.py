"""Images from a folder of the user's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vaelab.data.images import ImageData, held_out
from vaelab.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


def load_folder(path: Path, image_size: int, skip_broken: bool = False) -> ImageData:
    """Every image below `path`, brought to `image_size` x `image_size` pixels by a centred crop to a square.

    Subfolders of `path`, where there are any, are the classes. Where there are subfolders `train` and
    `test`, they are the splits; otherwise a fifth of the images, always the same, is the test split.
    Images are grey (one channel) when all of them are, otherwise RGB. 16-bit grey is scaled to 8 bits;
    what is transparent shows white. Images that were left out are named in `skipped`.

    Raises:
        UserError: no folder, no images, or images that cannot be decoded and `skip_broken` is off.
    """
    if not path.is_dir():
        raise UserError(f"data folder {str(path)!r} is not a folder; name one that holds images")
    if (path / "train").is_dir() and (path / "test").is_dir():
        files = [_images(path / split) for split in ("train", "test")]
        roots = [path / "train", path / "test"]
    else:
        files, roots = [_images(path)], [path]
    if not all(files):
        raise UserError(f"data folder {str(path)!r} holds no images ({', '.join(sorted(SUFFIXES))})")

    decoded = [_decode_all(part, image_size) for part in files]
    broken = [str(file) for part in decoded for file, image in part if image is None]
    if broken and not skip_broken:
        named = ", ".join(broken[:5]) + (f" and {len(broken) - 5} more" if len(broken) > 5 else "")
        raise UserError(
            f"{len(broken)} of {sum(map(len, files))} images cannot be decoded: {named}; "
            "repair or remove them, or pass --skip-broken"
        )
    whole = [[(file, image) for file, image in part if image is not None] for part in decoded]
    if not all(whole):
        raise UserError(f"data folder {str(path)!r}: none of its images can be decoded")

    colour = any(image.shape[0] == 3 for part in whole for _, image in part)
    names = [_class(file, root) for part, root in zip(whole, roots, strict=True) for file, _ in part]
    if any(name is None for name in names) and any(names):
        stray = next(file for part in whole for file, _ in part if file.parent in roots)
        raise UserError(
            f"data folder {str(path)!r} has class subfolders, but {stray.name} lies beside them; "
            "move it into one of them"
        )
    classes = tuple(sorted({name for name in names if name is not None}))
    images = np.stack([_channels(image, colour) for part in whole for _, image in part])
    labels = np.array([classes.index(name) for name in names if name], np.int64) if classes else None
    if len(whole) == 2:
        train = len(whole[0])
        splits = {"train": range(train), "test": range(train, len(images))}
        data = ImageData(f"folder:{path}", images, labels, classes, splits)
    else:
        data = held_out(ImageData(f"folder:{path}", images, labels, classes))
    return replace(data, skipped=tuple(broken))


def _images(root: Path) -> list[Path]:
    return sorted(file for file in root.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())


def _class(file: Path, root: Path) -> str | None:
    inside = file.relative_to(root).parts
    return inside[0] if len(inside) > 1 else None


def _decode_all(files: Sequence[Path], size: int) -> list[tuple[Path, NDArray[np.uint8] | None]]:
    # A damaged file is reported by name below; Pillow's own lines about it would only confuse.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    # Pillow releases the interpreter's lock while it decodes, so threads use every core.
    with ThreadPoolExecutor() as pool:
        return list(zip(files, pool.map(lambda file: _decode(file, size), files), strict=True))


def _decode(file: Path, size: int) -> NDArray[np.uint8] | None:
    """One image as uint8 (C, size, size), or None where it cannot be decoded."""
    try:
        with Image.open(file) as opened:
            opened.draft(None, (size, size))  # a JPEG decodes straight to a smaller size
            image = _eight_bits(ImageOps.exif_transpose(opened))
            fitted = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    except Exception:  # Pillow's decoders raise whatever a damaged file provokes
        return None
    pixels = np.moveaxis(np.asarray(fitted, np.uint8), -1, 0)
    grey = (pixels == pixels[:1]).all()
    return pixels[:1] if grey else pixels


def _eight_bits(image: Image.Image) -> Image.Image:
    """Any image as 8-bit RGB: 16-bit grey is scaled, and what is transparent shows white.

    Raises:
        ValueError: a mode whose range of values cannot be known, such as floating point.
    """
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("integers beyond 16 bits")
        image = Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def _channels(image: NDArray[np.uint8], colour: bool) -> NDArray[np.uint8]:
    return np.repeat(image, 3, axis=0) if colour and len(image) == 1 else image
