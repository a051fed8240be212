"""The explorer with every family of models: its controls, and its numbers beside PyTorch's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Laplace

import vaelab as vl
from vaelab.contract import Network, Posterior
from vaelab.data import ImageData
from vaelab.posteriors import PosteriorSpec

from .browser import opened, started
from .family_pages import (
    agrees,
    at_cursor,
    choose,
    eventually,
    look,
    model_of,
    need_built_page,
    page_of,
    ready,
    saved,
    take_image,
    well_made,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MLP = vl.Mlp(hidden=(8,))
MAP = vl.ResNet(channels=(4, 4), spatial=True)
HALF_LOG_2_PI = math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class Pointed(PosteriorSpec):
    """A posterior of a user's own: a Laplace distribution."""

    def build(self, network: Network, latent: int) -> Posterior:
        return PointedPosterior(network.head(latent))


class PointedPosterior(Posterior):
    def __init__(self, mean: nn.Module) -> None:
        super().__init__()
        self.mean = mean

    def distribution(self, h: torch.Tensor) -> Any:
        mean = self.mean(h)
        return Independent(Laplace(mean, torch.ones_like(mean), validate_args=False), 1)


def codes(posterior: Any, prior: Any) -> vl.VAE:
    return vl.VAE(latent=3, network=MAP, posterior=posterior, prior=prior)


FAMILIES: dict[str, dict[str, Any]] = {
    "vectors": {
        "sixteen": vl.VAE(latent=16, network=MLP),
        "line": vl.VAE(latent=1, network=MLP),
        "correlated": vl.VAE(network=MLP, posterior=vl.FullGaussian()),
        "pointed": vl.VAE(network=MLP, posterior=Pointed()),
    },
    "priors": {
        "by class": vl.VAE(conditional=True, network=MLP, prior=vl.ConditionalNormal()),
        "vamp": vl.VAE(network=MLP, prior=vl.Vamp(components=4)),
        "flow prior": vl.VAE(latent=3, network=MLP, prior=vl.Flow(transforms=1, hidden=(8,))),
        "flow posterior": vl.VAE(network=MLP, posterior=vl.FlowPosterior(transforms=1, hidden=(8,), context=4)),
    },
    "hierarchy": {"ladder": vl.Ladder(groups=(1, 1), width=4, latent=1, cells=1)},
    "codes": {
        "codebook": codes(vl.Codebook(size=6), vl.UniformCodes()),
        "fsq": codes(vl.FiniteScalar(levels=(8, 5, 5)), vl.UniformCodes()),
        "residual": codes(vl.ResidualCodebook(size=6, levels=2), vl.UniformCodes()),
        "in order": codes(vl.Codebook(size=6), vl.AutoregressiveCodes(layers=1, width=8, heads=2)),
    },
}


@dataclass(frozen=True)
class Group:
    """Models, the file of their page, and the page opened once at 1440 pixels."""

    models: dict[str, Any]
    file: Path
    page: Page
    complaints: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need_built_page()
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def group(
    browser: Browser, digits: ImageData, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Group]]:
    """The group of a name, made when it is first asked for."""
    made: dict[str, Group] = {}
    with ExitStack() as stack:

        def get(name: str) -> Group:
            if name not in made:
                folder = tmp_path_factory.mktemp(name)
                models = {key: model_of(spec, digits) for key, spec in FAMILIES[name].items()}
                file = page_of(*saved(models, folder), data=digits).write(folder / "page.html")
                page, complaints = stack.enter_context(opened(browser, file))
                ready(page)
                made[name] = Group(models, file, page, complaints)
            return made[name]

        yield get


@pytest.fixture
def shown(group: Callable[[str], Group], request: pytest.FixtureRequest) -> tuple[Any, Page]:
    """A model and the page that shows it."""
    name: str = request.param
    members = group(next(key for key, specs in FAMILIES.items() if name in specs))
    if len(members.models) > 1:
        choose(members.page, name)
    return members.models[name], members.page


@pytest.fixture(scope="module")
def test_images(digits: ImageData) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = digits.split("test").tensors()
    assert y is not None
    return x, y


def family(*names: str) -> Any:
    return pytest.mark.parametrize("shown", names, indirect=True)


def text(page: Page, test_id: str) -> str:
    return page.locator(f"#loss [data-testid={test_id}]").inner_text()


@family("sixteen")
def test_dimensions(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Axes by KL, sliders that hold the rest, draws from the prior."""
    model, page = shown
    q = model.encode(test_images[0])
    mean, variance = q.mean.double(), q.stddev.double() ** 2
    kl = ((mean**2 + variance - 1 - variance.log()) / 2).mean(0)
    panel = page.get_by_role("region", name="16 dimensions")
    options = panel.get_by_label("right").locator("option").all_inner_texts()
    assert options == [f"z{d + 1} · {kl[d]:.2f} nats" for d in kl.argsort(descending=True).tolist()]
    assert look(page, "p.axes") == kl.argsort(descending=True)[:2].tolist()
    panel.get_by_label("right").select_option("5")
    panel.get_by_label("up").select_option("2")
    assert look(page, "p.axes") == [5, 2]
    before = at_cursor(page)
    box = page.get_by_role("application", name="Latent plane").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    after = at_cursor(page)
    assert (after != before).nonzero()[:, 1].tolist() == [2, 5]
    slider = panel.get_by_role("slider", name=re.compile("z8 "))
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    moved = at_cursor(page)
    assert (moved != after).nonzero()[:, 1].tolist() == [7]
    agrees(page, "s.decoded.mean", model.decode(moved).mean)
    agrees(page, "s.logPrior", -0.5 * moved.square().sum() - 16 * HALF_LOG_2_PI)
    panel.get_by_role("button", name="Draw from the prior").click()
    drawn = at_cursor(page)
    assert not (drawn == moved).any()
    assert 0.4 < drawn.std() < 1.8
    agrees(page, "s.decoded.mean", model.decode(drawn).mean)
    panel.get_by_role("button", name="All to 0").click()
    assert not at_cursor(page).any()


@family("sixteen")
def test_principal_axes(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The cursor moves within the plane that the means spread in most; what is orthogonal to it is held."""
    model, page = shown
    means = model.encode(test_images[0]).mean.double().numpy()
    axes = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][:2]
    panel = page.get_by_role("region", name="16 dimensions")
    panel.get_by_role("button", name="Draw from the prior").click()
    panel.get_by_role("button", name="principal axes").click()
    before = at_cursor(page).double().numpy()
    field = page.get_by_role("application", name="Latent plane")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    step = at_cursor(page).double().numpy() - before
    assert np.linalg.norm(step) > 0.1
    assert np.abs(step - step @ axes.T @ axes).max() < 1e-4
    agrees(page, "s.decoded.mean", model.decode(at_cursor(page)).mean)
    panel.get_by_role("button", name="principal axes").click()
    assert look(page, "p.axes") != "principal"


@family("sixteen", "line")
def test_loss_of_normal_posteriors(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """KL in closed form; the reconstruction is an average over draws, so it is near that of many draws."""
    model, page = shown
    row = take_image(page)
    x = test_images[0][row : row + 1]
    q = model.encode(x)
    agrees(page, "s.encoding.mean", q.mean)
    agrees(page, "s.encoding.stddev", q.stddev)
    agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean)
    kl = (q.mean.square() + q.stddev.square() - 1) / 2 - q.stddev.log()
    agrees(page, "s.loss.klByDimension", kl)
    agrees(page, "s.loss.kl", kl.sum())
    torch.manual_seed(0)
    draws = -model.decode(q.sample((4000,)).flatten(0, 1)).log_prob(x)
    found = look(page, "s.loss.reconstruction")
    assert abs(found - draws.mean()) < 4 * draws.std() / math.sqrt(32)
    assert look(page, "s.loss.total") == pytest.approx(found + look(page, "s.loss.kl"))
    assert float(text(page, "kl")) == pytest.approx(float(kl.sum()), abs=0.006)


@family("line")
def test_one_dimension(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The images lie along one axis, and the cursor moves along it."""
    model, page = shown
    field = page.get_by_role("application", name="Latent plane")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    # Beside the points: a click on one takes its image.
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.2 * box["height"])
    z = at_cursor(page)
    assert z.shape == (1, 1)
    assert z > 0.1
    assert page.get_by_test_id("cursor").inner_text().startswith(f"z = ({float(z):.2f})")
    agrees(page, "s.decoded.mean", model.decode(z).mean)
    agrees(page, "s.entry.positions.means", model.encode(test_images[0]).mean)
    assert "two dimensions, and this model has one" in page.locator("#truth").inner_text()


@family("correlated", "pointed")
def test_other_posteriors(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Mean and deviations do not tell the KL of a posterior that is no diagonal normal, so no loss is shown."""
    model, page = shown
    row = take_image(page)
    q = model.encode(test_images[0][row : row + 1])
    agrees(page, "s.encoding.mean", q.mean)
    agrees(page, "s.encoding.stddev", q.stddev)
    agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean)
    assert "it is no diagonal normal" in page.locator("#loss").inner_text()
    assert not page.locator("#loss table").count()
    assert look(page, "s.entry.positions.about.kl") is None
    assert "not known here as a diagonal normal" in page.locator("#truth").inner_text()


@family("by class", "vamp", "flow prior")
def test_priors(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """log p(z) at the cursor, under the label that is chosen."""
    model, page = shown
    row = take_image(page)
    x, y = (each[row : row + 1] for each in test_images)
    label = y if model.spec.conditional else None
    agrees(page, "s.encoding.mean", model.encode(x, label).mean)
    page.get_by_role("button", name="Move the cursor to q's mean").click()
    z = at_cursor(page)
    agrees(page, "s.decoded.mean", model.decode(z, label).mean)
    agrees(page, "s.logPrior", model.prior_of(label, 1).log_prob(z))
    eventually(
        lambda: page.get_by_test_id("cursor").inner_text(),
        lambda said: f"log p(z) = {float(model.prior_of(label, 1).log_prob(z)):.2f} nats" in said,
        "the line under the plane",
    )
    assert not page.get_by_label("prior", exact=True).count()
    if label is None:
        return
    other = torch.tensor([(int(y) + 3) % 10])
    page.get_by_role("radiogroup", name="Label").get_by_role("radio").nth(int(other)).click()
    agrees(page, "s.logPrior", model.prior_of(other, 1).log_prob(z))
    agrees(page, "s.decoded.mean", model.decode(z, other).mean)
    agrees(page, "s.encoding.mean", model.encode(x, other).mean)


@family("flow posterior")
def test_flow_posterior(shown: tuple[Any, Page]) -> None:
    """It decodes; images are left out of its plane, with the reason."""
    model, page = shown
    page.get_by_role("application", name="Latent plane").focus()
    page.keyboard.press("ArrowRight")
    agrees(page, "s.decoded.mean", model.decode(at_cursor(page)).mean)
    left_out = page.get_by_label("Left out").inner_text()
    assert "images in the latent space" in left_out
    assert "SplinePosterior gives a FlowDistribution, whose standard deviation is not known" in left_out
    take_image(page)
    assert "cannot be encoded here" in page.locator("#loss").inner_text()
    assert not page.get_by_label("points", exact=True).count()


@family("ladder")
def test_ladder(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A group that is drawn again leaves the others; the image is the model's for that noise."""
    model, page = shown
    row = take_image(page)
    x = test_images[0][row : row + 1]
    q = model.encode(x)
    agrees(page, "s.reconstruction.mean", model.decode(q.mean).mean)
    page.get_by_role("button", name="Move the cursor to q's mean").click()
    before = at_cursor(page)
    agrees(page, "s.decoded.mean", model.decode(q.mean).mean)
    groups = page.get_by_role("list", name="Groups of latents").get_by_role("listitem")
    assert [line.split("\n")[0] for line in groups.all_inner_texts()] == ["noise 1 1 × 7 × 7", "noise 2 1 × 14 × 14"]
    groups.nth(1).get_by_role("button", name="redraw").click()
    after = at_cursor(page)
    assert torch.equal(after[:, :49], before[:, :49])
    assert not (after[:, 49:] == before[:, 49:]).any()
    agrees(page, "s.decoded.mean", model.likelihood(model.theta_at(after.split(model.widths, 1), None)).mean)
    groups.nth(0).get_by_role("button", name="set to the mean").click()
    held = at_cursor(page)
    assert not held[:, :49].any()
    assert torch.equal(held[:, 49:], after[:, 49:])
    agrees(page, "s.decoded.mean", model.likelihood(model.theta_at(held.split(model.widths, 1), None)).mean)
    agrees(page, "s.logPrior", -0.5 * held.square().sum() - 245 * HALF_LOG_2_PI)
    assert "depends on the draws of those above it" in page.locator("#loss").inner_text()


@family("codebook", "fsq", "residual", "in order")
def test_codes(shown: tuple[Any, Page], test_images: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Codes of x, a click that changes one of them, and log p(codes) in the loss."""
    model, page = shown
    row = take_image(page)
    x = test_images[0][row : row + 1]
    found = eventually(lambda: look(page, "s.encoding.codes"), lambda value: value is not None, "the codes of x")
    expected = torch.tensor([found])
    # A vector halfway between two codes may take either.
    assert (expected == model.encode(x).codes).float().mean() > 0.95
    agrees(page, "s.reconstruction.mean", model.generate(given=expected, n=1))
    page.get_by_role("button", name="Codes of x").click()
    agrees(page, "p.z", expected, 0)
    slots = page.get_by_role("group", name="Code map").get_by_role("button")
    assert slots.count() == expected.shape[1]
    size = model.posterior.code_space.size
    slots.nth(5).click()
    slots.nth(5).click()
    changed = expected.clone()
    changed[0, 5] = (changed[0, 5] + 1) % size
    agrees(page, "p.z", changed, 0)
    agrees(page, "s.decoded.mean", model.generate(given=changed, n=1))
    number = page.get_by_label("Code", exact=True)
    number.fill(str(size - 1))
    number.press("Enter")
    changed[0, 5] = size - 1
    agrees(page, "p.z", changed, 0)
    agrees(page, "s.decoded.mean", model.generate(given=changed, n=1))
    kl = -model.prior_of(None, 1).log_prob(expected)
    agrees(page, "s.loss.kl", kl)
    agrees(page, "s.loss.reconstruction", -model.decode(model.posterior.read(expected)).log_prob(x))
    assert float(text(page, "kl")) == pytest.approx(float(kl), abs=0.006)
    uniform = expected.shape[1] * math.log(size)
    if isinstance(model.spec.prior, vl.UniformCodes):
        assert float(kl) == pytest.approx(uniform)
    else:
        assert abs(float(kl) - uniform) > 1


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", FAMILIES)
def test_layout(group: Callable[[str], Group], browser: Browser, name: str, width: int) -> None:
    """Every family with an image: no message, no request, nothing that axe finds, nothing that is cut off."""
    members = group(name)
    with opened(browser, members.file, width, "light" if width > 500 else "dark") as (page, complaints):
        ready(page)
        for member in members.models:
            if len(members.models) > 1:
                choose(page, member)
            take_image(page)
            if look(page, "s.model.hasEncoder"):
                page.wait_for_function("() => window.vaelab.main.reconstruction")
            well_made(page, complaints, f"{member} at {width}")
    assert not members.complaints
