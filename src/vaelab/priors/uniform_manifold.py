"""The uniform distribution on the manifold that the posteriors of the training images span."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from vaelab.contract import Infer, Prior
from vaelab.distributions import as_float32
from vaelab.distributions.metric_volume import MetricVolume
from vaelab.errors import UserError

# The fewest points per side of the first grid, those of the last, and the change of log Z at which one is fine enough.
_FIRST, _LAST, _TOLERANCE = 64, 4096, 1e-5
# Draws that estimate the normaliser in three dimensions and more, and the fewest that may carry the estimate.
_DRAWS, _EFFECTIVE = 20_000, 50


class UniformManifoldPrior(Prior):
    r"""p(z) = sqrt(det G(z)) / Z, with a metric G of posteriors: Chadebec and Allassonniere (2022).

    G(z) = sum_i P_i exp(-(z - m_i)^T P_i (z - m_i) / D), where m_i is the mean of q(z | x_i) and P_i its precision over
    spread^2, for some of the training images, see `MetricVolume`. A broad Gaussian with the moments of the latents,
    twice as wide, is one more term: it keeps p positive everywhere, as the paper's lambda exp(-tau |z|^2) I does.

    Before `fit` all terms are N(0, I), and so is p. There is nothing to learn by gradients.

    Args:
        latent: D, dimensions of z.
        components: images of which the metric is made.
        spread: factor on the deviations of posteriors.
        floor: weight of the broad term.
        transitions: of Hamiltonian Monte Carlo per draw.
    """

    weights: Tensor
    means: Tensor
    scales: Tensor
    log_normaliser: Tensor
    mean: Tensor

    def __init__(self, latent: int, components: int, spread: float, floor: float, transitions: int) -> None:
        super().__init__()
        self.spread, self.floor, self.transitions = spread, floor, transitions
        terms = components + 1
        self.register_buffer("weights", torch.full((terms,), 1 / terms))
        self.register_buffer("means", torch.zeros(terms, latent))
        self.register_buffer("scales", torch.eye(latent).repeat(terms, 1, 1))
        self.register_buffer("log_normaliser", torch.tensor((latent / 2 - 1) * math.log(terms)))
        self.register_buffer("mean", torch.zeros(latent))
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The distribution, of batch shape ()."""
        return MetricVolume(self.weights, self.means, self.scales, self.log_normaliser, self.mean, self.transitions)

    @torch.no_grad()
    def see(self, q: Distribution) -> None:
        """Keep the moments of some posteriors: each training image has the same chance.

        Raises:
            UserError: the posterior's variance is not known.
        """
        try:
            mean = as_float32(q.mean)
            scale = q.scale_tril if isinstance(q, MultivariateNormal) else torch.diag_embed(q.stddev)
        except NotImplementedError:
            raise UserError(
                f"posterior gives a {type(q).__name__}, whose variance is not known, so there is no metric of it; "
                "fit another prior, such as prior:flow"
            ) from None
        found = torch.rand(len(mean), device=mean.device), mean, as_float32(scale)
        joined = found if self._seen is None else [torch.cat(pair) for pair in zip(self._seen, found, strict=True)]
        kept = joined[0].topk(min(len(joined[0]), len(self.means) - 1)).indices
        self._seen = joined[0][kept], joined[1][kept], joined[2][kept]

    @torch.no_grad()
    def fit(self, codes: Tensor, c: Float[Tensor, "N K"] | None) -> None:
        """Build the metric from what was seen, and find its normaliser.

        Raises:
            UserError: a metric that is too rough for the normaliser to be found.
        """
        assert self._seen is not None, "fit comes after see"
        _, means, scales = self._seen
        self._seen = None
        # With few images each stands several times, which changes nothing but Z.
        place = torch.arange(len(self.means) - 1, device=means.device) % len(means)
        times = place.bincount(minlength=len(means)).to(means)
        share = (1 - self.floor) / len(means) / times[place]
        covariance = codes.T.cov().reshape(2 * codes.shape[1:]) + 1e-6 * torch.eye(codes.shape[1]).to(codes)
        self.weights.copy_(torch.cat([share, share.new_tensor([self.floor])]))
        self.means.copy_(torch.cat([means[place], codes.mean(0)[None]]))
        self.scales.copy_(torch.cat([self.spread * scales[place], 2 * torch.linalg.cholesky(covariance)[None]]))
        log_normaliser, mean = normalised(self._unnormalised())
        self.log_normaliser.copy_(log_normaliser)
        self.mean.copy_(mean)

    def _unnormalised(self) -> MetricVolume:
        """The distribution with Z = 1, in float64 and on the CPU, since Apple's GPUs have none."""
        weights, means, scales = (value.double().cpu() for value in (self.weights, self.means, self.scales))
        return MetricVolume(weights, means, scales, torch.zeros_like(weights[0]), means[0], self.transitions)


def normalised(p: MetricVolume) -> tuple[Tensor, Float[Tensor, " D"]]:
    """log Z and the mean: by quadrature in one and two dimensions, above by draws from the mixture.

    Raises:
        UserError: the finest grid does not suffice, or a few draws carry the whole estimate.
    """
    return _on_a_grid(p) if p.event_shape[0] <= 2 else _by_draws(p)


def _on_a_grid(p: MetricVolume) -> tuple[Tensor, Tensor]:
    r"""Z = 1 + \int (sqrt(det G) - mixture) dz, where the difference is zero far from the narrow terms."""
    narrow = slice(0, -1)
    reach = 6 * p.factors[narrow].square().sum(-1).sqrt()
    centres = p.metric.centroids[narrow]
    low, high = (centres - reach).amin(0), (centres + reach).amax(0)
    # Two grids agree as well if both miss every term: no step may be longer than a usual term is wide.
    width = torch.linalg.svdvals(p.factors[narrow])[:, -1].median()
    last, points = torch.full((), math.inf), max(_FIRST, math.ceil(float((high - low).amax() / width)))
    while points <= _LAST:
        sides = [torch.linspace(float(a), float(b), points, dtype=low.dtype) for a, b in zip(low, high, strict=True)]
        cell = ((high - low) / (points - 1)).prod()
        total, moment = torch.zeros_like(cell), torch.zeros_like(low)
        for row in sides[0]:
            z = torch.cartesian_prod(row[None], *sides[1:]).view(-1, len(sides)) if len(sides) > 1 else row.view(1, 1)
            gain = p.log_volume(z).exp() - p.by_parts(p.mixture.log_prob, z).exp()
            total, moment = total + cell * gain.sum(), moment + cell * gain @ z
        if abs(total.log1p() - last) < _TOLERANCE:
            return total.log1p(), (p.mixture.mean + moment) / (1 + total)
        last, points = total.log1p(), 2 * points
    raise UserError(
        f"a grid of {_LAST} x {_LAST} points is too coarse for the narrowest posteriors, so p(z) has no normaliser; "
        "raise spread, or fit another prior"
    )


def _by_draws(p: MetricVolume) -> tuple[Tensor, Tensor]:
    """Importance samples from the mixture, whose density is at most sqrt(det G)."""
    z = p.candidates(_DRAWS)
    log_ratio = p.log_volume(z) - p.by_parts(p.mixture.log_prob, z)
    share = log_ratio.softmax(0)
    effective = float(1 / share.square().sum())
    if effective < _EFFECTIVE:
        raise UserError(
            f"{effective:.0f} of {_DRAWS} draws carry the normaliser of p(z), in {z.shape[1]} dimensions, so it is not "
            "known; lower components or spread, or fit another prior"
        )
    return log_ratio.logsumexp(0) - math.log(_DRAWS), share @ z
