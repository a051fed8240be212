"""Insert known mistakes of other VAE code into a copy of this project, and check that a test fails for each.

    make mutants

The mistakes are listed in docs/mistakes.md. Exit code 1 if a mistake goes unnoticed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Mutant:
    """A mistake: the right and the wrong code in a file, and the tests that should fail."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


MUTANTS = (
    Mutant(
        "an IWAE in which the worst samples weigh most",
        "objectives/iwae.py",
        "return log_weight.logsumexp(0) - math.log(len(log_weight))",
        "return ((-log_weight).softmax(0).detach() * log_weight).sum(0)",
        "test_mathematics.py::test_iwae_loss_weighs_the_best_sample_most",
    ),
    Mutant(
        "stratified weights with 1/N in a column",
        "objectives/decomposition.py",
        "weights.fill_diagonal_(1 / images)",
        "weights[:, 0] = 1 / images",
        "test_objectives.py",
    ),
    Mutant(
        "log-weights added before the sum over dimensions",
        "objectives/decomposition.py",
        "(each.sum(-1) + log_weights).logsumexp(2)",
        "(each + log_weights[..., None]).sum(-1).logsumexp(2)",
        "test_objectives.py",
    ),
    Mutant(
        "KL averaged over latent dimensions",
        "contract/trace.py",
        "return kl_divergence(self.q, self.p).expand(len(self.code), -1)",
        "return kl_divergence(self.q, self.p).expand(len(self.code), -1) / self.code.shape[-1]",
        "test_mathematics.py::test_kl_is_summed_over_dimensions_not_averaged",
    ),
    Mutant(
        "mean squared error in place of the log-likelihood",
        "contract/trace.py",
        "return -self.p.log_prob(self.x)",
        "return (self.p.mean - self.x).square().flatten(2).mean(-1)",
        "test_mathematics.py::test_reconstruction_is_summed_over_pixels_and_averaged_over_images",
    ),
    Mutant(
        "a likelihood that ignores the number of samples",
        "metrics/evidence/importance.py",
        "for size in counted(sizes, len(sizes)):",
        "for size in [1]:",
        "test_mathematics.py::test_importance_bound_rises_with_samples_to_the_exact_evidence",
    ),
    Mutant(
        "a log-likelihood with the sign of its negative",
        "metrics/evidence/importance.py",
        "return Evidence(first - math.log(samples), samples, total / samples, (2 * first - second).exp())",
        "return Evidence(math.log(samples) - first, samples, total / samples, (2 * first - second).exp())",
        "test_mathematics.py::test_importance_bound_rises_with_samples_to_the_exact_evidence",
    ),
    Mutant(
        "a cross-entropy on grey pixels called a log-likelihood",
        "contract/parts.py",
        '"cross-entropy" if self.binary and not binary else "negative log-likelihood"',
        '"negative log-likelihood"',
        "test_contract.py::test_grey_pixels_have_a_cross_entropy_and_no_log_likelihood",
    ),
    Mutant(
        "an evaluation that ends within its loop",
        "training/full_pass.py",
        "            sums += batch_sums(trace)\n            if",
        "            sums += batch_sums(trace)\n            break\n            if",
        "test_training.py::test_a_full_pass_sees_every_image_once",
    ),
    Mutant(
        "an embedding that is a random draw",
        "posteriors/gaussian.py",
        "as_float32(self.mean(h))",
        "as_float32(self.mean(h)) + self.mean(h).detach().clone().normal_()",
        "test_contract.py::test_embedding_is_the_mean_not_a_draw",
    ),
    Mutant(
        "a Gaussian without its normaliser in training alone",
        "likelihoods/gaussian.py",
        "return self.normal(theta, self.sigma.expand_as(theta))",
        "scale = 0.3989423 + 0 * theta if self.training else self.sigma.expand_as(theta)\n"
        "        return self.normal(theta, scale)",
        "test_mathematics.py::test_gaussian_likelihood_includes_its_normaliser",
    ),
    Mutant(
        "a checkpoint whose optimiser is not read back",
        "optimisers/state.py",
        "    optimiser.load_state_dict(",
        "    dict(",
        "test_training.py::test_stopped_after_any_checkpoint_it_ends_bit_identical",
    ),
    Mutant(
        "a model that is unpickled",
        "models/files.py",
        "import json\n",
        "import json\nimport pickle\n",
        "test_training.py::test_nothing_is_ever_unpickled",
    ),
    Mutant(
        "a mutual information gap with a view where a transpose is due",
        "metrics/disentanglement/information.py",
        "counts.transpose(0, 2, 1, 3)",
        "counts.reshape(d, k, -1, right.shape[1] // k)",
        "test_disentanglement.py::test_information_is_scikit_learns_of_each_pair",
    ),
)


def caught(mutant: Mutant) -> bool:
    """Whether a test fails on a copy of the project with this mistake."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        file = copy / "src" / "vaelab" / mutant.file
        text = file.read_text()
        if text.count(mutant.right) != 1:
            raise SystemExit(
                f"{mutant.file} has {mutant.right!r} {text.count(mutant.right)} times; bring the list up to date"
            )
        file.write_text(text.replace(mutant.right, mutant.wrong))
        command = [sys.executable, "-m", "pytest", f"tests/{mutant.tests}", "-x", "-q", "-p", "no:cacheprovider"]
        environment = {"PYTHONPATH": str(copy / "src"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{mutant.name}: the tests could not run\n{done.stdout}\n{done.stderr}")
        return done.returncode == 1


def main() -> int:
    """Run each mutant and print the result."""
    survivors = 0
    for mutant in MUTANTS:
        fate = caught(mutant)
        survivors += not fate
        print(f"{'caught  ' if fate else 'SURVIVED'}  {mutant.name}", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
