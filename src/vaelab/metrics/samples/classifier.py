"""A small classifier of real images, which labels decoded images and gives features for sample metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from vaelab.codec import decode, encode
from vaelab.data.images import ImageData, ImageFormat
from vaelab.data.mapped import rows_of
from vaelab.errors import UserError
from vaelab.loops import counted
from vaelab.metrics.checks import at_least
from vaelab.models.files import read_tensors, restore, write_tensors
from vaelab.networks import Conv
from vaelab.sizes import Sizes

Labels = Int[Tensor, " M"] | Int[NDArray[np.int64], " M"]
Images = Float[Tensor, "N C H W"] | Float[NDArray[Any], "N C H W"]

_CHANNELS = (16, 32, 64)
FEATURES = 128
_RATE = 5e-3
# Least number of training steps if `epochs` is not given.
_STEPS = 150
# Images per batch at inference.
_BATCH = 1000


class ImageClassifier(nn.Module):
    """The encoder of `vaelab.Conv` with batch normalisation (Ioffe and Szegedy 2015), and two linear layers.

    Images can be tensors or numpy arrays; classes and features are returned as numpy arrays.

    Args:
        format: shape and classes of the images.

    Raises:
        UserError: fewer than two classes, or images that are too small.
    """

    def __init__(self, format: ImageFormat) -> None:
        super().__init__()
        at_least("the number of classes", len(format.classes), 2)
        self.format = format
        # Only the encoder is used, so the sizes of the latent and of the parameters do not matter.
        network: Any = Conv(_CHANNELS).build(Sizes(format.shape, latent=1, condition=0, parameters=1))
        trunk: list[nn.Module] = []
        for layer in network.down:
            trunk.append(layer)
            if isinstance(layer, nn.Conv2d):
                trunk.append(nn.BatchNorm2d(layer.out_channels))
        self.trunk = nn.Sequential(*trunk, nn.Flatten(), nn.Linear(network.features, FEATURES), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, len(format.classes)))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Logits of the classes."""
        logits: Tensor = self.head(self.trunk(x.contiguous(memory_format=torch.channels_last)))
        return logits

    def predict(self, images: Images) -> Int[NDArray[np.int64], " N"]:
        """The most probable class of each image.

        Args:
            images: in [0, 1].

        Raises:
            UserError: no image, images of another shape than the training images, or pixels outside [0, 1].
        """
        classes: NDArray[np.int64] = self._over(images, self).argmax(1)
        return classes

    def features(self, images: Images) -> Float[NDArray[np.float64], "N F"]:
        """Inputs of the last layer, non-negative.

        Raises:
            UserError: as `predict`.
        """
        return self._over(images, self.trunk)

    def accuracy(self, images: Images, labels: Labels) -> float:
        """The share of images whose most probable class is their label.

        Raises:
            UserError: as `predict`, or labels that do not match the images.
        """
        if tuple(labels.shape) != (len(images),) or len(labels) == 0:
            raise UserError(
                f"labels has shape {tuple(labels.shape)}, but there are {len(images)} images; give one label per image"
            )
        return float((self.predict(images) == np.asarray(labels)).mean())

    def save(self, path: str | Path) -> None:
        """Save as one `.safetensors` file, which `load` restores bit for bit.

        Raises:
            UserError: the file cannot be written.
        """
        write_tensors(Path(path), self.state_dict(), {"classifier": encode(self.format)})

    @staticmethod
    def load(path: str | Path) -> ImageClassifier:
        """A saved classifier, on the CPU.

        Raises:
            UserError: a file that is absent or damaged, does not hold a classifier, or was written by another version.
        """
        tensors, about = read_tensors(Path(path))
        if "classifier" not in about:
            raise UserError(f"{path} is not a classifier; give a file that ImageClassifier.save wrote")
        format = decode(ImageFormat, about["classifier"], f"{path}: classifier")
        # The fresh weights are overwritten, so the caller's RNG state is restored.
        with torch.random.fork_rng(devices=[]):
            classifier = ImageClassifier(format)
        restore(classifier, tensors, str(path))
        return classifier.eval()

    @torch.no_grad()
    def _over(self, images: Images, part: nn.Module) -> NDArray[np.float64]:
        """Outputs of a part of the network for all images, in inference mode."""
        at_least("the number of images", len(images), 1)
        if tuple(images.shape[1:]) != self.format.shape:
            raise UserError(f"images has shape {tuple(images.shape)}, but the classifier takes {self.format.shape}")
        device = next(self.parameters()).device
        was_training = self.training
        self.eval()
        found = []
        for rows in torch.as_tensor(images).split(_BATCH):
            if not bool(((rows >= 0) & (rows <= 1)).all()):
                raise UserError(
                    f"images has pixels from {float(rows.min())} to {float(rows.max())}, but they must be in [0, 1]; "
                    "scale them"
                )
            x = rows.to(device, torch.float32).contiguous(memory_format=torch.channels_last)
            found.append(part(x).double().cpu())
        self.train(was_training)
        outcome: NDArray[np.float64] = torch.cat(found).numpy()
        return outcome


def train_classifier(
    data: ImageData, epochs: int | None = None, seed: int = 0, batch_size: int = 128
) -> ImageClassifier:
    """Train a classifier on labelled images, reproducibly for a seed; restores the RNG state on exit.

    AdamW (Loshchilov and Hutter 2019) with the one-cycle learning rate of Smith and Topin (2019). Each batch is shifted
    by up to one pixel. On the test split of MNIST the accuracy is about 99.3 %.

    Args:
        data: labelled images, of which those of an unknown label, -1, are left out; if the data has a training split,
            only that split is used.
        epochs: passes over the images; by default three, or more if three are fewer than 150 steps.
        seed: of weights, order, shifts and dropout.
        batch_size: images per step.

    Raises:
        UserError: data without labels or with one class only, fewer than two images, or images that are too small.
    """
    data = data.split("train") if "train" in data.splits else data
    if data.labels is None:
        raise UserError(f"data is {data.name}, which has no labels; choose data with classes")
    if (data.labels < 0).any():
        data = data.take(np.flatnonzero(data.labels >= 0))
    at_least("batch_size", batch_size, 2)
    # Batch normalisation needs a variance.
    at_least("the number of images", len(data), 2)
    batches = len(data) // batch_size or 1
    passes = max(3, -(-_STEPS // batches)) if epochs is None else epochs
    at_least("epochs", passes, 1)
    images, labels = data.images, torch.from_numpy(data.labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = ImageClassifier(data.format).train()
        optimiser = torch.optim.AdamW(classifier.parameters(), lr=_RATE, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=passes * batches)
        for _ in counted(range(passes), passes):
            # An incomplete last batch is dropped; the next pass has another order.
            order = torch.randperm(len(images))[: batches * batch_size].split(batch_size)
            for rows in counted(order, batches):
                loss = cross_entropy(classifier(_shifted(rows_of(images, rows).float() / 255)), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return classifier.eval()


def _shifted(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    """The images shifted by up to one pixel in each direction, with replicated edges."""
    down, right = torch.randint(3, (2,)).tolist()
    height, width = x.shape[2:]
    return pad(x, (1, 1, 1, 1), mode="replicate")[:, :, down : down + height, right : right + width]
