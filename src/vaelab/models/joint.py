"""A model with a continuous and a discrete latent, side by side."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.contract import Latent, Network, Posterior, Prior, Trace
from vaelab.data import DataFormat
from vaelab.distributions import as_float32
from vaelab.errors import UserError
from vaelab.models.built import built
from vaelab.models.model import Model
from vaelab.sizes import PriorSizes, Sizes

if TYPE_CHECKING:
    from vaelab.models.joint_spec import Joint


class JointDistribution(Distribution):
    """Independent distributions over the parts of a latent; a value is a tuple of one value for each.

    Args:
        parts: of the same batch shape.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, parts: tuple[Distribution, ...]) -> None:
        self.parts = parts
        super().__init__(parts[0].batch_shape, validate_args=False)

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """The means of the parts, concatenated; of codes, those of the vectors that they stand for."""
        return torch.cat([part.mean for part in self.parts], -1)

    def sample(self, sample_shape: Any = ()) -> tuple[Tensor, ...]:  # type: ignore[override]  # a value is a tuple
        """A draw of each part."""
        return tuple(part.sample(torch.Size(sample_shape)) for part in self.parts)

    def log_prob(self, value: tuple[Tensor, ...]) -> Tensor:  # type: ignore[override]  # a value is a tuple
        """The sum over the parts, nats."""
        return torch.stack([part.log_prob(one) for part, one in zip(self.parts, value, strict=True)]).sum(0)


class JointModel(Model):
    """p(x, z, c) = p(x | z, c) p(z) p(c) with the posterior q(z | x) q(c | x), from one network.

    Dupont (2018), "Learning disentangled joint continuous and discrete representations". Args: see `Model`.
    """

    def __init__(self, spec: Joint, format: DataFormat) -> None:
        super().__init__(spec, format)
        condition = format.condition_size if spec.conditional else 0
        parameters = self.likelihood.outputs(format.shape[0])
        latents = [side.latent for side in spec.sides]
        sizes = Sizes(format.shape, sum(latents), condition, parameters, format.missing)
        self.network: Network = built(spec.network, Network, sizes)
        self.posteriors, self.priors = nn.ModuleList(), nn.ModuleList()
        for side in spec.sides:
            posterior: Posterior = built(side.posterior, Posterior, self.network, side.latent)
            prior_sizes = PriorSizes(
                format.shape,
                side.latent * self.network.positions,
                condition,
                posterior.code_space,
                labels=bool(condition and format.classes),
                missing=format.missing,
            )
            self.posteriors.append(posterior)
            self.priors.append(built(side.prior, Prior, prior_sizes))

    @property
    def widths(self) -> tuple[int, ...]:
        """Dimensions of z and of the vectors of c, all positions of the network together."""
        return tuple(side.latent * self.network.positions for side in self.spec.sides)

    def forward(self, x: Float[Tensor, "B ..."], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode the images, draw `samples` latents of both kinds per image and decode them."""
        c = self._condition(y, len(x))
        h = self.network.encode(self._observed(self._checked(x)), c)
        latents = []
        for side, (posterior, prior) in enumerate(zip(self.posteriors, self.priors, strict=True)):
            draw = posterior(h, samples)
            p = prior(c, lambda x, c, side=side: self._infer(x, c).parts[side])
            latents.append(Latent(draw.q, draw.code, draw.z, draw.penalty, p=p))
        z = torch.cat([latent.z for latent in latents], -1)
        repeated = None if c is None else c.repeat(samples, 1)
        theta = self._decode(z.flatten(0, 1), repeated).unflatten(0, (samples, -1))
        return Trace(x, self.likelihood(as_float32(theta)), tuple(latents), self, y)

    def compile_networks(self, mode: str) -> None:
        """Compile the encoder and the decoder."""
        self.network.encode = torch.compile(self.network.encode, mode=mode)  # type: ignore[method-assign]
        self.network.decode = torch.compile(self.network.decode, mode=mode)  # type: ignore[method-assign]

    def _infer(self, x: Float[Tensor, "B ..."], c: Float[Tensor, "B K"] | None) -> JointDistribution:
        """q(z, c | x)."""
        h = self.network.encode(self._observed(x), c)
        return JointDistribution(tuple(posterior.distribution(h) for posterior in self.posteriors))  # type: ignore[operator]

    def _decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Tensor:
        # The network takes both latents of a position side by side.
        each = [part.unflatten(1, (self.network.positions, -1)) for part in z.split(self.widths, 1)]
        return self.network.decode(torch.cat(each, -1).flatten(1), c)

    def _draw(self, n: int, c: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        held = [] if given is None else self._held(given)
        for side, (posterior, prior) in enumerate(zip(self.posteriors, self.priors, strict=True)):
            if side >= len(held):
                code = prior.draw(n, c, lambda x, c, side=side: self._infer(x, c).parts[side], temperature)  # type: ignore[operator]
                held.append(posterior.read(code))  # type: ignore[operator]
        return torch.cat(held, 1)

    def _held(self, given: Tensor) -> list[Tensor]:
        """The given latents: z alone, or z and the vectors of c."""
        ends = list(accumulate(self.widths))
        if given.shape[1] not in ends:
            raise UserError(
                f"given has {given.shape[1]} dimensions, but the continuous latent has {ends[0]}, and both have "
                f"{ends[1]}; give one of these"
            )
        return list(given.split(self.widths[: ends.index(given.shape[1]) + 1], 1))
