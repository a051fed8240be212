"""One training for every part beside the plain VAE: the same network and budget, log p(x) of the same test images.

    python benchmarks/parts.py [--data mnist] [--epochs 10] [--images 1000] [--only NAME ...] [--out runs/parts]

All rows have an MLP 784-400-z and pixels binarised anew in every epoch; the test images are binarised once. log p(x)
is exact, by quadrature in the plane or as a sum over codes; otherwise it is the importance bound, with k in brackets.
The column of the difference compares with the VAE image by image. 95 % intervals resample the images (the bootstrap):
they do not cover other trainings. The Frechet distance is that of the project's classifier, between means of p(x | z)
at draws of the prior and as many test images.

A finished row is kept in the folder; a row that is there is not made anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import vaelab as vl
from vaelab.metrics.evidence import Enumeration, Quadrature
from vaelab.metrics.images import pixels_of
from vaelab.metrics.intervals import bootstrap_interval
from vaelab.metrics.samples import ImageClassifier, frechet_distance, kept_classifier
from vaelab.training import full_pass

_NET = vl.Mlp(hidden=(400,))
_VAE = vl.VAE(latent=2, network=_NET)
_SAMPLES = 200


@dataclass(frozen=True)
class Row:
    """One row: a model and an objective, or a prior fitted to the model of another row."""

    model: vl.ModelSpec = _VAE
    objective: vl.ObjectiveSpec = field(default_factory=vl.Elbo)
    after: str = ""
    prior: vl.PriorSpec | None = None
    start_at_mean: bool = False


def _vae(**parts: Any) -> Row:
    return Row(vl.VAE(**{"latent": 2, "network": _NET} | parts))


def _codes(posterior: vl.PosteriorSpec, latent: int = 16, **parts: Any) -> Row:
    model = vl.VAE(latent, network=_NET, posterior=posterior, prior=vl.UniformCodes())
    return Row(model, **parts)


def _fitted(prior: vl.PriorSpec, after: str = "VAE") -> Row:
    return Row(after=after, prior=prior)


_CATEGORICAL = vl.CategoricalPosterior(size=10, variables=2)

ROWS = {
    "VAE": Row(),
    # Objectives.
    "IWAE, 10 samples": Row(objective=vl.Iwae(samples=10)),
    "DReG, 10 samples": Row(objective=vl.Dreg(samples=10)),
    "MIWAE": Row(objective=vl.Miwae()),
    "PIWAE": Row(objective=vl.Piwae()),
    "CIWAE": Row(objective=vl.Ciwae()),
    "sticking the landing": Row(objective=vl.StickingTheLanding()),
    "reweighted wake-sleep": Row(objective=vl.ReweightedWakeSleep()),
    "lagging inference": Row(objective=vl.Lagging(vl.Elbo(), steps=5)),
    "semi-amortised, 5 steps": Row(objective=vl.SemiAmortised(steps=5)),
    "HVAE": Row(objective=vl.Hamiltonian()),
    "WAE-MMD, RBF": Row(objective=vl.Wae(kernel=vl.Rbf())),
    "WAE-MMD, IMQ": Row(objective=vl.Wae(kernel=vl.InverseMultiquadratic())),
    "sliced Wasserstein": Row(objective=vl.SlicedWasserstein()),
    "adversarial autoencoder": Row(objective=vl.Adversarial()),
    "RHVAE": Row(objective=vl.RiemannianHamiltonian()),
    "MS-SSIM penalty": Row(objective=vl.Perceptual(vl.Elbo(), vl.MsSsim(), weight=20.0)),
    "VAE-GAN": Row(objective=vl.VaeGan()),
    # Posteriors.
    "full covariance": _vae(posterior=vl.FullGaussian()),
    "Student-t posterior": _vae(posterior=vl.StudentTPosterior()),
    "planar flow": _vae(posterior=vl.FlowPosterior(transform=vl.Planar())),
    "radial flow": _vae(posterior=vl.FlowPosterior(transform=vl.Radial())),
    "IAF": _vae(posterior=vl.FlowPosterior(transform=vl.Iaf())),
    "MAF": _vae(posterior=vl.FlowPosterior(transform=vl.Maf())),
    "coupling flow": _vae(posterior=vl.FlowPosterior(transform=vl.Coupling())),
    "gamma": _vae(posterior=vl.GammaPosterior(), prior=vl.GammaPrior()),
    "S-VAE, sphere in 3-D": _vae(latent=3, posterior=vl.VonMisesFisher(), prior=vl.UniformSphere()),
    "Poincare disk": _vae(posterior=vl.WrappedNormal(), prior=vl.PoincareNormal()),
    # Codes.
    "codebook of 128": _codes(vl.Codebook(size=128)),
    "codebook of 128, rotation trick": _codes(vl.Codebook(size=128, rotation=True)),
    "lookup-free, 7 bits": _codes(vl.LookupFree(bits=7)),
    "binary spherical, 7 bits": _codes(vl.BinarySpherical(bits=7)),
    "SimVQ of 128": _codes(vl.SimVq(size=128)),
    "hierarchical codebook, 5 x 5 x 5": _codes(vl.HierarchicalCodebook(size=5, levels=3)),
    "hierarchical codebook, 5 x 5 x 5, from the mean image": _codes(
        vl.HierarchicalCodebook(size=5, levels=3), start_at_mean=True
    ),
    "Gumbel-softmax, 10 x 10": _codes(vl.GumbelSoftmax(size=10, variables=2), latent=20),
    "Gumbel-softmax, 10 x 10, from the mean image": _codes(
        vl.GumbelSoftmax(size=10, variables=2), latent=20, start_at_mean=True
    ),
    "categorical 10 x 10, VIMCO": _codes(_CATEGORICAL, latent=20, objective=vl.Vimco()),
    "categorical 10 x 10, wake-sleep": _codes(_CATEGORICAL, latent=20, objective=vl.ReweightedWakeSleep()),
    # Priors trained with the model.
    "mixture prior": _vae(prior=vl.Mixture()),
    "diffusion prior": _vae(prior=vl.Diffusion()),
    # Priors fitted afterwards.
    "mixture, afterwards": _fitted(vl.Mixture(full=True)),
    "two-stage, afterwards": _fitted(vl.TwoStage()),
    "spline flow, afterwards": _fitted(vl.Flow()),
    "MAF, afterwards": _fitted(vl.Flow(transform=vl.Maf())),
    "IAF, afterwards": _fitted(vl.Flow(transform=vl.Iaf())),
    "diffusion, afterwards": _fitted(vl.Diffusion()),
    "uniform on the manifold, afterwards": _fitted(vl.UniformManifold()),
    # Points instead of densities, and densities fitted to them.
    "RAE, L2": Row(vl.VAE(2, network=_NET, posterior=vl.Deterministic()), vl.Rae(regulariser=vl.L2())),
    "RAE, gradient penalty": Row(
        vl.VAE(2, network=_NET, posterior=vl.Deterministic()), vl.Rae(regulariser=vl.GradientPenalty())
    ),
    "RAE, spectral": Row(
        vl.VAE(2, network=vl.Spectral(network=_NET), posterior=vl.Deterministic()), vl.Rae(regulariser=vl.L2())
    ),
    "RAE, L2, mixture afterwards": _fitted(vl.Mixture(full=True), after="RAE, L2"),
    "RAE, L2, flow afterwards": _fitted(vl.Flow(), after="RAE, L2"),
}


def trained(name: str, arguments: argparse.Namespace) -> vl.Run:
    """The run of a row, trained now or before."""
    row, folder = ROWS[name], arguments.out / name
    if (folder / "finished").exists():
        return vl.open_run(folder)
    if row.prior is not None:
        run = vl.fit_prior(trained(row.after, arguments), row.prior, folder, epochs=arguments.prior_epochs, show=False)
    else:
        cosine = vl.Adam(learning_rate=1e-3, schedule=vl.Cosine())
        training = vl.Training(
            epochs=arguments.epochs,
            seed=arguments.seed,
            validation=0,
            optimiser=cosine,
            start_at_mean=row.start_at_mean,
        )
        data = vl.preset("vae", data=arguments.data).data
        run = vl.train(vl.Experiment(data, vl.Dynamic(), row.model, row.objective, training), folder, show=False)
    (folder / "finished").touch()
    return run


def evidence(model: vl.Model, x: torch.Tensor) -> tuple[torch.Tensor | None, str]:
    """log p(x) of each image, and how it was computed; none for a model that has neither a sum nor a bound."""
    spec = model.spec
    try:
        found: Quadrature | Enumeration = (
            vl.enumerated_evidence(model, x) if model.posterior.code_space else vl.exact_evidence(model, x)
        )
        return found.log_p, "exact"
    except vl.UserError as why:
        if spec.no_bound:
            print(f"  no log p(x): {why}", flush=True)
            return None, "none"
        return vl.importance_bound(model, x, samples=_SAMPLES, seed=0).log_p, f">= (k = {_SAMPLES})"


def measured(name: str, x: torch.Tensor, classifier: ImageClassifier, arguments: argparse.Namespace) -> dict[str, Any]:
    """The numbers of a row."""
    run = trained(name, arguments)
    model, test = run.model.eval(), run.load_data().split("test")
    began = time.perf_counter()
    totals = full_pass(model, test, vl.Dynamic())
    log_p, how = evidence(model, x)
    torch.manual_seed(0)
    drawn = model.generate(arguments.drawn).clamp(0, 1).numpy()
    real = test.images[: arguments.drawn].astype(np.float32) / 255
    distance = frechet_distance(classifier.features(real), classifier.features(drawn)).distance
    return {
        "reconstruction": totals.reconstruction,
        "KL": totals.kl,
        "total": totals.total,
        "bound": not run.experiment.model.no_bound,
        "log p(x)": None if log_p is None else log_p.double().tolist(),
        "how": how,
        "Frechet distance": float(distance),
        "training seconds": round(sum(row["seconds"] for row in run.rows), 1),
        "measuring seconds": round(time.perf_counter() - began, 1),
        "commit": arguments.commit,
        "epochs": run.experiment.training.epochs,
        "seed": arguments.seed,
    }


def line(name: str, found: dict[str, Any], reference: dict[str, Any] | None) -> str:
    """A row of the table."""

    def interval(values: np.ndarray) -> str:
        bounds = bootstrap_interval(values)
        return f"{values.mean():.2f} ({bounds.low:.2f} to {bounds.high:.2f})"

    log_p, against = "-", "-"
    if found["log p(x)"] is not None:
        values = np.array(found["log p(x)"])
        log_p = interval(values) + ("" if found["how"] == "exact" else f", {found['how']}")
        if reference is not None and name != "VAE":
            against = interval(values - np.array(reference["log p(x)"]))
    total = f"{found['total']:.2f}" + ("" if found["bound"] else " (no bound)")
    parts = (f"{found['reconstruction']:.2f}", f"{found['KL']:.2f}", total, log_p, against)
    return f"| {name} | {' | '.join(parts)} | {found['Frechet distance']:.1f} | {found['training seconds']:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--prior-epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--drawn", type=int, default=5000, help="samples and test images of the Frechet distance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=list(ROWS))
    parser.add_argument("--out", type=Path, default=Path("runs/parts"))
    arguments = parser.parse_args()
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    arguments.commit = head.stdout.strip()
    data = vl.open_data(arguments.data)
    x = pixels_of(data.split("test"), vl.Dynamic(), arguments.seed)[: arguments.images]
    classifier = kept_classifier(data)
    for name in arguments.only:
        file = arguments.out / name / "measured.json"
        if file.exists():
            continue
        print(name, flush=True)
        try:
            found = measured(name, x, classifier, arguments)
        except vl.UserError as why:
            print(f"  left out: {why}", flush=True)
            continue
        file.write_text(json.dumps(found))
    real, training = (data.split(name).images[: arguments.drawn] / np.float32(255) for name in ("test", "train"))
    floor = frechet_distance(classifier.features(real), classifier.features(training)).distance
    print(f"Frechet distance of training images: {floor:.1f}")
    files = {name: arguments.out / name / "measured.json" for name in ROWS}
    rows = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    print("\n| | reconstruction | KL | total | log p(x) | difference | Frechet distance | training s |")
    print("|" + " --- |" * 8)
    for name, found in rows.items():
        print(line(name, found, rows.get("VAE")))


if __name__ == "__main__":
    main()
