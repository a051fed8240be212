"""Independent bits: their integers, and the entropies of a batch of them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import softplus


def integers(bits: Bool[Tensor, "*N bits"]) -> Int[Tensor, "*N"]:
    """The integer of each row of bits, the most significant bit first.

    >>> integers(torch.tensor([[True, False, False], [False, True, True]])).tolist()
    [4, 3]
    """
    return (bits * _weights(bits.shape[-1], bits.device)).sum(-1)


def bits_of(codes: Int[Tensor, "*N"], bits: int) -> Int[Tensor, "*N bits"]:
    """The bits of integers below 2^bits, 0 or 1, the most significant first: the inverse of `integers`.

    >>> bits_of(torch.tensor([4, 3]), 3).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    return codes[..., None] // _weights(bits, codes.device) % 2


def entropy(logits: Float[Tensor, "*N bits"]) -> Float[Tensor, "*N"]:
    """The entropy of independent bits, sum_d H(sigmoid(l_d)), nats.

    H(sigmoid(l)) = log(1 + e^-|l|) + |l| sigmoid(-|l|), which stays exact where a logarithm of probabilities is not.

    >>> entropy(torch.zeros(1, 2)) / torch.tensor(2.0).log()
    tensor([2.])
    """
    size = logits.abs()
    return (softplus(-size) + size * (-size).sigmoid()).sum(-1)


def entropy_of_mean(logits: Float[Tensor, "N bits"]) -> Float[Tensor, ""]:
    """The entropy of the mixture of N distributions over all 2^bits codes, each of independent bits, nats.

    H = -sum_c p(c) log p(c), p(c) = 1/N sum_n prod_d p_n(c_d): exact, a sum over every code. The mean of products is a
    product of matrices, one for each half of the bits, so that no array has a row per distribution and a column per
    code.

    >>> entropy_of_mean(torch.tensor([[99.0, 99.0], [-99.0, 99.0]])) / torch.tensor(2.0).log()
    tensor(1.)
    """
    first, second = (_joint(half) for half in logits.tensor_split(2, -1))
    mean = first.T @ second / len(logits)
    # A probability of zero has the weight zero, and no infinite slope.
    return -(mean * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).sum()


def _joint(logits: Float[Tensor, "N bits"]) -> Float[Tensor, "N codes"]:
    """The probability of every combination of independent bits."""
    joint = logits.new_ones(len(logits), 1)
    for logit in logits.unbind(-1):
        pair = torch.stack([-logit, logit], -1).sigmoid()
        joint = (joint[:, :, None] * pair[:, None]).flatten(1)
    return joint


def _weights(bits: int, device: torch.device) -> Int[Tensor, " bits"]:
    return 2 ** torch.arange(bits - 1, -1, -1, device=device)
