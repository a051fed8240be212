"""A trained model of the rows of a table: means, reconstructions, densities and draws, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vaelab.data import TableData, TableFormat
from vaelab.metrics.evidence import importance_bound, rowwise_evidence
from vaelab.models.vae import VAEModel

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

# Rows that are encoded at once.
_BATCH = 1000
_UNKNOWN = -1
# Most latent dimensions in which log p(x) is integrated.
_EXACT = 2


@dataclass(frozen=True)
class FittedModel:
    """A model in float64, in which the result for a row does not depend on the other rows of its batch.

    Args:
        model: the model.
        seed: of the importance samples, the same for every row.
        n_draws: importance samples per row.
    """

    model: VAEModel
    seed: int
    n_draws: int

    @property
    def format(self) -> TableFormat:
        """The columns of the training rows, with their categories and standardisation."""
        format = self.model.format
        assert isinstance(format, TableFormat)
        return format

    @torch.no_grad()
    def means(self, table: TableData, y: Labels | None) -> Floats:
        """The means of q(z | x) or q(z | x, y), (N, D)."""
        x, labels = self._x(table), self._labels(y, len(table))
        parts = [
            self.model.encode(x[rows], None if labels is None else labels[rows]).mean
            for rows in torch.arange(len(x)).split(_BATCH)
        ]
        means: Floats = torch.cat(parts).numpy(force=True)
        return means

    @torch.no_grad()
    def decode(self, z: Floats, y: Labels | None) -> Floats:
        """The means of p(x | z) or p(x | z, y), (N, F), in the units of the table."""
        x = self.model.decode(z, self._labels(y, len(z))).mean
        return self.format.decode(x.numpy(force=True))

    def log_p(self, table: TableData, y: Labels | None) -> Floats:
        """log p(x) or log p(x | y) of each row by itself, nats in the units of the table, (N,)."""
        x, labels = self._x(table), None if y is None else torch.from_numpy(y)
        if sum(self.model.widths) <= _EXACT:
            scores = rowwise_evidence(self.model, x, labels).numpy()
        else:
            # One row at a time from the same seed: the same draws for every row.
            bounds = [
                importance_bound(
                    self.model,
                    x[row : row + 1],
                    None if labels is None else labels[row : row + 1],
                    self.n_draws,
                    seed=self.seed,
                ).log_p
                for row in range(len(x))
            ]
            scores = torch.cat(bounds).numpy(force=True)
        log_p: Floats = scores - table.format.log_scale(table.values)
        return log_p

    @torch.no_grad()
    def sample(self, n: int, y: Labels | None, seed: int) -> Floats:
        """Rows drawn from p(x) or p(x | y), (n, F), in the units of the table."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            prior = self.model.prior_of(None if y is None else torch.from_numpy(y), n)
            z = prior.sample() if prior.batch_shape else prior.sample(torch.Size((n,)))
            x = self.model.decode(z, y).sample()
        return self.format.decode(x.numpy(force=True))

    def _x(self, table: TableData) -> torch.Tensor:
        return torch.from_numpy(table.format.encode(table.values)).to(self.model.device, torch.float64)

    def _labels(self, y: Labels | None, n: int) -> torch.Tensor | None:
        """The labels, which are unknown to a conditional model unless they are given."""
        if y is None and self.model.spec.conditional:
            y = np.full(n, _UNKNOWN)
        return None if y is None else torch.from_numpy(y)
