"""CelebA, from a folder with the files that its owners distribute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from vaelab.data.decoded import Decoding
from vaelab.data.images import ImageData
from vaelab.data.listing import Files
from vaelab.data.sources import Stored
from vaelab.data.store import FileSet, corrupt
from vaelab.errors import UserError

IMAGES, PARTITION, ATTRIBUTES = "img_align_celeba", "list_eval_partition.txt", "list_attr_celeba.txt"

# Side of the square that is cropped from the middle of 178 x 218 pixels, as is usual in the literature on faces.
CROP = 148


@dataclass(frozen=True)
class CelebA(Stored):
    """202,599 faces of Liu et al. (2015), RGB, with 40 attributes; put into its folder by hand."""

    licence: ClassVar[str] = "non-commercial research only"
    kind: ClassVar[str] = "celeba"

    path: str = ""
    """Folder with `img_align_celeba` and the two lists; by default `celeba` in the folder of data sets."""
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width in pixels that every face is resized to."""

    def files(self) -> FileSet:
        """The two lists and the folder of images."""
        home = str(Path(self.path).absolute()) if self.path else "celeba"
        return FileSet(
            title="CelebA",
            kind="celeba",
            names=(IMAGES, PARTITION, ATTRIBUTES),
            page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
            # All in one folder, as most people keep them, or in the owners' own folders.
            subfolders=(home, f"{home}/Img", f"{home}/Anno", f"{home}/Eval"),
        )

    def read(self, directory: Path) -> ImageData:
        """The faces, cropped to 148 x 148 in the middle and resized; an attribute is 1 if the face has it, else 0.

        The splits are the owners': train, validation and test.

        Raises:
            DataNotFound: files are missing.
            UserError: the files do not fit together, or images cannot be decoded.
        """
        files = self.files()
        folder = files.path(directory, IMAGES)
        partition = _partition(files.path(directory, PARTITION))
        names, described = _attributes(files.path(directory, ATTRIBUTES))
        order = [image for split in partition.values() for image in split]
        for image in order:
            if image not in described:
                raise UserError(f"{ATTRIBUTES} has no line for {image}, which {PARTITION} names; fetch both again")
        images = _decode_all(folder, order, self.image_size)
        splits, start = {}, 0
        for split, members in partition.items():
            splits[split] = range(start, start + len(members))
            start += len(members)
        attributes = np.array([described[image] for image in order], np.float32)
        return ImageData("celeba", images, splits=splits, attributes=attributes, attribute_names=names)


def _partition(path: Path) -> dict[str, list[str]]:
    """The images of each split, from lines such as `000001.jpg 0`; splits without images are left out."""
    partition: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise corrupt(path, f"line {number} is {line!r}, not an image and 0, 1 or 2")
        partition[list(partition)[int(words[1])]].append(words[0])
    if not any(partition.values()):
        raise corrupt(path, "it names no images")
    return {split: images for split, images in partition.items() if images}


def _attributes(path: Path) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """The names, from the second line, and 0 or 1 per name for each image, from -1 and 1 in the lines below."""
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


def _decode_all(folder: Path, names: list[str], size: int) -> NDArray[np.uint8]:
    """All images, (N, 3, size, size), decoded once into the cache folder.

    Raises:
        UserError: an image does not exist or cannot be decoded.
    """
    files = Files()
    files.add(str(folder), names)
    decoded = Decoding("CelebA", files, size, lambda file: _decode(file, size), "celeba", lambda good: good, grey=False)
    found = decoded.images()
    if found.broken:
        file = files[found.broken[0]]
        try:
            _decode(file, size)
            why = f"{file} could not be decoded a moment ago"
        except FileNotFoundError:
            why = f"{file} does not exist"
        except Exception as error:  # Pillow's decoders raise many kinds of errors on a damaged file
            why = f"{file} cannot be decoded ({error})"
        raise UserError(f"{len(found.broken)} of {len(files)} images of CelebA are damaged: {why}; unzip them again")
    return found.images


def _decode(file: str, size: int) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(file) as image:
        width, height = image.size
        if min(width, height) < CROP:
            raise ValueError(f"it is {width} x {height}, smaller than {CROP} x {CROP}")
        left, top = (width - CROP) // 2, (height - CROP) // 2
        square = image.convert("RGB").crop((left, top, left + CROP, top + CROP))
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
