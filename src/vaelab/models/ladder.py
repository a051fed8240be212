"""The hierarchical variational autoencoder: groups of latents at several resolutions, drawn from the top down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import gelu, interpolate, pixel_shuffle

from vaelab.contract import Latent, Trace
from vaelab.data.images import ImageFormat
from vaelab.distributions import as_float32, diagonal_normal
from vaelab.errors import UserError
from vaelab.models.model import Model
from vaelab.networks.conditions import as_planes

if TYPE_CHECKING:
    from vaelab.models import Ladder

# z of a group, from its number, the mean and the scale of its prior, and the map that came down to it.
Pick = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class Group(nn.Module):
    """One group of latents: a prior and a posterior at one place of the way down.

    The prior is read from the map that comes down; the posterior is what the encoder's map of that resolution
    would change in it, N(mean + scale x shift, scale x stretch): the residual normal of Vahdat and Kautz (2020),
    section 3.2, but for the shift, which here is in units of the prior's scale, so that the KL is
    1/2 sum [shift^2 + stretch^2 - log stretch^2 - 1]. A group that the image says nothing about costs no nats.

    Args:
        spec: the composition.
        depth: cells on the whole way down.
    """

    def __init__(self, spec: Ladder, depth: int) -> None:
        super().__init__()
        self.before = nn.Sequential(*(spec.cell.build(spec.width, depth) for _ in range(spec.cells)))
        self.prior = nn.Conv2d(spec.width, 2 * spec.latent, 1)
        self.merge = nn.Conv2d(2 * spec.width, spec.width, 1)
        self.compare = spec.cell.build(spec.width, depth)
        self.residual = nn.Conv2d(spec.width, 2 * spec.latent, 1)
        self.project = nn.Conv2d(spec.latent, spec.width, 1)
        # Both begin near N(0, I), which is where a deep stack is stable.
        for layer in (self.prior, self.residual):
            layer.weight.data.mul_(0.1)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def read_prior(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of p(z | what came down), (N, latent, H, W)."""
        return _mean_and_scale(self.prior(gelu(h)))

    def read_posterior(self, h: Tensor, e: Tensor, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of q(z | x, what came down), from the encoder's map e and the prior's mean and scale."""
        h = self.compare(self.merge(torch.cat([h, e], 1)))
        shift, stretch = _mean_and_scale(self.residual(gelu(h)))
        return mean + scale * shift, scale * stretch


class LadderModel(Model):
    """p(x, z) = p(x | z) prod_l p(z_l | z_<l), with q(z | x) = prod_l q(z_l | z_<l, x) drawn in the same order.

    Bottom-up, an encoder halves the image once a resolution and keeps the map of each. Top-down, a learned map
    passes the groups of the coarsest resolution, is doubled, passes those of the next, and becomes the image.
    Vahdat and Kautz (2020), figure 2b; Child (2021), figure 3; residual cells of either, without batch
    normalisation. Args: see `Model`.
    """

    def __init__(self, spec: Ladder, format: ImageFormat) -> None:
        super().__init__(spec, format)
        condition = format.condition_size if spec.conditional else 0
        colours, height, width = format.shape
        levels, depth = len(spec.groups), sum(spec.groups) * (spec.cells + 1)

        # (H, W) of each resolution, the coarsest first.
        self.extents: list[tuple[int, int]] = [(height, width)]
        for _ in range(levels):
            above = self.extents[0]
            self.extents.insert(0, ((above[0] + 1) // 2, (above[1] + 1) // 2))

        def cells() -> nn.Sequential:
            return nn.Sequential(*(spec.cell.build(spec.width, levels * spec.cells) for _ in range(spec.cells)))

        # Bottom-up, the finest first: a halving and its cells for each resolution.
        self.halve = nn.ModuleList(
            nn.Conv2d(spec.width if level else colours + condition, spec.width, 3, stride=2, padding=1)
            for level in range(levels)
        )
        self.encoder = nn.ModuleList(cells() for _ in range(levels))

        # Top-down: the coarsest map is learned; each resolution begins with a convolution of the map before it.
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

    def forward(self, x: Float[Tensor, "B C H W"], y: Tensor | None = None, samples: int = 1) -> Trace:
        """Encode, draw `samples` codes of every group for each image and decode them."""
        c = self._condition(y, len(x))
        latents: list[Latent] = []
        # Each draw goes its own way down, with the maps of its own image.
        maps = [e.repeat(samples, 1, 1, 1) for e in self._encode(self._checked(x), c)]
        repeated = None if c is None else c.repeat(samples, 1)

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            residual = self._group(index).read_posterior(h, maps[self.level_of[index]], mean, scale)
            q, p = (self._normal(m, s, samples) for m, s in (residual, (mean, scale)))
            z = q.rsample()
            latents.append(Latent(q, z, z, p=p))
            return z.flatten(0, 1)

        theta = self._descend(samples * len(x), repeated, pick)
        return Trace(x, self.likelihood(as_float32(theta).unflatten(0, (samples, -1))), tuple(latents))

    def _infer(self, x: Float[Tensor, "B C H W"], c: Float[Tensor, "B K"] | None) -> Distribution:
        """q(z | x) of all groups in a row, each at the means of those above it; its `.mean` is the embedding, (B, D).

        Without those means there is no such distribution in closed form: a group's posterior depends on draws above.
        """
        maps = self._encode(x, c)
        moments: list[tuple[Tensor, Tensor]] = []

        def pick(index: int, mean: Tensor, scale: Tensor, h: Tensor) -> Tensor:
            residual = self._group(index).read_posterior(h, maps[self.level_of[index]], mean, scale)
            moments.append((residual[0].flatten(1), residual[1].flatten(1)))
            return moments[-1][0]

        self._descend(len(x), c, pick)
        means, scales = zip(*moments, strict=True)
        return diagonal_normal(torch.cat(means, 1), torch.cat(scales, 1))

    def compile_networks(self, mode: str) -> None:
        """Compile the cells of the encoder and the two ways through each group."""
        for module in (*self.encoder, self.after, *(part for group in self.groups for part in group.children())):
            module.compile(mode=mode)

    def _decode(self, z: Float[Tensor, "N D"], c: Float[Tensor, "N K"] | None) -> Tensor:
        parts = z.split(self.widths, 1)
        return self._descend(len(z), c, lambda index, mean, scale, h: parts[index])

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
        """The first groups' codes, of which those given must be whole."""
        if given is None:
            return ()
        for count in range(1, len(self.widths) + 1):
            if sum(self.widths[:count]) == given.shape[1]:
                return tuple(given.split(self.widths[:count], 1))
        sums = [sum(self.widths[:count]) for count in range(1, len(self.widths) + 1)]
        raise UserError(
            f"given has {given.shape[1]} dimensions, but the first groups of latents have {', '.join(map(str, sums))} "
            "together; give whole groups"
        )

    def _encode(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """The encoder's map at each resolution, the coarsest first."""
        # Pixels in [-1, 1] suit layers without normalisation better than those in [0, 1].
        e = as_planes(2 * x - 1, c).contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = []
        for halve, cells in zip(self.halve, self.encoder, strict=True):
            e = cells(halve(e))
            maps.insert(0, e)
        return maps

    def _descend(self, n: int, c: Tensor | None, pick: Pick) -> Tensor:
        """The way down for n images, with z of each group as `pick` says; the likelihood's parameters."""
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

    def _normal(self, mean: Tensor, scale: Tensor, samples: int) -> Distribution:
        """Of batch shape (S, B), over the group's z in a row."""
        flat = (part.flatten(1).unflatten(0, (samples, -1)) for part in (mean, scale))
        return diagonal_normal(*flat)


def _mean_and_scale(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and scale from a convolution's output; log scales within -5 and 5, softly, as NVAE's are."""
    mean, log_scale = as_float32(parameters).chunk(2, 1)
    return mean, (5 * torch.tanh(log_scale / 5)).exp()
