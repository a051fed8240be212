"""Fashion-MNIST, in MNIST's format."""

from __future__ import annotations

from pathlib import Path

from vaelab.data.idx import idx_files, load_idx
from vaelab.data.images import ImageData

# The address and the names of the classes are those of the set's README,
# https://github.com/zalandoresearch/fashion-mnist; the sha256 of the downloads are from TensorFlow Datasets,
# https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/fashion_mnist.txt.
MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
CHECKSUMS = (
    "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FILES = idx_files(
    "Fashion-MNIST", "fashion-mnist", "https://github.com/zalandoresearch/fashion-mnist", MIRROR, CHECKSUMS
)


def load_fashion_mnist(directory: Path) -> ImageData:
    """70,000 images of clothes in ten classes (Xiao, Rasul and Vollgraf 2017), 28 x 28, grey.

    Raises:
        UserError: a file is missing or corrupt.
    """
    return load_idx(FILES, directory, CLASSES)
