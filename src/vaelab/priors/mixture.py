"""The mixture-of-Gaussians prior."""

from __future__ import annotations

from math import inf

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily
from torch.nn.functional import softplus

from vaelab.contract import Infer, Prior
from vaelab.distributions import MultivariateNormal, bounded, diagonal_normal
from vaelab.errors import UserError


class MixturePrior(Prior):
    r"""A mixture of K Gaussians with learned weights, means and covariances.

    p(z) = sum_k w_k N(z; m_k, S_k), with S_k = diag(s_k^2), the "MoG" of Tomczak and Welling (2018), or with
    S_k = L_k L_k^T, where L_k is lower triangular with the diagonal s_k. Means start at draws from N(0, I), so that
    components differ; weights start equal, scales at 1 and the rest of L_k at 0. The KL to it has no closed form and is
    sampled. Scales are bounded from below, see `bounded`.

    `fit` finds all of them by expectation-maximisation, as Ghosh et al. (2020) fit a density to the codes of a trained
    model.

    Args:
        components: K, number of Gaussians.
        latent: D, dimensions of z.
        full: full covariances, instead of diagonal ones.
    """

    def __init__(self, components: int, latent: int, full: bool = False) -> None:
        super().__init__()
        self.full = full
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent))
        # softplus(0.5413...) = 1
        self.raw_scales = nn.Parameter(torch.full((components, latent), 1.0).expm1().log())
        # The entries of L_k below its diagonal; in one dimension there are none.
        self.below = nn.Parameter(torch.zeros(components, latent * (latent - 1) // 2)) if full and latent > 1 else None

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The mixture, of batch shape ()."""
        # softplus(a) is about exp(a) for negative a, thus 2 a the log variance.
        scales = softplus(bounded(2 * self.raw_scales, high=inf) / 2)
        return MixtureSameFamily(
            Categorical(logits=self.logits, validate_args=False), self._components(scales), validate_args=False
        )

    def _components(self, scales: Tensor) -> Distribution:
        if not self.full:
            return diagonal_normal(self.means, scales)
        factor = scales.diag_embed()
        if self.below is not None:
            row, column = self._places()
            factor[:, row, column] = self.below
        return MultivariateNormal(self.means, scale_tril=factor, validate_args=False)

    def _places(self) -> Tensor:
        return torch.tril_indices(self.means.shape[1], self.means.shape[1], -1, device=self.means.device)

    @torch.no_grad()
    def fit(self, codes: Tensor, c: Float[Tensor, "N K"] | None) -> None:
        """Weights, means and covariances by expectation-maximisation, from k-means.

        Raises:
            UserError: there are fewer codes than components.
        """
        from sklearn.mixture import GaussianMixture

        components = len(self.logits)
        if len(codes) < components:
            raise UserError(f"Mixture.components is {components}, but must be at most the {len(codes)} codes to fit to")
        em = GaussianMixture(
            components,
            covariance_type="full" if self.full else "diag",
            max_iter=500,
            random_state=int(torch.randint(2**31, ())),
        ).fit(codes.double().numpy(force=True))
        covariances = torch.from_numpy(em.covariances_)
        factor = torch.linalg.cholesky(covariances) if self.full else covariances.sqrt().diag_embed()
        self.logits.copy_(torch.from_numpy(em.weights_).log())
        self.means.copy_(torch.from_numpy(em.means_))
        # The inverse of softplus, log(exp(s) - 1), in a form that does not overflow.
        scales = factor.diagonal(dim1=-2, dim2=-1)
        self.raw_scales.copy_(scales + (-torch.expm1(-scales)).log())
        if self.below is not None:
            row, column = self._places().cpu()
            self.below.copy_(factor[:, row, column])
