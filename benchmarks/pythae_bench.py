"""Both sides of a comparison, trained and measured on the same images."""

from __future__ import annotations

import argparse
import copy
import math
import statistics
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from torch import Tensor

import vaelab as vl
from pythae_peer import BASE, Binarised, Given, peer_of, trained
from pythae_rows import Row, SamplerRow
from vaelab.metrics.images import eval_mode, pixels_of, seeded

DRAWS = 32
"""Of z per image, over which reconstruction and KL are averaged."""
PRIOR_DRAWS = 20_000
"""Of a prior without a density."""

Numbers = dict[str, Any]


class Bench:
    """The images, and what is done with each row and seed."""

    def __init__(self, settings: argparse.Namespace, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        data = vl.open_data(settings.data)
        train, test = data.split("train"), data.split("test")
        images, held = train.rows[: settings.images], test.rows[: settings.test]
        self.data = vl.as_data(images, test=held, channels="first", name=settings.data)
        self.grey = pixels_of(self.data.split("train"))
        self.x = pixels_of(self.data.split("test"), vl.Dynamic(), seed=0)
        self.vae = cache(self._vae)

    def model(self, row: Row, seed: int) -> dict[str, Numbers]:
        """Numbers of ours and of pythae's."""
        run = self.ours(row, seed)
        _, model, speed = self.theirs(row, seed)
        return {"ours": self.measured(run.model, speed_of(run)), "pythae": self.measured(model, speed)}

    def sampler(self, row: SamplerRow, seed: int) -> dict[str, Numbers]:
        """The same of a prior that is fitted to the VAE's codes."""
        run, peer, model = self.vae(seed)
        folder = self.folder / f"{row.name}-{seed}"
        fitted = vl.fit_prior(run, row.prior, folder, epochs=self.settings.epochs, data=self.data, show=False)
        with torch.no_grad(), seeded(torch.device("cpu"), seed):
            z = peer({"data": self.grey.bernoulli()}).z
        torch.manual_seed(seed)
        speeds: dict[str, float] = {}
        rows = BaseDataset(z, torch.zeros(len(z)))

        def train(flow: Any) -> None:
            speeds["images_per_second"] = trained(
                flow, rows, BASE, str(folder), self.settings.epochs, self.settings.batch, seed
            )

        stated = copy.deepcopy(model)
        stated.prior = Given(row.fit(peer, z, train))
        drawn = isinstance(row.prior, vl.TwoStage)
        return {
            "ours": self.evidence(fitted.model, drawn) | {"images_per_second": speed_of(fitted)},
            "pythae": self.evidence(stated, drawn) | speeds,
        }

    def ours(self, row: Row, seed: int) -> vl.Run:
        """Our run."""
        adam = vl.Adam(learning_rate=1e-3)
        training = vl.Training(
            epochs=self.settings.epochs,
            batch_size=self.settings.batch,
            seed=seed,
            validation=0,
            optimiser=adam,
            precision="fp32",
            device="cpu",
        )
        experiment = vl.Experiment(
            binarisation=vl.Dynamic(), model=row.model, objective=row.objective, training=training
        )
        # Started anew by every row, and finished already where samplers follow the VAE.
        out = self.folder / f"{row.name}-{seed}-ours"
        return vl.train(experiment, out, data=self.data, show=False, resume=True)

    def theirs(self, row: Row, seed: int) -> tuple[Any, Any, float]:
        """pythae's model, the vaelab model that states its density, and the speed of its training."""
        spec = row.model if row.peer.posterior is None else replace(row.model, posterior=row.peer.posterior)
        # The weights with which our run begins.
        torch.manual_seed(seed)
        model = spec.build(self.data.format)
        peer = peer_of(row.name.split()[0], model, row.peer.heads, row.config)
        row.amend(peer)
        images = Binarised(self.grey, torch.zeros(len(self.grey)))
        folder = str(self.folder / f"{row.name}-{seed}-pythae")
        speed = trained(peer, images, row.trainer, folder, self.settings.epochs, self.settings.batch, seed)
        row.peer.take(peer, model)
        return peer, model, speed

    def _vae(self, seed: int) -> tuple[vl.Run, Any, Any]:
        """Ours and pythae's plain VAE, which samplers share."""
        plain = Row("VAE")
        peer, model, _ = self.theirs(plain, seed)
        return self.ours(plain, seed), peer, model

    def measured(self, model: Any, speed: float) -> Numbers:
        """Reconstruction, KL and log p(x) of each test image, nats."""
        with torch.no_grad(), eval_mode(model), seeded(torch.device("cpu"), 0):
            traces = [model(x, None, DRAWS) for x in self.x.split(100)]
        numbers = {"reconstruction": joined([trace.reconstruction for trace in traces])}
        if not model.spec.no_bound:
            numbers["kl"] = joined([trace.kl.sum(0) for trace in traces])
        return numbers | self.evidence(model) | {"images_per_second": speed}

    def evidence(self, model: Any, drawn: bool = False) -> Numbers:
        """log p(x) of each test image, and what it is."""
        if drawn:
            return {"log_p": self.by_draws(model), "log_p_is": "draws"}
        if vl.Trait.real_codes in model.spec.traits and sum(model.widths) == 2:
            return {"log_p": vl.exact_evidence(model, self.x).log_p.tolist(), "log_p_is": "exact"}
        bound = vl.importance_bound(model, self.x, samples=self.settings.samples, seed=0)
        return {"log_p": bound.log_p.tolist(), "log_p_is": "bound"}

    @torch.no_grad()
    def by_draws(self, model: Any) -> list[float]:
        """log (1/N) sum_n p(x | z_n) with z_n from the prior: at most log p(x) in expectation."""
        with eval_mode(model), seeded(torch.device("cpu"), 0):
            z = model.prior_of(None, 1).sample((PRIOR_DRAWS,)).view(PRIOR_DRAWS, -1)
        tables = [model.likelihood.pairwise_log_prob(model.decode(part), self.x) for part in z.split(2000)]
        return (torch.cat(tables).logsumexp(0) - math.log(PRIOR_DRAWS)).tolist()


def joined(parts: list[Tensor]) -> list[float]:
    """Means over draws of numbers (S, B), one per image."""
    return torch.cat([part.mean(0) for part in parts]).tolist()


def speed_of(run: vl.Run) -> float:
    """The median over epochs of training images/s."""
    return statistics.median(row["images_per_second"] for row in run.rows)
