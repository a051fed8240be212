"""The parts of a model as functions of arrays, which torch can trace."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.models.model import Model


class Graph(nn.Module):
    """A function of named arrays, each with a row per image; a conditional model has the condition as the last one.

    Args:
        model: in evaluation mode, on the CPU.
    """

    outputs: ClassVar[tuple[str, ...]]
    """The names of what `forward` returns."""
    conditioned: ClassVar[bool] = True
    """Whether it takes the condition of a conditional model."""
    made_of: ClassVar[tuple[str, ...]]
    """The fields of the composition that it is computed by, for messages."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    @abstractmethod
    def arrays(self, n: int, noise: torch.Generator) -> dict[str, Tensor]:
        """Random inputs for n images, without the condition."""

    @abstractmethod
    def compute(self, arrays: tuple[Tensor, ...], c: Tensor | None) -> tuple[Tensor, ...]:
        """The outputs, given the arrays and the condition."""

    def inputs(self, n: int) -> dict[str, Tensor]:
        """Random inputs for n images, always the same; among the labels is an unknown one, if the model takes it."""
        noise = torch.Generator().manual_seed(n)
        arrays = self.arrays(n, noise)
        if self.conditioned and self.model.spec.conditional:
            classes, attributes = self.model.format.classes, self.model.format.attributes
            if classes:
                unknown = int(self.model.unknown_labels)
                arrays["label"] = torch.arange(n) % (len(classes) + unknown) - unknown
            else:
                arrays["attributes"] = torch.rand(n, len(attributes), generator=noise)
        return arrays

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the order of `outputs`."""
        y = None
        if self.conditioned and self.model.spec.conditional:
            *rest, y = arrays
            arrays = tuple(rest)
        return self.compute(arrays, self.model._condition(y, arrays[0].shape[0]) if self.conditioned else None)

    @property
    def parts(self) -> str:
        """The classes of the specs that it is computed by."""
        spec = self.model.spec
        found = [type(getattr(spec, name)).__name__ for name in self.made_of if hasattr(spec, name)]
        return ", ".join([type(spec).__name__, *found])


class Encoder(Graph):
    """image -> mean, stddev, or codes."""

    made_of = ("network", "posterior")

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.outputs = ("codes",) if model.coordinates.size else ("mean", "stddev")  # type: ignore[misc]

    def arrays(self, n: int, noise: torch.Generator) -> dict[str, Tensor]:
        """Images of random pixels."""
        return {"image": torch.rand(n, *self.model.format.shape, generator=noise)}

    def compute(self, arrays: tuple[Tensor, ...], c: Tensor | None) -> tuple[Tensor, ...]:
        """The posterior as arrays."""
        described = self.model.describe(arrays[0], c)
        return tuple(described[name] for name in self.outputs)


class Decoder(Graph):
    """Coordinates -> mean image in [0, 1], parameters of the likelihood."""

    outputs = ("mean", "parameters")
    made_of = ("network", "likelihood")

    def arrays(self, n: int, noise: torch.Generator) -> dict[str, Tensor]:
        """Draws from N(0, I), or random codes."""
        return random_coordinates(self.model, n, noise)

    def compute(self, arrays: tuple[Tensor, ...], c: Tensor | None) -> tuple[Tensor, ...]:
        """The decoded images."""
        theta = self.model.theta_at(arrays, c)
        # Normal pixels may lie outside [0, 1], images do not.
        return self.model.likelihood(theta).mean.clamp(0, 1), theta


class PriorDensity(Graph):
    """Coordinates -> log p(coordinates | c), nats."""

    outputs = ("log_density",)
    made_of = ("prior",)

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        p = model.prior_at(model._condition(next(reversed(self.inputs(2).values())), 2))
        # A prior that is the same for all conditions is computed once. A VampPrior would run the encoder at every call.
        self.same: Distribution | None = None if p.batch_shape else p

    def arrays(self, n: int, noise: torch.Generator) -> dict[str, Tensor]:
        """Draws from N(0, I)."""
        return random_coordinates(self.model, n, noise)

    def compute(self, arrays: tuple[Tensor, ...], c: Tensor | None) -> tuple[Tensor, ...]:
        """The density of each row."""
        p: Any = self.model.prior_at(c) if self.same is None else self.same
        return (p.log_prob(torch.cat(arrays, 1)),)


class LikelihoodDensity(Graph):
    """Parameters, image -> log p(x | z), nats."""

    outputs = ("log_density",)
    conditioned = False
    made_of = ("likelihood",)

    def arrays(self, n: int, noise: torch.Generator) -> dict[str, Tensor]:
        """The parameters at random coordinates, and images of random pixels."""
        decoder = Decoder(self.model)
        return {
            "parameters": decoder(*decoder.inputs(n).values())[1],
            "image": torch.rand(n, *self.model.format.shape, generator=noise),
        }

    def compute(self, arrays: tuple[Tensor, ...], c: Tensor | None) -> tuple[Tensor, ...]:
        """The density of each image."""
        theta, x = arrays
        return (self.model.likelihood(theta).log_prob(x),)


def random_coordinates(model: Model, n: int, noise: torch.Generator) -> dict[str, Tensor]:
    """Draws from N(0, I), or codes of equal probability, for n images."""
    size = model.coordinates.size
    return {
        name: torch.randint(size, (n, width), generator=noise) if size else torch.randn(n, width, generator=noise)
        for name, width in model.coordinates.widths.items()
    }


GRAPHS: dict[str, type[Graph]] = {
    "encoder": Encoder,
    "decoder": Decoder,
    "prior": PriorDensity,
    "likelihood": LikelihoodDensity,
}
