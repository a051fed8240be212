"""The parts of a model: modules that return distributions, and what a posterior draws."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.distributions import Codes, tempered_sample
from vaelab.schedules import Progress
from vaelab.sizes import CodeSpace

Infer = Callable[[Tensor, Tensor | None], Distribution]
"""q(z | x, c) of the model that a prior is part of, as a function of images and their conditions."""


class Network(nn.Module):
    """An encoder trunk and a decoder, each conditional or not.

    `features` is F, the width of h, from which the posterior makes a distribution over z. `positions` is the number of
    places of the image that have a latent vector of their own: one, unless the network keeps a map of latents.
    With `latent` dimensions per place, z has D = positions x latent dimensions, place by place.
    """

    features: int
    positions: int = 1

    def head(self, outputs: int) -> nn.Module:
        """A linear layer from h, (B, F), to `outputs` numbers per place, (B, positions x outputs)."""
        return nn.Linear(self.features, outputs)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer: by default the last one registered of two or more axes."""
        return [weight for weight in self.parameters() if weight.ndim > 1][-1]

    @property
    def last_bias(self) -> Tensor | None:
        """The bias of that layer, which is added to theta: (P k,) for k pixels that each have their own, or None."""
        last = self.last_layer
        biases = (getattr(each, "bias", None) for each in self.modules() if any(last is w for w in each.parameters()))
        return next((bias for bias in biases if isinstance(bias, Tensor)), None)

    @abstractmethod
    def encode(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> Float[Tensor, "B F"]:
        """Features h of each image."""

    @abstractmethod
    def decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N ..."]:
        """Parameters of the likelihood for each pixel, P channels."""


class Posterior(nn.Module):
    """q(code | x): a module from features to a distribution over codes, and draws from it.

    `code_space` is the space of codes for posteriors whose codes are discrete.
    """

    code_space: CodeSpace | None = None

    @abstractmethod
    def distribution(self, h: Float[Tensor, "B F"]) -> Distribution:
        """q(code | x), of batch shape (B,)."""

    def forward(self, h: Float[Tensor, "B F"], samples: int) -> Draw:
        """`samples` reparameterised draws of q(code | x)."""
        q = self.distribution(h)
        z = q.rsample((samples,))
        return Draw(q=q, code=z, z=z)

    def follow(self, progress: Progress) -> None:
        """Set what changes during training, such as a temperature; called before every step, by default nothing."""

    def describe(self, h: Float[Tensor, "B F"]) -> dict[str, Tensor]:
        """q(code | x) as arrays, which an exported encoder returns: mean and standard deviation, (B, D), or codes.

        Raises:
            NotImplementedError: the distribution has no known standard deviation.
        """
        q = self.distribution(h)
        if isinstance(q, Codes):
            return {"codes": q.codes}
        try:
            return {"mean": q.mean, "stddev": q.stddev}
        except NotImplementedError:
            unknown = f"{type(self).__name__} gives a {type(q).__name__}, whose standard deviation is not known"
            raise NotImplementedError(unknown) from None

    def read(self, codes: Tensor) -> Float[Tensor, "N D"]:
        """The decoder's input for codes: the codes themselves, or the vectors of a codebook that they index."""
        return codes


class Prior(nn.Module):
    """p(code): a module that returns a distribution over the code of one latent."""

    @abstractmethod
    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The prior p(z | c), of batch shape (B,) or ().

        Args:
            c: the condition, for priors that depend on it.
            infer: the model's own q(z | x, c), for priors built from posteriors of pseudo-inputs.
        """

    def see(self, q: Distribution) -> None:
        """See q(code | x) of a batch of training images, each of which comes once, before `fit`."""

    def fit(self, codes: Tensor, c: Float[Tensor, "N K"] | None) -> None:
        """Start from a draw of q(code | x) per training image, before gradient steps fit it to a trained model."""

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` codes; the temperature multiplies their distances from the mean, of a mixture from the component's."""
        return tempered_sample(self.forward(c, infer), n, temperature)


class Experts(nn.Module):
    """q(z | views): a module that makes one posterior of those of several views, some of which may be missing."""

    @abstractmethod
    def forward(
        self, experts: Sequence[Distribution], present: Bool[Tensor, "V B"], prior: Distribution
    ) -> Distribution:
        """q(z | the views that are present), of batch shape (B,); the prior for a row without any.

        Args:
            experts: q(z | v) of each of V views, of batch shape (B,); of a view that is missing it means nothing.
            present: which views each row has.
            prior: p(z), of batch shape () or (B,).
        """


class Likelihood(nn.Module):
    """p(x | z): a module from the decoder's output theta to a distribution over an image.

    Images are in [0, 1]. A fresh decoder gives theta near 0, which is a good start for every likelihood.
    `binary` marks a density of binary pixels only; `linear` marks a `pairwise_log_prob` that is a product of matrices.
    """

    binary: bool = False
    linear: bool = False
    unbounded: bool = False
    """A density over the whole real axis, under which pixels may lie outside [0, 1]."""
    levels: int = 256
    """The number of values of a pixel, from 0 to 1 at equal distances, if p(x | z) is a mass on grey pixels."""

    @abstractmethod
    def forward(self, theta: Float[Tensor, ...]) -> Distribution:
        """p(x | z), whose event is an image of (C, H, W)."""

    def pairwise_log_prob(self, p: Distribution, x: Float[Tensor, "N ..."]) -> Float[Tensor, "G N"]:
        """log p(x_n | z_g) of every image under every distribution, nats.

        Args:
            p: the distributions that `forward` returned for G codes.
            x: images in [0, 1].
        """
        return torch.stack([p.log_prob(image) for image in x], 1)

    # Not `parameters`, which is torch's name for the weights of a module.
    def outputs(self, channels: int) -> int:
        """P, the number of channels of theta for an image of `channels` channels."""
        return channels

    def parameters_of(self, mean: Float[Tensor, "C ..."]) -> Float[Tensor, "P ..."]:
        """theta at which the mean of p(x | z) is an image, to half a grey level: the inverse of the mean function.

        Raises:
            NotImplementedError: it is not known.
        """
        raise NotImplementedError(f"{type(self).__name__} has no theta for a mean")

    def discrete(self, binary: bool) -> bool:
        """Whether p(x | z) is a mass on discrete pixels: only then are there bits per dimension."""
        return False

    def score_name(self, binary: bool) -> str:
        """The name of -log_prob for images that are binary or not."""
        return "cross-entropy" if self.binary and not binary else "negative log-likelihood"


@dataclass(frozen=True, repr=False)
class Draw:
    """Draws from a posterior.

    Args:
        q: q(code | x), of batch shape (B,).
        code: draws from q, (S, B, ...); q and the prior score them.
        z: the decoder's input, (S, B, D); equal to `code` if codes are continuous.
        penalty: a term that the posterior adds to every objective, nats, (B,), or None.
    """

    q: Distribution
    code: Tensor
    z: Float[Tensor, "S B D"]
    penalty: Float[Tensor, " B"] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.q}: code {tuple(self.code.shape)}, z {tuple(self.z.shape)}"
