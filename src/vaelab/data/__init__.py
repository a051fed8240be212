"""Data: sources of images, which all return `ImageData`.

A new source is one file, its spec and its loader, and one name below.
"""

# ruff: noqa: I001  # sources are listed to users in the order of these imports
from __future__ import annotations

from vaelab.data.data import Data as Data, DataFormat as DataFormat
from vaelab.data.images import ImageData as ImageData, ImageFormat as ImageFormat
from vaelab.data.arrays import as_data as as_data
from vaelab.data.columns import (
    ONE_HOT as ONE_HOT,
    Column as Column,
    ColumnType as ColumnType,
    TableFormat as TableFormat,
)
from vaelab.data.tables import TableData as TableData
from vaelab.data.reading import as_table as as_table, read_table as read_table, standardised as standardised
from vaelab.data.sources import SourceSpec as SourceSpec, Stored as Stored
from vaelab.data.mnist import Mnist as Mnist
from vaelab.data.fashion_mnist import FashionMnist as FashionMnist
from vaelab.data.kmnist import Kmnist as Kmnist
from vaelab.data.emnist import Emnist as Emnist
from vaelab.data.cifar10 import Cifar10 as Cifar10
from vaelab.data.celeba import CelebA as CelebA
from vaelab.data.dsprites import DSprites as DSprites
from vaelab.data.shapes3d import Shapes3D as Shapes3D
from vaelab.data.sprites import Sprites as Sprites
from vaelab.data.strokes import Strokes as Strokes
from vaelab.data.digits import Digits as Digits
from vaelab.data.folder import Folder as Folder
from vaelab.data.npz import Npz as Npz
from vaelab.data.sklearn_tables import SklearnTable as SklearnTable
from vaelab.data.table_files import Csv as Csv, Parquet as Parquet
from vaelab.data.in_memory import InMemory as InMemory
from vaelab.data.limited import Limited as Limited
from vaelab.data.validation import (
    training_and_validation as training_and_validation,
    validation_as_test as validation_as_test,
)
from vaelab.data.binarisation import (
    AnyBinarisation as AnyBinarisation,
    BinarisationSpec as BinarisationSpec,
    Dynamic as Dynamic,
    Grey as Grey,
    Static as Static,
    Threshold as Threshold,
)
from vaelab.data.augmentation import (
    AnyAugmentation as AnyAugmentation,
    AugmentationSpec as AugmentationSpec,
    Brightness as Brightness,
    Contrast as Contrast,
    Crop as Crop,
    Flip as Flip,
    augmented as augmented,
    check_augmentations as check_augmentations,
)
from vaelab.data.naming import (
    METAVAR as METAVAR,
    AnySource as AnySource,
    data_of as data_of,
    open_data as open_data,
    parse_source as parse_source,
    source_name as source_name,
    source_text as source_text,
    source_words as source_words,
)
