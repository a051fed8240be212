"""Perceptual penalties: how different two images look. The modules that they build import torch.

A penalty is no likelihood. It is added to the loss by `Perceptual`, and is no part of the reconstruction, the evidence
lower bound or any other number that is reported.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le

from vaelab.data import DataFormat, ImageFormat
from vaelab.errors import UserError
from vaelab.objectives.elbo import Elbo
from vaelab.objectives.objective import Loss, image_format
from vaelab.objectives.wrapper import AnyBase, Wrapper
from vaelab.schedules import AnySchedule, Constant
from vaelab.spec import Spec, any_of, qualified_name

if TYPE_CHECKING:
    from torch import nn


class PenaltySpec(Spec, room=True):
    """Base of the specs of perceptual penalties."""

    @abstractmethod
    def build(self, format: ImageFormat) -> nn.Module:
        """Build the penalty for images in [0, 1].

        It is a module from two batches of images, (N, C, H, W), to a number for each pair, (N,): 0 if they are equal,
        otherwise positive. Its weights are fixed.
        """


@dataclass(frozen=True)
class MsSsim(PenaltySpec):
    """One minus the multi-scale structural similarity (Wang, Simoncelli and Bovik 2003).

    penalty = 1 - l_M^alpha_M prod_j (c_j s_j)^alpha_j, the luminance l compared at the coarsest scale M, contrast c and
    structure s at every scale: Wang, Simoncelli and Bovik (2003), equation 7, with the exponents of its section 3.2.

    The window, 11 pixels wide, has to fit into the coarsest scale: images from 176 pixels on have the five scales of
    the paper, 64 x 64 has three, 28 x 28 two. The exponents of fewer scales are divided by their sum.
    """

    scales: Annotated[int, Ge(1), Le(5)] | None = None
    """Number of scales; None for as many as fit into the image, at most five. One is the plain SSIM."""

    def build(self, format: ImageFormat) -> nn.Module:
        """Build the penalty.

        Raises:
            UserError: the images are too small for this number of scales.
        """
        from vaelab.objectives.perceptual.ms_ssim import MsSsimPenalty

        return MsSsimPenalty(format.shape, self.scales)


@dataclass(frozen=True)
class Lpips(PenaltySpec):
    """Learned perceptual image patch similarity, LPIPS, by a network of the user's (Zhang et al. 2018).

    penalty = sum_l 1/(H_l W_l) sum_hw |w_l (f_l(x) - f_l(y))|^2, f_l the features of layer l divided by their norm over
    channels: Zhang et al. (2018), equation 1.

    The file has the weights of torchvision's VGG16 or AlexNet, `features.0.weight`, `features.0.bias`, ..., and the
    squares of w_l, `lin0.model.1.weight` to `lin4.model.1.weight`, as the authors' package `lpips` names them. It is
    read when training starts and is no part of a checkpoint. Nothing is downloaded, and nothing is unpickled.
    """

    weights: str
    """The .safetensors file."""

    def build(self, format: ImageFormat) -> nn.Module:
        """Build the penalty, and read its weights.

        Raises:
            UserError: the file is absent or holds no such network, or the images are too small for it, or have neither
                one nor three channels.
        """
        from vaelab.objectives.perceptual.lpips import LpipsPenalty

        return LpipsPenalty(self.weights, format)


@dataclass(frozen=True)
class DeepFeatures(PenaltySpec):
    """Squared difference of a network's features, a deep feature consistent VAE; in Python (Hou et al. 2017).

    penalty = sum_l 1/(2 C_l H_l W_l) |f_l(x) - f_l(y)|^2, f_l the output of layer l: Hou et al. (2017).

    The network is any module of images, such as the trunk of the project's classifier,
    `train_classifier(data).trunk`. It is copied, and its weights are fixed. Files hold its class name only.
    """

    network: Any = field(default=None, repr=False, compare=False, metadata={"json": False})
    """An `nn.Module` that takes images, (N, C, H, W)."""
    layers: tuple[Annotated[int, Ge(0)], ...] = ()
    """The children of an `nn.Sequential` whose outputs are compared; without any, the output of the network is."""
    name: str = ""
    """Class of the network; set automatically."""
    python_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network is not None:
            object.__setattr__(self, "name", qualified_name(self.network))

    def build(self, format: ImageFormat) -> nn.Module:
        """Build the penalty, with a copy of the network.

        Raises:
            UserError: the network does not take such images, has no such layers, or is missing because the spec was
                read from a file.
        """
        from vaelab.objectives.perceptual.features import FeaturePenalty

        if self.network is None:
            raise UserError(
                f"the penalty needs its network, {self.name or 'a module'}, which files cannot hold; pass it"
            )
        return FeaturePenalty(self.network, self.layers, format)


AnyPenalty = Annotated[PenaltySpec, any_of(PenaltySpec)]


@dataclass(frozen=True)
class Perceptual(Wrapper):
    """Another objective plus a perceptual penalty between each image and its decoded mean.

    loss = base + weight E_q[penalty(x, E[x | z])], a mean over images and draws. The penalty has no unit; the weight
    makes it nats per image. It is no part of the reconstruction that is reported.
    """

    base: AnyBase = Elbo()
    """The objective that the penalty is added to."""
    penalty: AnyPenalty = MsSsim()
    """The penalty."""
    weight: AnySchedule = Constant(100.0)
    """Weight of the penalty, nats per unit."""
    of_images: ClassVar[bool] = True

    def build_for(self, latent: int, format: DataFormat) -> Loss:
        """Build the loss, with the penalty's network.

        Raises:
            UserError: the data are rows of a table, or images that the penalty does not take.
        """
        from vaelab.objectives.perceptual.loss import PerceptualLoss

        images = image_format(format, self)
        return PerceptualLoss(self.base.build_for(latent, format), self.penalty.build(images), self.weight)
