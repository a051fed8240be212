"""Means, draws and log densities of a model's distributions; a foreign part that lacks one is refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vaelab.errors import UserError


def mean_of(p: Distribution, part: str) -> Tensor:
    """The mean of a distribution that a part of the model returned.

    Args:
        p: the distribution.
        part: the name of the part, for the message.

    Raises:
        UserError: the distribution has no mean.

    >>> from torch.distributions import Normal, TanhTransform, TransformedDistribution
    >>> mean_of(TransformedDistribution(Normal(0.0, 1.0), TanhTransform()), "model.posterior")
    Traceback (most recent call last):
    ...
    vaelab.errors.UserError: model.posterior returns a TransformedDistribution, which has no mean; give it a property \
`mean`
    """
    with _named(p, part, "has no mean; give it a property `mean`"):
        return p.mean


def sample_of(p: Distribution, shape: tuple[int, ...], part: str) -> Tensor:
    """Draws of a distribution, of shape `shape` followed by its batch and event shapes.

    Raises:
        UserError: the distribution cannot be sampled.
    """
    with _named(p, part, "cannot be sampled; give it a method `sample` or `rsample`"):
        return p.sample(torch.Size(shape))


def expand(p: Distribution, n: int, part: str) -> Distribution:
    """The distribution with batch shape (n,).

    Raises:
        UserError: the distribution cannot be expanded.
    """
    if p.batch_shape == (n,):
        return p
    with _named(p, part, "cannot be expanded to a batch; give it a method `expand`"):
        expanded: Distribution = p.expand(torch.Size((n,)))
        return expanded


def log_prob_of(p: Distribution, value: Tensor, part: str) -> Tensor:
    """The log density of a distribution, nats.

    Raises:
        UserError: the distribution has no density, or raises an error outside its support.
    """
    with within_support(part), _named(p, part, "has no density; give it a method `log_prob`"):
        log_p: Tensor = p.log_prob(value)
        return log_p


@contextmanager
def within_support(part: str) -> Iterator[None]:
    """Refuse distributions that raise an error for values outside their support.

    Raises:
        UserError: a log density was asked for outside the support of a distribution that validates its arguments.
    """
    try:
        yield
    except UserError:
        raise
    except ValueError:
        raise UserError(
            f"{part} returns a distribution that refuses values outside its support; create it with "
            "validate_args=False, so that their log density is -inf"
        ) from None


@contextmanager
def _named(p: Distribution, part: str, lack: str) -> Iterator[None]:
    try:
        yield
    except NotImplementedError:
        inner = p.base_dist if isinstance(p, Independent) else p
        raise UserError(f"{part} returns a {type(inner).__name__}, which {lack}") from None
