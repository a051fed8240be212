"""log p(x) as a sum over codes: against the sum written out, and against bounds that must stay below it."""

from __future__ import annotations

import itertools

import pytest
import torch

import vaelab as vl

_DATA = vl.open_data("digits")
_TWO = vl.CategoricalPosterior(size=3, variables=2)


def built(posterior: vl.PosteriorSpec, prior: vl.PriorSpec, latent: int = 4, conditional: bool = False) -> vl.Model:
    torch.manual_seed(0)
    network = vl.Mlp(hidden=(8,))
    spec = vl.VAE(latent, conditional=conditional, network=network, posterior=posterior, prior=prior)
    model = spec.build(_DATA.format)
    # Fresh weights say nearly the same of every code.
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model.eval()


def images(n: int = 6) -> torch.Tensor:
    return _DATA.split("test").tensors()[0][:n].round()


@pytest.mark.parametrize("prior", [vl.UniformCodes(), vl.AutoregressiveCodes()])
def test_it_is_the_sum_over_all_codes(prior: vl.PriorSpec) -> None:
    model, x = built(_TWO, prior), images()
    by_hand = []
    with torch.no_grad():
        for code in itertools.product(range(3), repeat=2):
            codes = torch.tensor([code])
            p = model.likelihood_at(model.posterior.read(codes)[None].expand(1, len(x), -1))
            by_hand.append(model.prior_of(None, 1).log_prob(codes) + p.log_prob(x)[0])
    found = vl.enumerated_evidence(model, x)
    assert found.codes == 9
    torch.testing.assert_close(found.log_p, torch.stack(by_hand).logsumexp(0), rtol=1e-5, atol=1e-3)


def test_importance_samples_tend_to_it() -> None:
    model, x = built(_TWO, vl.AutoregressiveCodes()), images(20)
    exact, bound = vl.enumerated_evidence(model, x).log_p, vl.importance_bound(model, x, samples=3000, seed=0)
    assert float((exact - bound.log_p).abs().max()) < 0.3
    assert float(exact.mean()) > float(bound.elbo.mean()) + 0.1


def test_a_label_has_its_own_sum() -> None:
    model, x = built(_TWO, vl.AutoregressiveCodes(), conditional=True), images(4)
    y = torch.tensor([0, 5, 0, 5])
    both = vl.enumerated_evidence(model, x, y)
    assert both.codes == 18
    for label in (0, 5):
        rows = y == label
        torch.testing.assert_close(vl.enumerated_evidence(model, x[rows], y[rows]).log_p, both.log_p[rows])
    swapped = vl.enumerated_evidence(model, x, 5 - y).log_p
    assert float((swapped - both.log_p).abs().min()) > 0.01


def test_the_evaluation_has_the_sum_above_the_bound() -> None:
    model = built(vl.Codebook(size=16), vl.UniformCodes())
    budget = vl.Budget(n_images=50, n_samples=5)
    found = vl.evaluate(model, _DATA, vl.Threshold(), only=["evidence"], budget=budget).section("evidence")
    assert found.value("log p(x)") > found.value("IWAE-5")
    assert "The order holds" in found.findings[0]


def test_what_cannot_be_listed_is_refused() -> None:
    many = built(vl.CategoricalPosterior(size=10, variables=4), vl.UniformCodes(), latent=8)
    with pytest.raises(vl.UserError, match=r"10\^4 codes, but max_codes is 5000"):
        vl.enumerated_evidence(many, images(), max_codes=5000)
    continuous = vl.VAE(network=vl.Mlp()).build(_DATA.format)
    with pytest.raises(vl.UserError, match="no single latent of discrete codes"):
        vl.enumerated_evidence(continuous, images())
    with pytest.raises(vl.UserError, match="grey pixels"):
        vl.enumerated_evidence(built(_TWO, vl.UniformCodes()), images() / 2)
