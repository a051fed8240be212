"""The KL in three parts, estimated from a batch: mutual information, total correlation, dimension-wise KL."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent

from vaelab.contract import Latent


def decompose_kl(latent: Latent, images: int) -> tuple[Tensor, Tensor, Tensor]:
    """Index-code mutual information, total correlation and dimension-wise KL of each draw, (S, B), nats.

    log q(z | x) - log q(z), log q(z) - sum_d log q(z_d) and sum_d log q(z_d) - log p(z), which sum to the latent's
    log ratio: Chen et al. (2018), equation 2.

    Args:
        latent: a draw from a posterior with independent dimensions.
        images: N, the number of training images.
    """
    assert isinstance(latent.q, Independent)
    # [s, i, j, d] is log q(z_i,d | x_j): each draw under each image's posterior.
    each = latent.q.base_dist.log_prob(latent.code[:, :, None])
    log_weights = stratified_log_weights(latent.code.shape[1], images, each.dtype, each.device)
    # The joint density takes the weight once, not once per dimension; each marginal density takes it once as well.
    log_joint = (each.sum(-1) + log_weights).logsumexp(2)
    log_marginals = (each + log_weights[..., None]).logsumexp(2).sum(-1)
    log_q, log_p = latent.q.log_prob(latent.code), latent.p.log_prob(latent.code)
    return log_q - log_joint, log_joint - log_marginals, log_marginals - log_p


def stratified_log_weights(
    batch: int, images: int, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Float[Tensor, "batch batch"]:
    """Log weights, row i for z_i, of q(z_i | x_j) in the estimate of q(z_i) over all images from a batch.

    The minibatch stratified sampling of Chen et al. (2018): the image that z_i was drawn for has weight 1/N, and the
    other images of the batch represent the rest; each row sums to one.

    >>> stratified_log_weights(3, 10).exp().sum(1)
    tensor([1., 1., 1.])
    """
    if batch == 1:
        return torch.zeros(1, 1, dtype=dtype, device=device)
    others = batch - 1
    # Created on the device, since a copy from the host would synchronise an accelerator.
    weights = torch.full((batch, batch), 1 / others, dtype=dtype, device=device)
    for part in (weights.diagonal(1), weights[-1, 0]):
        part.fill_((images - others) / (images * others))
    weights.fill_diagonal_(1 / images)
    return weights.log()
