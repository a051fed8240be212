"""The hierarchical variational autoencoder, with groups of latents at several resolutions, drawn from the top down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import gelu, interpolate, pixel_shuffle

from vaelab.contract import Latent, Trace
from vaelab.data import DataFormat
from vaelab.distributions import as_float32, diagonal_normal, residual_normal
from vaelab.errors import UserError
from vaelab.models.coordinates import Coordinates
from vaelab.models.model import Model
from vaelab.networks.conditions import as_planes
from vaelab.sizes import image_shape

if TYPE_CHECKING:
    from vaelab.models import Ladder

# A function that returns z of a group, given its index, the mean and scale of its prior, and the top-down map.
Pick = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class Group(nn.Module):
    """A group of latents in the top-down pass, with its prior and its posterior.

    The prior is computed from the top-down map, the posterior from that map and the encoder's map of the same
    resolution, relative to the prior: q = N(mean + scale x shift, (scale x stretch)^2), see `ResidualNormal`.

    Args:
        spec: the composition.
        depth: number of cells in the whole top-down pass.
    """

    def __init__(self, spec: Ladder, depth: int) -> None:
        super().__init__()
        self.before = nn.Sequential(*(spec.cell.build(spec.width, depth) for _ in range(spec.cells)))
        self.prior = nn.Conv2d(spec.width, 2 * spec.latent, 1)
        self.merge = nn.Conv2d(2 * spec.width, spec.width, 1)
        self.compare = spec.cell.build(spec.width, depth)
        self.residual = nn.Conv2d(spec.width, 2 * spec.latent, 1)
        self.project = nn.Conv2d(spec.latent, spec.width, 1)
        # Both start near N(0, I), where a deep stack is stable.
        for layer in (self.prior, self.residual):
            layer.weight.data.mul_(0.1)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def read_prior(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of p(z_l | z_<l), (N, latent, H, W), from the top-down map h."""
        mean, log_scale = _location_and_log_scale(self.prior(gelu(h)))
        return mean, log_scale.exp()

    def read_residual(self, h: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        """Shift and log stretch of q(z_l | z_<l, x), (N, latent, H, W), from the top-down map h and the encoder's e."""
        h = self.compare(self.merge(torch.cat([h, e], 1)))
        return _location_and_log_scale(self.residual(gelu(h)))


class LadderModel(Model):
    """p(x, z) = p(x | z) prod_l p(z_l | z_<l), with q(z | x) = prod_l q(z_l | z_<l, x) drawn in the same order.

    Bottom-up, the encoder halves the image once per resolution and keeps each map. Top-down, a learned map passes
    through the groups of the coarsest resolution, is upsampled to the next, and so on up to the image. Vahdat and Kautz
    (2020), figure 2b; Child (2021), figure 3; with the residual cells of either, without batch normalisation. Args: see
    `Model`.
    """

    def __init__(self, spec: Ladder, format: DataFormat) -> None:
        super().__init__(spec, format)
        condition = format.condition_size if spec.conditional else 0
        colours, height, width = image_shape(format.shape, "the model", "VAE")
        levels, depth = len(spec.groups), sum(spec.groups) * (spec.cells + 1)

        # (H, W) of each resolution, coarsest first, and of the image.
        self.extents: list[tuple[int, int]] = [(height, width)]
        for _ in range(levels):
            above = self.extents[0]
            self.extents.insert(0, ((above[0] + 1) // 2, (above[1] + 1) // 2))

        def cells() -> nn.Sequential:
            return nn.Sequential(*(spec.cell.build(spec.width, levels * spec.cells) for _ in range(spec.cells)))

        # Bottom-up, finest first: a halving and its cells for each resolution.
        self.halve = nn.ModuleList(
            nn.Conv2d(spec.width if level else colours + condition, spec.width, 3, stride=2, padding=1)
            for level in range(levels)
        )
        self.encoder = nn.ModuleList(cells() for _ in range(levels))

        # Top-down: the coarsest map is learned; each resolution starts with a convolution of the map above it.
        self.top = nn.Parameter(0.1 * torch.randn(spec.width, *self.extents[0]))
        self.enter = nn.ModuleList(nn.Conv2d(spec.width, spec.width, 3, padding=1) for _ in range(levels))
        self.conditions = nn.ModuleList(nn.Linear(condition, spec.width) for _ in range(levels if condition else 0))
        self.groups = nn.ModuleList(Group(spec, depth) for _ in range(sum(spec.groups)))
        self.level_of = [level for level, count in enumerate(spec.groups) for _ in range(count)]
        self.after = cells()
        self.output = nn.Conv2d(spec.width, 4 * self.likelihood.outputs(colours), 3, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def widths(self) -> tuple[int, ...]:
        """Dimensions of each group's z, channels x height x width, from the top down."""
        return tuple(self.spec.latent * self.extents[level][0] * self.extents[level][1] for level in self.level_of)

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer, at which objectives compare the gradients of their terms."""
        return self.output.weight

    @property
    def last_bias(self) -> Tensor | None:
        """The bias of that layer, for each channel and each of the four pixels that a place of the last map becomes."""
        return self.output.bias

    def forward(self, x: Float[Tensor, "B C H W"], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode the images, draw `samples` latents of each group per image and decode them."""
        c = self._condition(y, len(x))
        latents: list[Latent] = []
        # One top-down pass per draw, each with the maps of its image.
        maps = [e.repeat(samples, 1, 1, 1) for e in self._encode(self._checked(x), c)]
        repeated = None if c is None else c.repeat(samples, 1)

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            q, p = self._pair(index, mean, scale, h, maps, samples)
            z = q.rsample()
            latents.append(Latent(q, z, z, p=p))
            return z.flatten(0, 1)

        theta = self._descend(samples * len(x), repeated, pick)
        return Trace(x, self.likelihood(as_float32(theta).unflatten(0, (samples, -1))), tuple(latents), self, y)

    def _infer(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Distribution:
        """q(z | x) over all groups, concatenated, each given the means above it; `.mean` is the embedding, (B, D).

        The exact q(z | x) has no closed form, since the posterior of a group depends on the draws of those above.
        """
        maps = self._encode(x, c)
        means: list[Tensor] = []
        scales: list[Tensor] = []

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            q, _ = self._pair(index, mean, scale, h, maps, 1)
            means.append(q.mean[0])
            scales.append(q.stddev[0])
            return means[-1]

        self._descend(x.shape[0], c, pick)
        return diagonal_normal(torch.cat(means, 1), torch.cat(scales, 1))

    @property
    def coordinates(self) -> Coordinates:
        """The noise of each group, (N, its dimensions): z = mean + scale x noise, given the groups above.

        In these coordinates the prior is N(0, I), and the posterior of a group N(shift, stretch^2).
        """
        names = {f"noise_{index + 1}": width for index, width in enumerate(self.widths)}
        groups = [
            {"name": name, "dimensions": width, "shape": [self.spec.latent, *self.extents[level]]}
            for (name, width), level in zip(names.items(), self.level_of, strict=True)
        ]
        return Coordinates(names, "groups", about={"groups": groups})

    def describe(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> dict[str, Tensor]:
        """Mean and standard deviation of the noise of all groups, concatenated, each group given the means above it."""
        maps = self._encode(x, c)
        means: list[Tensor] = []
        scales: list[Tensor] = []

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            shift, log_stretch = self._group(index).read_residual(h, maps[self.level_of[index]])
            means.append(shift.flatten(1))
            scales.append(log_stretch.exp().flatten(1))
            return (mean + scale * shift).flatten(1)

        self._descend(x.shape[0], c, pick)
        return {"mean": torch.cat(means, 1), "stddev": torch.cat(scales, 1)}

    def theta_at(self, coordinates: Sequence[Tensor], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N P H W"]:
        """Parameters of the likelihood at the noise of each group."""

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            return mean.flatten(1) + scale.flatten(1) * coordinates[index]

        return as_float32(self._descend(coordinates[0].shape[0], c, pick))

    def prior_at(self, c: Float[Tensor, "N K"] | None) -> Distribution:
        """N(0, I) over the noise of all groups."""
        zeros = self.top.new_zeros(sum(self.widths))
        return diagonal_normal(zeros, torch.ones_like(zeros))

    @property
    def by_row(self) -> list[tuple[nn.Module, str]]:
        """The cells, which hold most of the weights."""
        within = [cells for group in self.groups for cells in (group.before, group.compare)]
        return [(cells, "forward") for cells in (*self.encoder, *within, self.after)]

    def compile_networks(self, mode: str) -> None:
        """Compile the encoder's cells, the last cells and the layers of each group."""
        for module in (*self.encoder, self.after, *(part for group in self.groups for part in group.children())):
            module.compile(mode=mode)

    def _decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Tensor:
        parts = z.split(self.widths, 1)
        return self._descend(z.shape[0], c, lambda index, mean, scale, h: parts[index])

    def _draw(self, n: int, c: Tensor | None, given: Tensor | None, temperature: float) -> Float[Tensor, "N D"]:
        held = self._held(given)
        drawn: list[Tensor] = []

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            fresh = mean + temperature * scale * torch.randn_like(mean)
            drawn.append(held[index] if index < len(held) else fresh.flatten(1))
            return drawn[-1]

        self._descend(n, c, pick)
        return torch.cat(drawn, 1)

    def _held(self, given: Tensor | None) -> tuple[Tensor, ...]:
        """Split the given latents into those of the first groups; each group must be complete."""
        if given is None:
            return ()
        for count in range(1, len(self.widths) + 1):
            if sum(self.widths[:count]) == given.shape[1]:
                return tuple(given.split(self.widths[:count], 1))
        sums = [sum(self.widths[:count]) for count in range(1, len(self.widths) + 1)]
        raise UserError(
            f"given has {given.shape[1]} dimensions, but the first groups of latents have {', '.join(map(str, sums))} "
            "together; give complete groups"
        )

    def _encode(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """The encoder's map at each resolution, coarsest first."""
        # Pixels in [-1, 1] suit layers without normalisation better than those in [0, 1].
        e = as_planes(2 * x - 1, c).contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = []
        for halve, cells in zip(self.halve, self.encoder, strict=True):
            e = cells(halve(e))
            maps.insert(0, e)
        return maps

    def _descend(self, n: int | torch.SymInt, c: Tensor | None, pick: Pick) -> Tensor:
        """Run the top-down pass for n images, with z of each group from `pick`; return the likelihood's parameters."""
        h, index = self.top.expand(n, -1, -1, -1), 0
        for level, count in enumerate(self.spec.groups):
            if level:
                h = interpolate(h, self.extents[level])
            h = self.enter[level](h.contiguous(memory_format=torch.channels_last))
            if c is not None:
                h = h + self.conditions[level](c)[:, :, None, None]
            for _ in range(count):
                group = self._group(index)
                h = group.before(h)
                mean, scale = group.read_prior(h)
                z = pick(index, mean, scale, h).unflatten(1, mean.shape[1:])
                h, index = h + group.project(z), index + 1
        theta: Tensor = pixel_shuffle(self.output(gelu(self.after(h))), 2)
        height, width = self.extents[-1]
        return theta[:, :, :height, :width]

    def _group(self, index: int) -> Group:
        group = self.groups[index]
        assert isinstance(group, Group)
        return group

    def _pair(
        self, index: int, mean: Tensor, scale: Tensor, h: Tensor, maps: list[Tensor], samples: int
    ) -> tuple[Distribution, Distribution]:
        """q and p over the flattened z of a group, of batch shape (S, B), given the encoder's maps of S B images."""
        shift, log_stretch = self._group(index).read_residual(h, maps[self.level_of[index]])

        def flat(part: Tensor) -> Tensor:
            rows: Tensor = part.flatten(1).unflatten(0, (samples, -1))
            return rows

        p = diagonal_normal(flat(mean), flat(scale))
        return residual_normal(p, flat(shift), flat(log_stretch)), p


def _location_and_log_scale(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """The two halves of the output of a convolution; log scales are bounded smoothly to (-5, 5), as in NVAE."""
    location, log_scale = as_float32(parameters).chunk(2, 1)
    return location, 5 * torch.tanh(log_scale / 5)
