"""Where images come from: a frozen dataclass a source, each with the loader that it names.

A new one is a dataclass here and a file with the loader.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from vaelab.data.images import ImageData
from vaelab.spec import Spec

if TYPE_CHECKING:
    from vaelab.data.store import FileSet


class SourceSpec(Spec, room=True):
    """Base of the sources of images."""

    @abstractmethod
    def load(self, directory: Path | None = None) -> ImageData:
        """The images; `directory` is the folder of data sets."""


class Stored(SourceSpec):
    """A source whose files lie in the folder of data sets."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        raise NotImplementedError

    def read(self, directory: Path) -> ImageData:
        """The images from the folder of data sets."""
        raise NotImplementedError

    def load(self, directory: Path | None = None) -> ImageData:
        """The images; `directory` is the folder of data sets."""
        from vaelab.data.directory import data_directory

        return self.read(data_directory(directory))


@dataclass(frozen=True)
class Mnist(Stored):
    """The 70,000 digits of LeCun, Cortes and Burges (1998), 28 x 28, grey; downloaded where not at hand."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.mnist import mnist_files

        return mnist_files()

    def read(self, directory: Path) -> ImageData:
        """The images, verified by content."""
        from vaelab.data.mnist import load_mnist

        return load_mnist(directory)


@dataclass(frozen=True)
class FashionMnist(Stored):
    """The 70,000 images of clothes of Xiao, Rasul and Vollgraf (2017), 28 x 28, grey."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.fashion_mnist import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images."""
        from vaelab.data.fashion_mnist import load_fashion_mnist

        return load_fashion_mnist(directory)


@dataclass(frozen=True)
class Kmnist(Stored):
    """The 70,000 cursive hiragana of Clanuwat et al. (2018), 28 x 28, grey."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.kmnist import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images."""
        from vaelab.data.kmnist import load_kmnist

        return load_kmnist(directory)


@dataclass(frozen=True)
class Emnist(Stored):
    """Up to 814,255 digits and letters of Cohen et al. (2017), 28 x 28, grey; six subsets."""

    subset: Literal["balanced", "byclass", "bymerge", "letters", "digits", "mnist"] = "balanced"
    """Which of the six divisions into classes and splits."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.emnist import emnist_files

        return emnist_files(self.subset)

    def read(self, directory: Path) -> ImageData:
        """The images."""
        from vaelab.data.emnist import load_emnist

        return load_emnist(directory, self.subset)


@dataclass(frozen=True)
class Cifar10(Stored):
    """The 60,000 small photographs of Krizhevsky (2009), 32 x 32, RGB."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.cifar10 import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images."""
        from vaelab.data.cifar10 import load_cifar10

        return load_cifar10(directory)


@dataclass(frozen=True)
class CelebA(Stored):
    """202,599 faces of Liu et al. (2015), RGB, with 40 attributes; put into its folder by hand."""

    kind: ClassVar[str] = "celeba"

    path: str = ""
    """Folder with `img_align_celeba` and the two lists; otherwise `celeba` in the folder of data sets."""
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width, in pixels, that the middle of every image is brought to."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.celeba import celeba_files

        return celeba_files(self.path)

    def read(self, directory: Path) -> ImageData:
        """The images, decoded, cut and resized."""
        from vaelab.data.celeba import load_celeba

        return load_celeba(directory, self.path, self.image_size)


@dataclass(frozen=True)
class DSprites(Stored):
    """737,280 shapes of Matthey et al. (2017), 64 x 64, black and white, and their four factors."""

    limit: Annotated[int, Ge(2)] | None = None
    """Take this many, always the same random ones, instead of all."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.dsprites import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images."""
        from vaelab.data.dsprites import load_dsprites

        return load_dsprites(directory, self.limit)


@dataclass(frozen=True)
class Shapes3D(Stored):
    """480,000 rendered rooms of Burgess and Kim (2018), 64 x 64, RGB, and their six factors."""

    kind: ClassVar[str] = "shapes3d"

    limit: Annotated[int, Ge(2)] | None = None
    """Take this many, always the same random ones, instead of all."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.shapes3d import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The images."""
        from vaelab.data.shapes3d import load_shapes3d

        return load_shapes3d(directory, self.limit)


@dataclass(frozen=True)
class Sprites(SourceSpec):
    """Squares, ellipses and hearts on the factor grid of dSprites, 64 x 64, black and white; drawn on the spot."""

    limit: Annotated[int, Ge(2)] = 60_000
    """Take this many of the grid's 737,280, always the same random ones."""
    image_size: Annotated[int, Ge(16)] = 64
    """Height and width, pixels."""

    def load(self, directory: Path | None = None) -> ImageData:
        """The images and their factors."""
        from vaelab.data.sprites import load_sprites

        return load_sprites(self.limit, self.image_size)


@dataclass(frozen=True)
class Strokes(SourceSpec):
    """Digits written by a pen of known slant, thickness, scale and rotation, 28 x 28, grey; drawn on the spot."""

    json_names: ClassVar[Mapping[str, str]] = {"n_images": "images"}

    n_images: Annotated[int, Ge(2)] = 70_000
    """How many; a seventh of them is the test split."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides the factors."""

    def load(self, directory: Path | None = None) -> ImageData:
        """The images and their factors."""
        from vaelab.data.strokes import load_strokes

        return load_strokes(self.n_images, self.seed)


@dataclass(frozen=True)
class Digits(SourceSpec):
    """1,797 real digits embedded in scikit-learn, brought to 28 x 28; no download."""

    def load(self, directory: Path | None = None) -> ImageData:
        """The images."""
        from vaelab.data.digits import load_digits

        return load_digits()


@dataclass(frozen=True)
class Folder(SourceSpec):
    """Images of your own, grey or RGB, any size; class subfolders optional."""

    path: str
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width, in pixels, that every image is brought to."""
    skip_broken: bool = False
    """Leave out images that cannot be decoded, instead of refusing the folder."""

    def load(self, directory: Path | None = None) -> ImageData:
        """The images, decoded and resized."""
        from vaelab.data.folder import load_folder

        return load_folder(Path(self.path), self.image_size, self.skip_broken)


@dataclass(frozen=True)
class Npz(SourceSpec):
    """A NumPy archive with an array `images` (uint8) and, optionally, `labels` or `attributes`."""

    path: str

    def load(self, directory: Path | None = None) -> ImageData:
        """The images, read without unpickling."""
        from vaelab.data.npz import load_npz

        return load_npz(Path(self.path))
