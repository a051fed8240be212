"""LPIPS, with weights from a file of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, normalize, relu

from vaelab.data.images import ImageFormat
from vaelab.errors import UserError

# Of the authors' package: means and deviations of ImageNet's channels on the scale from -1 to 1.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Layout(NamedTuple):
    """The layers of a torchvision network `features`, by number; those without an entry are ReLUs."""

    convolutions: dict[int, tuple[int, int, int]]
    """Kernel, stride and padding."""
    pooling: dict[int, tuple[int, int]]
    """Kernel and stride of the largest values."""
    compared: tuple[int, ...]
    """The ReLUs whose outputs are compared."""


_VGG16 = Layout(
    dict.fromkeys((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), (3, 1, 1)),
    dict.fromkeys((4, 9, 16, 23), (2, 2)),
    (3, 8, 15, 22, 29),
)
_ALEXNET = Layout(
    {0: (11, 4, 2), 3: (5, 1, 2), 6: (3, 1, 1), 8: (3, 1, 1), 10: (3, 1, 1)},
    dict.fromkeys((2, 5), (3, 2)),
    (1, 4, 7, 9, 11),
)


class LpipsPenalty(nn.Module):
    """sum_l mean_hw sum_c w_lc (f_lc(x) - f_lc(y))^2, f_l the features of layer l divided by their norm over channels.

    Zhang et al. (2018), equation 1, where w_lc is the square of the paper's. Images of one channel are given to the
    network as three equal ones.

    Args:
        path: a safetensors file, see `vaelab.Lpips`.
        format: of the images.

    Raises:
        UserError: the file is absent or holds no such network, or the images do not fit it.
    """

    def __init__(self, path: str, format: ImageFormat) -> None:
        super().__init__()
        if format.channels not in (1, 3):
            raise UserError(f"Lpips takes images of 1 or 3 channels, but these have {format.channels}; choose MsSsim")
        weights = _read(path)
        kernels: dict[tuple[int, ...], Layout] = {(64, 3, 3, 3): _VGG16, (64, 3, 11, 11): _ALEXNET}
        first = weights.get("features.0.weight")
        if first is None or tuple(first.shape) not in kernels:
            raise UserError(
                f"{path} holds neither torchvision's VGG16 nor its AlexNet: features.0.weight is "
                f"{'absent' if first is None else f'of shape {tuple(first.shape)}'}"
            )
        self.layout: Layout = kernels[tuple(first.shape)]
        # Weights as buffers that no checkpoint repeats: VGG16 has 59 MB of them, and they are in the file.
        channels = 3
        for number, (kernel, _, _) in self.layout.convolutions.items():
            weight = self._keep(path, weights, f"features.{number}.weight", (None, channels, kernel, kernel))
            channels = len(weight)
            self._keep(path, weights, f"features.{number}.bias", (channels,))
        for level, number in enumerate(self.layout.compared):
            before = max(each for each in self.layout.convolutions if each < number)
            width = len(weights[f"features.{before}.weight"])
            name = f"lin{level}.weight" if f"lin{level}.weight" in weights else f"lin{level}.model.1.weight"
            linear = _checked(path, weights, name, (1, width, 1, 1))
            self.register_buffer(f"lin{level}", linear, persistent=False)
        for name, values in (("shift", _SHIFT), ("scale", _SCALE)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        try:
            self.features(torch.zeros(1, *format.shape))
        except RuntimeError:
            raise UserError(
                f"images of {format.height} x {format.width} pixels are too small for the network in {path}; "
                "choose MsSsim"
            ) from None

    def _keep(self, path: str, weights: dict[str, Tensor], name: str, shape: tuple[int | None, ...]) -> Tensor:
        weight = _checked(path, weights, name, shape)
        self.register_buffer(name.replace(".", "_"), weight, persistent=False)
        return weight

    def features(self, x: Float[Tensor, "N C H W"]) -> list[Tensor]:
        """Features of each compared layer, of norm one over channels."""
        found: list[Tensor] = []
        h: Tensor = (2 * x - 1 - self.get_buffer("shift")) / self.get_buffer("scale")
        for number in range(self.layout.compared[-1] + 1):
            if number in self.layout.convolutions:
                _, stride, padding = self.layout.convolutions[number]
                weight, bias = (self.get_buffer(f"features_{number}_{part}") for part in ("weight", "bias"))
                h = conv2d(h, weight, bias, stride, padding)
            elif number in self.layout.pooling:
                h = max_pool2d(h, *self.layout.pooling[number])
            else:
                h = relu(h)
            if number in self.layout.compared:
                # Where all channels are zero, so are the normalised ones and their gradient.
                found.append(normalize(h, dim=1, eps=1e-10))
        return found

    def forward(self, x: Float[Tensor, "N C H W"], y: Float[Tensor, "N C H W"]) -> Float[Tensor, " N"]:
        """The penalty of each pair."""
        levels = [
            conv2d((f - g).square(), self.get_buffer(f"lin{level}")).mean((1, 2, 3))
            for level, (f, g) in enumerate(zip(self.features(x), self.features(y), strict=True))
        ]
        return torch.stack(levels).sum(0)


def _read(path: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in float32.

    Raises:
        UserError: the file is absent, or no safetensors file.
    """
    if not Path(path).is_file():
        raise UserError(f"Lpips.weights is {path!r}, which does not exist; name a .safetensors file")
    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is not a complete safetensors file ({' '.join(str(error).split())})") from None


def _checked(path: str, weights: dict[str, Tensor], name: str, shape: tuple[int | None, ...]) -> Tensor:
    """A tensor of the file.

    Raises:
        UserError: it is absent or has another shape; None stands for any size.
    """
    found = weights.get(name)
    if found is None:
        raise UserError(f"{path} has no {name}, which Lpips needs; put the network and its linear layers into one file")
    sizes = zip(found.shape, shape, strict=False)
    if found.ndim != len(shape) or any(wanted not in (None, size) for size, wanted in sizes):
        wanted = tuple("any" if size is None else size for size in shape)
        raise UserError(f"{path}: {name} has shape {tuple(found.shape)}, but must have {wanted}")
    return found
