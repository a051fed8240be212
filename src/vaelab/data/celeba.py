"""CelebA, from a folder as its owners distribute it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vaelab.data.images import ImageData
from vaelab.data.store import FileSet, corrupt
from vaelab.errors import UserError

PICTURES, PARTITION, ATTRIBUTES = "img_align_celeba", "list_eval_partition.txt", "list_attr_celeba.txt"

# Side of the square that is cut from the middle of 178 x 218 pixels, as is usual in the literature on faces.
CROP = 148


def celeba_files(path: str = "") -> FileSet:
    """The two lists and the folder of images; `path` instead of the folder `celeba` among the data sets."""
    home = str(Path(path).absolute()) if path else "celeba"
    return FileSet(
        title="CelebA",
        kind="celeba",
        names=(PICTURES, PARTITION, ATTRIBUTES),
        page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        # The owners' own folders, beside the flat layout that most people keep.
        places=(home, f"{home}/Img", f"{home}/Anno", f"{home}/Eval"),
    )


def load_celeba(directory: Path, path: str = "", image_size: int = 64) -> ImageData:
    """202,599 faces (Liu et al. 2015), cut to 148 x 148 in the middle and resized, RGB, with 40 attributes.

    An attribute is 1 where the face has it and 0 where not. The splits are the owners': train, validation, test.

    Args:
        directory: the folder of data sets.
        path: the folder of CelebA, if not `directory`/celeba.
        image_size: height and width in pixels.

    Raises:
        UserError: files are missing, do not fit together, or images cannot be decoded.
    """
    files = celeba_files(path)
    folder = files.path(directory, PICTURES)
    parts = _partition(files.path(directory, PARTITION))
    names, described = _attributes(files.path(directory, ATTRIBUTES))
    order = [image for split in parts.values() for image in split]
    for image in order:
        if image not in described:
            raise UserError(f"{ATTRIBUTES} has no line for {image}, which {PARTITION} names; fetch both again")
    images = _decode_all([folder / image for image in order], image_size)
    splits, start = {}, 0
    for split, files_of_it in parts.items():
        splits[split] = range(start, start + len(files_of_it))
        start += len(files_of_it)
    attributes = np.array([described[image] for image in order], np.float32)
    return ImageData("celeba", images, splits=splits, attributes=attributes, attribute_names=names)


def _partition(path: Path) -> dict[str, list[str]]:
    """The images of each split, from lines such as `000001.jpg 0`; a split without images is left out."""
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise corrupt(path, f"line {number} is {line!r}, not an image and 0, 1 or 2")
        parts[list(parts)[int(words[1])]].append(words[0])
    if not any(parts.values()):
        raise corrupt(path, "it names no images")
    return {split: images for split, images in parts.items() if images}


def _attributes(path: Path) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """The names, from the second line, and 0 or 1 for each of them and each image, from -1 and 1 in the rest."""
    lines = _lines(path)
    names = tuple(lines[1][1].split()) if len(lines) > 1 else ()
    described = {}
    for number, line in lines[2:]:
        image, *values = line.split()
        if len(values) != len(names) or not set(values) <= {"-1", "1"}:
            raise corrupt(path, f"line {number} does not give -1 or 1 for each of {len(names)} attributes")
        described[image] = [int(value == "1") for value in values]
    return names, described


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers."""
    try:
        return [(number, line) for number, line in enumerate(path.read_text().splitlines(), 1) if line.strip()]
    except UnicodeDecodeError as error:
        raise corrupt(path, error) from None


def _decode_all(files: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Every image as (3, size, size), straight into one array."""
    images = np.empty((len(files), 3, size, size), np.uint8)

    def decode(row: int) -> str | None:
        try:
            images[row] = _decode(files[row], size)
        except FileNotFoundError:
            return f"{files[row]} does not exist"
        except Exception as error:  # Pillow's decoders raise whatever a damaged file provokes
            return f"{files[row]} cannot be decoded ({error})"
        return None

    # Pillow releases the interpreter's lock while it decodes, so threads use every core.
    with ThreadPoolExecutor() as pool:
        trouble = [told for told in pool.map(decode, range(len(files))) if told]
    if trouble:
        raise UserError(f"{len(trouble)} of {len(files)} images of CelebA are amiss: {trouble[0]}; unzip them again")
    return images


def _decode(file: Path, size: int) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        width, height = image.size
        if min(width, height) < CROP:
            raise UserError(f"it is {width} x {height}, smaller than {CROP} x {CROP}")
        left, top = (width - CROP) // 2, (height - CROP) // 2
        square = image.convert("RGB").crop((left, top, left + CROP, top + CROP))
    return np.moveaxis(np.asarray(square.resize((size, size), Image.Resampling.BILINEAR)), -1, 0)
