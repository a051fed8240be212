"""Fashion-MNIST, in MNIST's format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vaelab.data.idx import IdxSource, idx_files
from vaelab.data.store import FileSet


@dataclass(frozen=True)
class FashionMnist(IdxSource):
    """The 70,000 images of clothes of Xiao, Rasul and Vollgraf (2017), 28 x 28, grey."""

    licence: ClassVar[str] = "MIT"

    # The first address is the folder of the files in the owners' repository, the second that of its README, a server
    # without https. The names of the classes are those of the README as well; the sha256 of the downloads are from
    # TensorFlow Datasets, https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/fashion_mnist.txt.
    published: ClassVar[FileSet] = idx_files(
        title="Fashion-MNIST",
        kind="fashion-mnist",
        page="https://github.com/zalandoresearch/fashion-mnist",
        mirrors=(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        checksums=(
            "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    )
    classes: ClassVar[tuple[str, ...]] = (
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
