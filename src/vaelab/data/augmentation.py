"""Augmentation: random changes to the images of a training batch, on the device, a draw for each image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro
from annotated_types import Ge, Gt, Le

from vaelab.data.binarisation import BinarisationSpec
from vaelab.data.data import Data
from vaelab.data.images import ImageData
from vaelab.errors import UserError
from vaelab.named import parse_named, text_of
from vaelab.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor


class AugmentationSpec(Spec, room=True):
    """Base of the augmentations, each a callable from a batch of images to one of the same shape.

    Random numbers come from torch's global generator, which checkpoints hold, so that a resumed run draws the same.
    """

    new_values: ClassVar[bool] = True
    """Whether pixels get values that no pixel had before, so that binary images do not stay binary."""
    accepts: ClassVar[str] = "its name, such as 'crop:4'"

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """The augmentation that a text names; other values unchanged."""
        return parse_named(AugmentationSpec, value, "augmentation") if isinstance(value, str) else value

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The changed images, float32, (B, C, H, W); what leaves [0, 1] is clipped."""


@dataclass(frozen=True)
class Flip(AugmentationSpec):
    """Mirror an image with probability 1/2. It changes what some images show: a mirrored 2 is no digit."""

    axis: Literal["horizontal", "vertical"] = "horizontal"
    """`horizontal` swaps left and right, `vertical` top and bottom."""
    new_values: ClassVar[bool] = False

    def __call__(self, x: Tensor) -> Tensor:
        """The images, each mirrored or not."""
        import torch

        mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
        return torch.where(mirrored, x.flip(-1 if self.axis == "horizontal" else -2), x)


@dataclass(frozen=True)
class Crop(AugmentationSpec):
    """Pad an image with zeros and cut a window of its own size out, at a place drawn uniformly: a random shift."""

    pad: Annotated[int, Ge(1)] = 2
    """Pixels added on every side, and so the largest shift."""
    after_colon: ClassVar[str] = "pad"
    new_values: ClassVar[bool] = False

    def __call__(self, x: Tensor) -> Tensor:
        """The images, each with a shift of its own."""
        import torch

        n, channels, height, width = x.shape
        padded = torch.nn.functional.pad(x, [self.pad] * 4)
        top, left = torch.randint(2 * self.pad + 1, (2, n, 1), device=x.device)
        rows = top + torch.arange(height, device=x.device)
        columns = left + torch.arange(width, device=x.device)
        image = torch.arange(n, device=x.device).view(n, 1, 1, 1)
        channel = torch.arange(channels, device=x.device).view(channels, 1, 1)
        return padded[image, channel, rows.view(n, 1, height, 1), columns.view(n, 1, 1, width)]


@dataclass(frozen=True)
class Brightness(AugmentationSpec):
    """Jitter of brightness: x' = f x, f uniform in [1 - amount, 1 + amount], one f for an image."""

    amount: Annotated[float, Gt(0), Le(1)] = 0.2
    """The largest relative change."""
    after_colon: ClassVar[str] = "amount"

    def __call__(self, x: Tensor) -> Tensor:
        """The images, each brighter or darker."""
        return x * _factors(x, self.amount)


@dataclass(frozen=True)
class Contrast(AugmentationSpec):
    """Jitter of contrast: x' = m + f (x - m), m the mean of the image, f uniform in [1 - amount, 1 + amount]."""

    amount: Annotated[float, Gt(0), Le(1)] = 0.2
    """The largest relative change."""
    after_colon: ClassVar[str] = "amount"

    def __call__(self, x: Tensor) -> Tensor:
        """The images, each with more or less contrast."""
        mean = x.mean((1, 2, 3), keepdim=True)
        return mean + _factors(x, self.amount) * (x - mean)


def _factors(x: Tensor, amount: float) -> Tensor:
    """A factor for each image, (B, 1, 1, 1)."""
    import torch

    return 1 + amount * (2 * torch.rand(len(x), 1, 1, 1, device=x.device) - 1)


def augmented(augmentations: Sequence[AugmentationSpec], x: Tensor) -> Tensor:
    """A batch after the augmentations, one after the other; grey values are then rounded to multiples of 1 / 255.

    Raises:
        UserError: an augmentation returns something other than images of the same shape.
    """
    for each in augmentations:
        changed: Any = each(x)
        found = f"{getattr(changed, 'dtype', type(changed).__name__)} of shape {(*getattr(changed, 'shape', ()),)}"
        if found != (must := f"{x.dtype} of shape {(*x.shape,)}"):
            raise UserError(f"augmentation {type(each).__name__} returned {found}, but must return {must}")
        # As stored pixels are, since a likelihood may be over the 256 grey values alone.
        x = changed.mul(255).round().clamp(0, 255).div(255) if each.new_values else changed
    return x


def check_augmentations(augmentations: Sequence[AugmentationSpec], data: Data, binarisation: BinarisationSpec) -> None:
    """Refuse augmentations of a table, and those after which binary pixels are not binary.

    Raises:
        UserError: an augmentation does not go with the data.
    """
    if augmentations and not isinstance(data, ImageData):
        raise UserError(
            f"augmentation is {text_of(augmentations[0])!r}, which changes images, but {data.name} is a table",
            python="use augmentation=()",
            flags="drop --augmentation",
        )
    grey = [text_of(each) for each in augmentations if each.new_values]
    if grey and binarisation.binary(data):
        raise UserError(
            f"augmentation has {grey[0]!r}, which changes values, but {data.name} has binary pixels here; leave it out"
        )


AnyAugmentation = Annotated[
    AugmentationSpec,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="AUGMENTATION",
        # A text, which the field coerces: tyro drops the reason why an element of a tuple is refused.
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: isinstance(value, AugmentationSpec),
        str_from_instance=lambda spec: [text_of(spec)],
    ),
]
