"""The bound of Hamiltonian dynamics from a trained posterior, by the number of steps, beside exact log p(x).

python benchmarks/hamiltonian.py [--data digits] [--epochs 20] [--images 50] [--samples 100] [--seed 0]

Trains a VAE with two latent dimensions with the ELBO and with `Hamiltonian`, for as many epochs, and prints exact log
p(x) of test images, binarised once, the bound of both after 0, 1, 3 and 10 steps, and the seconds that each takes.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import vaelab as vl
from vaelab.metrics.evidence import exact_evidence
from vaelab.metrics.images import pixels_of

STEPS = (0, 1, 3, 10)
OBJECTIVES = {"Elbo": vl.Elbo(), "Hamiltonian": vl.Hamiltonian()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    x = pixels_of(vl.open_data(arguments.data).split("test"), vl.Dynamic(), arguments.seed)[: arguments.images]
    print(f"{arguments.data}, {len(x)} test images, seed {arguments.seed}; nats per image")
    settings = {"data": arguments.data, "network": vl.Mlp(hidden=(256, 256)), "binarisation": vl.Dynamic()}
    settings |= {"seed": arguments.seed, "epochs": arguments.epochs}
    for name, objective in OBJECTIVES.items():
        with tempfile.TemporaryDirectory() as folder:
            run = vl.train(vl.preset("vae", objective=objective, **settings), f"{folder}/run")
        seconds = sum(row["seconds"] for row in run.rows)
        exact = float(exact_evidence(run.model, x).log_p.mean())
        print(f"{name}, trained for {seconds:.1f} s: log p(x) {exact:.2f}")
        for steps in STEPS:
            start = time.perf_counter()
            found = vl.hamiltonian_bound(run.model, x, steps=steps, samples=arguments.samples, seed=arguments.seed)
            took = time.perf_counter() - start
            print(f"  {steps:>2} steps: bound {found.mean:.2f}, gap {exact - found.mean:.2f}, in {took:.1f} s")


if __name__ == "__main__":
    main()
