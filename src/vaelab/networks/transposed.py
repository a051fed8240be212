"""A transposed convolution that is fast on CPUs."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from vaelab.distributions import exporting

_STRIDE = [2, 2]
_PADDING = [1, 1]


def _gradients(grad: Tensor, image: Tensor, weight: Tensor, which: list[bool]) -> tuple[Any, ...]:
    """Gradients of conv2d(image, weight), stride 2 and padding 1, for (image, weight, bias) where `which` is true."""
    gradients: tuple[Any, ...] = torch.ops.aten.convolution_backward(
        grad, image, weight, None, _STRIDE, _PADDING, [1, 1], False, [0, 0], 1, which
    )
    return gradients


class _Adjoint(torch.autograd.Function):
    """The transposed convolution, computed as the adjoint of a convolution.

    The gradient of an ordinary convolution is the same sum as oneDNN's transposed convolution, which in bf16 takes up
    to twelve times as long (5.2 against 0.4 ms for 128 x 4 x 4 -> 64 x 7 x 7, batch 128, on two AVX-512 cores). In fp32
    a training step is about 6 % faster.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        shape = (len(x), weight.shape[1], height, width)
        # Only the shape and the layout of this tensor are read.
        like = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        y: Tensor = _gradients(x, like, weight, [True, False, False])[0]
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        grad_x = torch.conv2d(grad, weight, None, _STRIDE, _PADDING)
        grad_weight = _gradients(x, grad, weight, [False, True, False])[1]
        return grad_x, grad_weight, None, None


class _OneChannel(torch.autograd.Function):
    """The transposed convolution to one channel, as a matrix product and a sum of overlapping patches.

    oneDNN computes sixteen channels at a time, so that one takes as long as sixteen. The gradient of x has the layout
    of x, channels last, and needs no copy.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        # Kernels of odd size get a row and a column of zeros: patches are then made of cells of 2 x 2 pixels.
        odd = weight.shape[2] % 2
        kernel = pad(weight, (0, odd, 0, odd))
        cells, (n, c, h, w) = kernel.shape[2] // 2, x.shape
        # One row per cell of a patch and pixel of a cell, one column per pixel of x, so that sums run along columns.
        rows = kernel.view(c, cells, 2, cells, 2).permute(1, 3, 2, 4, 0).reshape(-1, c)
        # At least in fp32, since a sum of bf16 numbers would be rounded after each patch.
        patches = (rows @ _by_pixel(x).mT).to(torch.promote_types(x.dtype, torch.float32))
        patches = patches.view(cells, cells, 2, 2, n, h, w)
        y = patches.new_zeros(2, 2, n, h + cells - 1, w + cells - 1)
        for i, j in product(range(cells), repeat=2):
            y[..., i : i + h, j : j + w] += patches[i, j]
        y = y.permute(2, 3, 0, 4, 1).reshape(n, 1, 2 * (h + cells - 1), -1)
        # The first row and column are padding.
        return y[:, :, 1 : height + 1, 1 : width + 1].contiguous().to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        kernel = weight.shape[2]
        patches = pad(grad, (1, 1, 1, 1)).unfold(2, kernel, 2).unfold(3, kernel, 2).reshape(-1, kernel**2)
        pixels = patches @ weight.flatten(1).mT
        grad_x = pixels.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
        return grad_x, (_by_pixel(x).mT @ patches).view_as(weight), None, None


def _by_pixel(x: Float[Tensor, "N C h w"]) -> Float[Tensor, "M C"]:
    """One row per pixel of each image, M = N x h x w."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


class TransposedConv2d(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` with stride 2, padding 1 and a given output size.

    Args:
        inputs, outputs: numbers of channels.
        kernel: height and width of the kernel.
        size: (H, W) of the output, reached by an output padding of 0 or 1.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, size: tuple[int, int]) -> None:
        # The convolution rounds sizes down; the padding is the remainder.
        height, width = size
        padding = ((height + 2 - kernel) % 2, (width + 2 - kernel) % 2)
        super().__init__(inputs, outputs, kernel, stride=2, padding=1, output_padding=padding)
        self.size = size

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "N I h w"]
    ) -> Float[Tensor, "N O H W"]:
        """The upsampled maps."""
        # torch.export cannot trace a custom autograd function.
        if x.device.type != "cpu" or exporting():
            return super().forward(x)
        # Autocast does not apply to a custom autograd function, so cast explicitly.
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        assert self.bias is not None
        computed = _OneChannel if self.out_channels == 1 else _Adjoint
        y: Tensor = computed.apply(x.to(dtype), self.weight.to(dtype), *self.size)  # type: ignore[no-untyped-call]
        # In place: another copy of the maps costs a tenth of a decoder's time.
        return y.add_(self.bias.to(dtype)[:, None, None])
