"""The amortisation gap of a VAE with two latent dimensions, before and after refinement of each image's posterior.

python benchmarks/refinement.py [--data digits] [--epochs 60] [--images 200] [--seed 0]

Prints exact log p(x) and the ELBO of test images, binarised once, after 0, 5, 20 and 100 steps, with 95 % bootstrap
intervals of the gap that is left; for a model trained without refinement, and for others trained with it for as many
epochs, which takes longer: the seconds of training are printed.
"""

from __future__ import annotations

import argparse
import tempfile

import vaelab as vl
from vaelab.metrics.evidence import exact_evidence, inference_gaps
from vaelab.metrics.images import pixels_of

STEPS = (0, 5, 20, 100)
OBJECTIVES = {
    "Elbo": vl.Elbo(),
    "SemiAmortised": vl.SemiAmortised(),
    "SemiAmortised, not through": vl.SemiAmortised(through=False),
}


def trained(objective: vl.ObjectiveSpec, arguments: argparse.Namespace, folder: str) -> vl.Run:
    """A run with this objective."""
    settings = {"data": arguments.data, "network": vl.Mlp(hidden=(256, 256)), "binarisation": vl.Dynamic()}
    settings |= {"objective": objective, "seed": arguments.seed, "epochs": arguments.epochs}
    return vl.train(vl.preset("vae", **settings), f"{folder}/run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    x = pixels_of(vl.open_data(arguments.data).split("test"), vl.Dynamic(), arguments.seed)[: arguments.images]
    print(f"{arguments.data}, {len(x)} test images, seed {arguments.seed}; nats per image")
    for name, objective in OBJECTIVES.items():
        with tempfile.TemporaryDirectory() as folder:
            run = trained(objective, arguments, folder)
            seconds = sum(row["seconds"] for row in run.rows)
            exact = exact_evidence(run.model, x)
            moments = exact.mean, exact.covariance
            print(f"{name}, trained for {seconds:.1f} s: log p(x) {float(exact.log_p.mean()):.2f}")
            for steps in STEPS:
                gaps = inference_gaps(run.model, x, exact.log_p, moments=moments, refinement=steps, seed=arguments.seed)
                left, elbo = gaps.interval(gaps.remaining), float(gaps.refined_elbo.mean())
                mean = float(gaps.remaining.mean())
                print(f"  {steps:>3} steps: ELBO {elbo:.2f}, gap left {mean:.2f} ({left.low:.2f} to {left.high:.2f})")


if __name__ == "__main__":
    main()
