"""Where pictures come from: a frozen dataclass a source, each with the loader that it names.

Adding one is a dataclass here, which reads as its own documentation, its name in the union `Source`, and a file with
the loader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from annotated_types import Ge
from pydantic import Field

from vaelab.data.images import ImageData
from vaelab.errors import UserError
from vaelab.piece import Piece, Tag

if TYPE_CHECKING:
    from vaelab.data.store import FileSet


class Stored(Piece):
    """A source whose files lie in the folder of data sets."""

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        raise NotImplementedError

    def read(self, directory: Path) -> ImageData:
        """The pictures from the folder of data sets."""
        raise NotImplementedError

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures; `directory` is the folder of data sets."""
        from vaelab.data.directory import data_directory

        return self.read(data_directory(directory))


@dataclass(frozen=True)
class Mnist(Stored):
    """The 70,000 digits of LeCun, Cortes and Burges (1998), 28 x 28, grey; downloaded where not at hand."""

    kind: Tag[Literal["mnist"]] = field(default="mnist", repr=False, kw_only=True)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.mnist import mnist_files

        return mnist_files()

    def read(self, directory: Path) -> ImageData:
        """The pictures, verified by content."""
        from vaelab.data.mnist import load_mnist

        return load_mnist(directory)


@dataclass(frozen=True)
class FashionMnist(Stored):
    """The 70,000 pictures of clothes of Xiao, Rasul and Vollgraf (2017), 28 x 28, grey."""

    kind: Tag[Literal["fashion-mnist"]] = field(default="fashion-mnist", repr=False, kw_only=True)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.fashion_mnist import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The pictures."""
        from vaelab.data.fashion_mnist import load_fashion_mnist

        return load_fashion_mnist(directory)


@dataclass(frozen=True)
class Kmnist(Stored):
    """The 70,000 cursive hiragana of Clanuwat et al. (2018), 28 x 28, grey."""

    kind: Tag[Literal["kmnist"]] = field(default="kmnist", repr=False, kw_only=True)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.kmnist import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The pictures."""
        from vaelab.data.kmnist import load_kmnist

        return load_kmnist(directory)


@dataclass(frozen=True)
class Emnist(Stored):
    """Up to 814,255 digits and letters of Cohen et al. (2017), 28 x 28, grey; six subsets."""

    subset: Literal["balanced", "byclass", "bymerge", "letters", "digits", "mnist"] = "balanced"
    """Which of the six divisions into classes and splits."""
    kind: Tag[Literal["emnist"]] = field(default="emnist", repr=False, kw_only=True)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.emnist import emnist_files

        return emnist_files(self.subset)

    def read(self, directory: Path) -> ImageData:
        """The pictures."""
        from vaelab.data.emnist import load_emnist

        return load_emnist(directory, self.subset)


@dataclass(frozen=True)
class Cifar10(Stored):
    """The 60,000 small photographs of Krizhevsky (2009), 32 x 32, RGB."""

    kind: Tag[Literal["cifar10"]] = field(default="cifar10", repr=False, kw_only=True)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.cifar10 import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The pictures."""
        from vaelab.data.cifar10 import load_cifar10

        return load_cifar10(directory)


@dataclass(frozen=True)
class CelebA(Stored):
    """202,599 faces of Liu et al. (2015), RGB, with 40 attributes; put into its folder by hand."""

    path: str = ""
    """Folder with `img_align_celeba` and the two lists; otherwise `celeba` in the folder of data sets."""
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width, in pixels, that the middle of every picture is brought to."""
    kind: Tag[Literal["celeba"]] = field(default="celeba", repr=False, kw_only=True)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.celeba import celeba_files

        return celeba_files(self.path)

    def read(self, directory: Path) -> ImageData:
        """The pictures, decoded, cut and resized."""
        from vaelab.data.celeba import load_celeba

        return load_celeba(directory, self.path, self.image_size)


@dataclass(frozen=True)
class DSprites(Stored):
    """737,280 shapes of Matthey et al. (2017), 64 x 64, black and white, and their four factors."""

    limit: int | None = None
    """Take this many, always the same random ones, instead of all."""
    kind: Tag[Literal["dsprites"]] = field(default="dsprites", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_limit(self, self.limit)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.dsprites import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The pictures."""
        from vaelab.data.dsprites import load_dsprites

        return load_dsprites(directory, self.limit)


@dataclass(frozen=True)
class Shapes3D(Stored):
    """480,000 rendered rooms of Burgess and Kim (2018), 64 x 64, RGB, and their six factors."""

    limit: int | None = None
    """Take this many, always the same random ones, instead of all."""
    kind: Tag[Literal["shapes3d"]] = field(default="shapes3d", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_limit(self, self.limit)

    def files(self) -> FileSet:
        """The files: where they lie and how to come by them."""
        from vaelab.data.shapes3d import FILES

        return FILES

    def read(self, directory: Path) -> ImageData:
        """The pictures."""
        from vaelab.data.shapes3d import load_shapes3d

        return load_shapes3d(directory, self.limit)


@dataclass(frozen=True)
class Sprites(Piece):
    """Squares, ellipses and hearts on the factor grid of dSprites, 64 x 64, black and white; drawn on the spot."""

    limit: Annotated[int, Ge(2)] = 60_000
    """Take this many of the grid's 737,280, always the same random ones."""
    image_size: Annotated[int, Ge(16)] = 64
    """Height and width, pixels."""
    kind: Tag[Literal["sprites"]] = field(default="sprites", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures and their factors."""
        from vaelab.data.sprites import load_sprites

        return load_sprites(self.limit, self.image_size)


@dataclass(frozen=True)
class Strokes(Piece):
    """Digits written by a pen of known slant, thickness, scale and rotation, 28 x 28, grey; drawn on the spot."""

    images: Annotated[int, Ge(2)] = 70_000
    """How many; a seventh of them is the test split."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides the factors."""
    kind: Tag[Literal["strokes"]] = field(default="strokes", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures and their factors."""
        from vaelab.data.strokes import load_strokes

        return load_strokes(self.images, self.seed)


@dataclass(frozen=True)
class Digits(Piece):
    """1,797 real digits embedded in scikit-learn, brought to 28 x 28; no download."""

    kind: Tag[Literal["digits"]] = field(default="digits", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures."""
        from vaelab.data.digits import load_digits

        return load_digits()


@dataclass(frozen=True)
class Folder(Piece):
    """Pictures of your own, grey or RGB, any size; class subfolders optional."""

    path: str
    image_size: Annotated[int, Ge(4)] = 64
    """Height and width, in pixels, that every picture is brought to."""
    skip_broken: bool = False
    """Leave out pictures that cannot be decoded, instead of refusing the folder."""
    kind: Tag[Literal["folder"]] = field(default="folder", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures, decoded and resized."""
        from vaelab.data.folder import load_folder

        return load_folder(Path(self.path), self.image_size, self.skip_broken)


@dataclass(frozen=True)
class Npz(Piece):
    """A NumPy archive with an array `images` (uint8) and, optionally, `labels` or `attributes`."""

    path: str
    kind: Tag[Literal["npz"]] = field(default="npz", repr=False, kw_only=True)

    def load(self, directory: Path | None = None) -> ImageData:
        """The pictures, read without unpickling."""
        from vaelab.data.npz import load_npz

        return load_npz(Path(self.path))


Source = Annotated[
    Mnist
    | FashionMnist
    | Kmnist
    | Emnist
    | Cifar10
    | CelebA
    | DSprites
    | Shapes3D
    | Sprites
    | Strokes
    | Digits
    | Folder
    | Npz,
    Field(discriminator="kind"),
]
SOURCES: tuple[type[Source], ...] = get_args(get_args(Source)[0])


def _check_limit(source: Piece, limit: int | None) -> None:
    """Refuse what is no number of pictures to train on and to test on."""
    where = f"{type(source).__name__}.limit is {limit!r}"
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        raise UserError(f"{where}, but must be of type int, or None for all")
    if limit is not None and limit < 2:
        raise UserError(f"{where}, but must be >= 2, one of them for the test split")
