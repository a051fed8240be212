"""Densities at the edge of float32: what two versions of the package give.

    python benchmarks/float32.py

Prints the KL of a Gaussian posterior whose log variance is far out, the error of a ladder's KL against float64, and the
prior of an unknown label against a mixture by hand. Uses only names of all versions, so that PYTHONPATH chooses one.
"""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal, kl_divergence

import vaelab as vl

FORMAT = vl.ImageFormat(1, 28, 28, ("a", "b", "c"))


def far_out(log_variance: float) -> str:
    """The KL of a posterior to N(0, I), one dimension, and the size of its gradient."""
    torch.manual_seed(0)
    model = vl.VAE(latent=1, network=vl.Mlp(hidden=(8,))).build(FORMAT)
    for head, bias in ((model.posterior.mean, 0.0), (model.posterior.log_variance, log_variance)):
        head.weight.data.zero_()
        head.bias.data.fill_(bias)
    kl = model(torch.rand(1, 1, 28, 28)).kl.mean()
    kl.backward()
    return f"KL {kl.item():.4g}, gradient {model.posterior.log_variance.bias.grad.abs().item():.3g}"


def ladder_error(size: float) -> str:
    """The largest relative error of a group's KL against float64 in 1,000 draws, at a prior N(30, exp(-5)^2).

    The shift, in units of the prior's scale, and the log stretch of two channels are drawn from N(0, size^2).
    """
    torch.manual_seed(0)
    model = vl.Ladder(groups=(1,), width=8, latent=2).build(FORMAT)
    (group,) = model.groups
    for layer in (group.prior, group.residual):
        layer.weight.data.zero_()
    # atanh, since log scales are 5 tanh(. / 5); -4.999 stands for the bound of -5, which is not reached.
    group.prior.bias.data[:2], group.prior.bias.data[2:] = 30, 5 * math.atanh(-0.9998)
    errors = []
    for _ in range(1000):
        shift, log_stretch = size * torch.randn(2, 2)
        group.residual.bias.data[:2] = shift
        group.residual.bias.data[2:] = 5 * torch.atanh(log_stretch / 5)
        with torch.no_grad():
            latent = model(torch.rand(1, 1, 28, 28)).latents[0]
        stretch = (5 * torch.tanh(group.residual.bias.data[2:].double() / 5)).exp()
        exact = kl_divergence(Normal(shift.double(), stretch), Normal(0.0, 1.0)).sum() * latent.z.shape[-1] / 2
        errors.append(abs(latent.kl().item() / exact.item() - 1))
    return f"{max(errors):.1e}"


def unknown_label() -> str:
    """The largest difference of log p(z | unknown) from log 1/3 sum_k N(z; m_k, s_k^2), nats."""
    torch.manual_seed(0)
    model = vl.VAE(latent=2, conditional=True, prior=vl.ConditionalNormal(), network=vl.Mlp(hidden=(8,))).build(FORMAT)
    with torch.no_grad():
        model.prior.mean.weight.normal_(0, 2)
        model.prior.log_variance.weight.normal_(0, 1)
        z = 3 * torch.randn(500, 2)
        ours = model.prior_of(torch.full((500,), -1), 500).log_prob(z)
        means, scales = model.prior.mean.weight.T.double(), (model.prior.log_variance.weight.T.double() / 2).exp()
        each = Normal(means, scales).log_prob(z.double()[:, None]).sum(-1)
    return f"{(ours - (each.logsumexp(1) - math.log(3))).abs().max().item():.1e}"


def main() -> None:
    """Print one line per number."""
    torch.set_num_threads(1)
    for log_variance in (-1e4, -110.0, 0.5, 170.0, 1e4):
        print(f"posterior with log variance {log_variance:g}: {far_out(log_variance)}")
    for size in (0.003, 0.03, 0.3):
        error = ladder_error(size)
        print(f"ladder at N(30, exp(-5)^2), shift and log stretch of {size}: relative error of the KL {error}")
    print(f"unknown label under ConditionalNormal: log p(z) differs from the mixture by up to {unknown_label()} nats")


if __name__ == "__main__":
    main()
