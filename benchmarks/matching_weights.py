"""The weight of an objective that matches the aggregate posterior to the prior: log p(x) and what is left of the KL.

    python benchmarks/matching_weights.py Wae 30 100 300                        # or SlicedWasserstein, Adversarial
    python benchmarks/matching_weights.py Adversarial 3 10 --latent 8 --seed 0
    python benchmarks/matching_weights.py Wae 30 100 --data digits --limit 500 --epochs 1     # a quick look

One training for each weight: an MLP 784-400-z, pixels binarised anew in every epoch, Adam at 1e-3 along a cosine to
zero. Of the first test images, binarised once: the reconstruction; log p(x), exact in up to three dimensions, otherwise
the importance bound with k = 100; and KL(q(z) || p(z)) of their aggregate posterior, by 10,000 draws. Nats per image.
"""

from __future__ import annotations

import argparse
import tempfile

import torch

import vaelab as vl
from vaelab.data import Limited
from vaelab.metrics.images import pixels_of
from vaelab.metrics.rate import elbo_parts

OBJECTIVES = {kind.__name__: kind for kind in (vl.Wae, vl.SlicedWasserstein, vl.Adversarial)}
_SAMPLES = 100


def trained(weight: float, arguments: argparse.Namespace, folder: str) -> vl.Run:
    """A run with this weight."""
    source = Limited(vl.preset("vae", data=arguments.data).data, arguments.limit)
    model = vl.VAE(arguments.latent, network=vl.Mlp(hidden=(400,)))
    cosine = vl.Adam(learning_rate=1e-3, schedule=vl.Cosine())
    training = vl.Training(epochs=arguments.epochs, seed=arguments.seed, validation=0, optimiser=cosine)
    objective = OBJECTIVES[arguments.objective](weight=weight)
    return vl.train(vl.Experiment(source, vl.Dynamic(), model, objective, training), folder, show=False)


def log_p(model: vl.Model, x: torch.Tensor) -> tuple[float, str]:
    """The mean of log p(x), and a sign if it is a bound."""
    if model.spec.latent <= 3:
        return float(vl.exact_evidence(model, x).log_p.mean()), ""
    return vl.importance_bound(model, x, samples=_SAMPLES, seed=0).mean, ">= "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objective", choices=OBJECTIVES)
    parser.add_argument("weights", type=float, nargs="+")
    parser.add_argument("--latent", type=int, default=2)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--limit", type=int, default=10_000, help="images, of which those for training are a part")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--images", type=int, default=500, help="test images")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    test = vl.open_data(arguments.data).split("test").take(slice(0, arguments.images))
    print("| weight | reconstruction | log p(x) | KL(q(z), p(z)) | training s |\n|" + " --- |" * 5)
    for weight in arguments.weights:
        with tempfile.TemporaryDirectory() as folder:
            run = trained(weight, arguments, f"{folder}/run")
        model = run.model.eval()
        evidence, sign = log_p(model, pixels_of(test, vl.Dynamic()))
        parts = elbo_parts(model, test, vl.Dynamic())
        seconds = sum(row["seconds"] for row in run.rows)
        kl = parts.split.marginal_kl.mean
        row = f"{weight:g} | {parts.distortion.mean:.2f} | {sign}{evidence:.2f} | {kl:.1f} | {seconds:.0f}"
        print(f"| {row} |", flush=True)
    print(
        f"\n{arguments.objective}, {len(run.load_data().split('train')):,} training images, {len(test):,} test images"
    )


if __name__ == "__main__":
    main()
