"""KMNIST, in MNIST's format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vaelab.data.idx import IdxSource, idx_files
from vaelab.data.store import FileSet


@dataclass(frozen=True)
class Kmnist(IdxSource):
    """The 70,000 cursive hiragana of Clanuwat et al. (2018), 28 x 28, grey; one class per row of the syllabary."""

    licence: ClassVar[str] = "CC BY-SA 4.0"

    # The second address is that of the set's README, https://github.com/rois-codh/kmnist, the first the same by https,
    # as in https://github.com/ankane/torchvision-ruby, lib/torchvision/datasets/kmnist.rb. The sha256 of the downloads
    # and the order of the classes are from TensorFlow Datasets, https://github.com/tensorflow/datasets,
    # tensorflow_datasets/url_checksums/kmnist.txt and image_classification/mnist.py.
    published: ClassVar[FileSet] = idx_files(
        title="KMNIST",
        kind="kmnist",
        page="https://github.com/rois-codh/kmnist",
        mirrors=(
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ),
        checksums=(
            "sha256:51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "sha256:e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "sha256:edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "sha256:20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    )
    classes: ClassVar[tuple[str, ...]] = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
