"""Objectives with a discriminator of images: whose gradient comes from which term, weights by hand, and training."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import relu

import vaelab as vl
from vaelab.data import ImageData
from vaelab.objectives.discriminators import ImageDiscriminator, PatchDiscriminator
from vaelab.schedules import Progress

FORMAT = vl.ImageFormat(1, 8, 8)
LATER = Progress(epoch=3, step=1, steps=2, epochs=4)
close = partial(torch.testing.assert_close, rtol=1e-8, atol=1e-8)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def a_trace(samples: int = 2, **parts: Any) -> tuple[Any, Any]:
    """A model in double precision and its trace of four images."""
    model: Any = vl.VAE(3, **{"network": vl.Mlp((8,))} | parts).build(FORMAT).double()
    return model, model(torch.rand(4, 1, 8, 8, dtype=torch.float64), None, samples)


def gradient(loss: Tensor, of: Any) -> list[Tensor]:
    """By each of the weights, zero where there is none."""
    return [*torch.autograd.grad(loss, [*of], retain_graph=True, allow_unused=True, materialize_grads=True)]


# ---- Discriminators ----


@pytest.mark.parametrize(
    ("side", "halvings", "patches"), [(32, 3, 2), (64, 3, 6), (256, 3, 30), (16, 2, 2), (8, 1, 2), (5, 0, 3), (3, 0, 1)]
)
def test_patches_of_isola_and_of_small_images(side: int, halvings: int, patches: int) -> None:
    """256 x 256 images have 30 x 30 logits, each of a patch of 70 x 70 (Isola et al. 2017, section 6.1.2)."""
    discriminator = PatchDiscriminator((3, side, side + 1), 2, 3)
    widths = [layer.out_channels for layer in discriminator.layers if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [2 * 2**number for number in range(halvings + 1)] + [1]
    x = torch.randn(1, 3, side, side + 1, requires_grad=True)
    logits = discriminator(x)
    assert logits.shape[2] == patches
    if side == 256:
        # Without normalisation, which sees the whole map.
        plain = torch.nn.Sequential(
            *(each for each in discriminator.layers if not isinstance(each, torch.nn.GroupNorm))
        )
        (slope,) = torch.autograd.grad(plain(x)[0, 0, 15, 15], x)
        rows = slope[0].abs().sum((0, 2)).nonzero()
        assert int(rows.max() - rows.min()) + 1 == 70
    with pytest.raises(vl.UserError, match="from 3 x 3 pixels on"):
        PatchDiscriminator((3, 2, 9), 2, 3)


@pytest.mark.parametrize(
    "make", [lambda: PatchDiscriminator((2, 9, 12), 4, 3), lambda: ImageDiscriminator((2, 9, 12), (4, 6))]
)
def test_logits_do_not_depend_on_the_rest_of_the_batch(make: Any) -> None:
    discriminator, x = make(), torch.randn(5, 2, 9, 12)

    def logits(images: Tensor) -> Tensor:
        found = discriminator(images)
        return found[1] if isinstance(found, tuple) else found

    torch.testing.assert_close(logits(x)[:1], logits(x[:1]))


# ---- VAE/GAN ----


def test_each_part_of_a_vae_gan_learns_from_its_own_terms() -> None:
    """Encoder: KL and features; decoder: features and adversarial term; discriminator: its cross-entropy alone."""
    model, trace = a_trace()
    spec = vl.VaeGan(adversarial=3.0, beta=2.0, channels=(4, 6), samples=2)
    loss_of: Any = spec.build_for(3, FORMAT)
    loss_of.double()
    torch.manual_seed(5)
    loss = loss_of(trace, LATER)

    discriminator, z = loss_of.discriminator, trace.latents[0].code
    torch.manual_seed(5)
    drawn = model.prior().sample((2, 4))
    y = trace.p.mean.flatten(0, 1)
    fixed_z, of_prior = (model.network.decode(code.flatten(0, 1), None).sigmoid() for code in (z.detach(), drawn))
    features = [discriminator(images)[0] for images in (y, trace.x.repeat(2, 1, 1, 1))]
    matching = 0.5 * (features[0] - features[1]).square().sum(1).mean()
    real, rebuilt, made = (discriminator(images)[1].sigmoid() for images in (trace.x, fixed_z, of_prior))
    kl = trace.kl.sum(0).mean()
    adversarial = -(rebuilt.log().mean() + made.log().mean())
    cross_entropy = -(real.log().mean() + (1 - rebuilt).log().mean() + (1 - made).log().mean())
    close(loss, 2 * kl + matching + 3 * adversarial + cross_entropy)

    encoder = [*model.network.encoder.parameters(), *model.posterior.parameters()]
    decoder = [*model.network.decoder.parameters()]
    close(gradient(loss, encoder), gradient(2 * kl + matching, encoder))
    close(gradient(loss, decoder), gradient(matching + 3 * adversarial, decoder))
    of_discriminator = gradient(cross_entropy, discriminator.parameters())
    close(gradient(loss, discriminator.parameters()), of_discriminator)
    # The likelihood of the pixels is added on request.
    torch.manual_seed(5)
    extra = vl.VaeGan(adversarial=3.0, beta=2.0, channels=(4, 6), pixels=0.5).build_for(3, FORMAT)
    extra.load_state_dict(loss_of.state_dict())  # type: ignore[attr-defined]
    torch.manual_seed(5)
    close(extra.double()(trace, LATER), loss + 0.5 * trace.reconstruction.mean())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("model", "needs"),
    [(vl.Ladder(), "one latent"), (vl.VAE(posterior=vl.Codebook(), prior=vl.UniformCodes()), "real vector space")],
)
def test_a_vae_gan_of_other_models_is_refused(model: Any, needs: str) -> None:
    with pytest.raises(vl.UserError, match=f"VaeGan, which needs.*{needs}"):
        vl.Experiment(model=model, objective=vl.VaeGan()).check(FORMAT)


def test_a_discriminator_learns_to_tell_images_from_reconstructions(digits: ImageData, tmp_path: Path) -> None:
    """A few steps: its logits of real images come to lie above those of what the model makes."""
    training = vl.Training(epochs=4, batch_size=50, optimiser=vl.Adam(3e-3), validation=0)
    objective = vl.VaeGan(adversarial=0.01, channels=(8, 16))
    experiment = vl.Experiment(model=vl.VAE(network=vl.Mlp((16,))), objective=objective, training=training)
    run = vl.train(experiment, tmp_path / "run", data=digits)
    assert np.isfinite(float(run.rows[-1]["test_total"]))
    # The saved model has no discriminator, the checkpoint has.
    with safe_open(tmp_path / "run" / "last.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "discriminator" in name]  # noqa: SIM118
    with safe_open(tmp_path / "run" / "checkpoint.safetensors", "pt") as file:
        weights = {
            name.removeprefix("objective."): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
            if name.startswith("objective.")
        }
    loss_of: Any = objective.build_for(2, digits.format)
    loss_of.load_state_dict(weights)
    x = torch.from_numpy(digits.split("test").images).float() / 255
    with torch.no_grad():
        real = loss_of.discriminator(x)[1]
        fake = loss_of.discriminator(run.model.decode(run.model.encode(x).mean).mean)[1]
    assert real.mean() > fake.mean() + 1


# ---- The adversarial term of autoencoders of images ----


def test_the_adaptive_weight_is_the_ratio_of_gradients_at_the_last_layer() -> None:
    """Esser et al. (2021), equation 7, with the reconstruction alone above, since the KL has no gradient there."""
    model, trace = a_trace(likelihood=vl.GaussianPixels())
    spec = vl.AdversarialReconstruction(vl.Elbo(beta=0.3, samples=2), weight=0.7, start=2.5, width=4)
    loss_of: Any = spec.build_for(3, FORMAT)
    loss_of.double()
    loss = loss_of(trace, LATER)
    y = trace.p.mean.flatten(0, 1)
    real, fake = loss_of.discriminator(trace.x), loss_of.discriminator(y)
    assert (real.shape, fake.shape) == ((4, 1, 2, 2), (8, 1, 2, 2))

    layer = model.network.decoder[-1].weight
    above, below = (gradient(term, [layer])[0].norm() for term in (trace.reconstruction.mean(), fake.mean()))
    ratio = float(above / (below + 1e-6))
    assert ratio > 10
    base, hinge = trace.cost(0.3).mean(), 0.5 * (relu(1 - real).mean() + relu(1 + fake).mean())
    close(loss, base - 0.7 * ratio * fake.mean() + hinge)
    # At that layer the added gradient is as large as the weight says, compared with that of the reconstruction.
    added = gradient(loss, [layer])[0] - gradient(base, [layer])[0]
    close(added.norm(), 0.7 * above, rtol=1e-4)
    # Every part of the model sees the base and the adversarial term, the discriminator its hinge alone.
    close(gradient(loss, model.parameters()), gradient(base - 0.7 * ratio * fake.mean(), model.parameters()))
    close(gradient(loss, loss_of.parameters()), gradient(hinge, loss_of.parameters()))


def test_before_its_start_and_without_adaption() -> None:
    model, trace = a_trace()
    at = partial(Progress, epochs=5, steps=4)
    spec = vl.AdversarialReconstruction(start=1.5, width=4, adaptive=False, weight=0.7)
    loss_of: Any = spec.build_for(3, FORMAT)
    loss_of.double()
    base = trace.total.mean()
    close(loss_of(trace, at(epoch=2, step=1)), base)
    assert not any(part.any() for part in gradient(loss_of(trace, at(epoch=2, step=1)), loss_of.parameters()))
    y = trace.p.mean.flatten(0, 1)
    real, fake = loss_of.discriminator(trace.x), loss_of.discriminator(y)
    added = -0.7 * fake.mean() + 0.5 * (relu(1 - real).mean() + relu(1 + fake).mean())
    close(loss_of(trace, at(epoch=2, step=2)), base + added)
    # Where the last layer is fixed there is nothing to compare; the weight is then the given one.
    adaptive: Any = vl.AdversarialReconstruction(start=1.5, width=4, weight=0.7).build_for(3, FORMAT)
    adaptive.double().load_state_dict(loss_of.state_dict())
    model.network.last_layer.requires_grad_(False)
    close(adaptive(trace, at(epoch=2, step=2)), base + added)


def test_a_perceptual_term_counts_as_reconstruction() -> None:
    model, trace = a_trace(likelihood=vl.GaussianPixels())
    base = vl.Perceptual(vl.Elbo(), vl.MsSsim(), 50.0)
    spec = vl.AdversarialReconstruction(base, start=0.0, width=4)
    loss_of: Any = spec.build_for(3, FORMAT)
    loss_of.double()
    plain = loss_of.base(trace, LATER)
    layer = model.network.last_layer
    added = gradient(loss_of(trace, LATER), [layer])[0] - gradient(plain, [layer])[0]
    close(added.norm(), 0.5 * gradient(plain, [layer])[0].norm(), rtol=1e-4)
    assert spec.requirements() == vl.Elbo().requirements()
    with pytest.raises(vl.UserError, match="AdversarialReconstruction, which compares images"):
        vl.Experiment(model=vl.VAE(network=vl.Mlp(), likelihood=vl.GaussianPixels()), objective=spec).check(
            vl.TableFormat((vl.Column("length"),))
        )


def test_training_that_stops_before_the_start_resumes_bit_for_bit(digits: ImageData, tmp_path: Path) -> None:
    """A discriminator that has not been trained yet has no moments in the checkpoint."""
    objective = vl.AdversarialReconstruction(vl.Elbo(0.1), start=1.5, width=4)
    training = vl.Training(epochs=2, batch_size=100, validation=0, precision="fp32")
    experiment = vl.Experiment(model=vl.VAE(network=vl.Mlp((8,))), objective=objective, training=training)
    whole = vl.train(experiment, tmp_path / "whole", data=digits).model
    first = replace(experiment, training=replace(training, epochs=1))
    vl.train(first, tmp_path / "parts", data=digits)
    resumed = vl.resume(tmp_path / "parts", epochs=2, data=digits).model
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name
