"""Small models of every family, and the pages of the explorer that show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Laplace

import vaelab as vl
from vaelab.contract import Network, Posterior
from vaelab.data import ImageData
from vaelab.posteriors import PosteriorSpec

from .browser import opened, started
from .family_pages import choose, look, model_of, need_built_page, page_of, ready, saved, take_image, well_made
from .test_export import Own

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MLP = vl.Mlp(hidden=(8,))
MAP = vl.ResNet(channels=(4, 4), spatial=True)


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
        "pointed": vl.VAE(network=Own(), posterior=Pointed()),
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


@pytest.fixture(scope="module", name="browser")
def fixture_browser() -> Iterator[Browser]:
    need_built_page()
    with started() as found:
        yield found


@pytest.fixture(scope="module", name="group")
def fixture_group(
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


@pytest.fixture(name="shown")
def fixture_shown(group: Callable[[str], Group], request: pytest.FixtureRequest) -> tuple[Any, Page]:
    """A model and the page that shows it."""
    name: str = request.param
    members = group(next(key for key, specs in FAMILIES.items() if name in specs))
    if len(members.models) > 1:
        choose(members.page, name)
    return members.models[name], members.page


@pytest.fixture(scope="module", name="test_images")
def fixture_test_images(digits: ImageData) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = digits.split("test").tensors()
    assert y is not None
    return x, y


def family(*names: str) -> Any:
    """The models that a test is given, one at a time, each with the page that shows it."""
    return pytest.mark.parametrize("shown", names, indirect=True)


def check_layout(members: Group, browser: Browser, width: int) -> None:
    """Every model of a page with an image: no message, no request, nothing that axe finds, nothing that is cut off."""
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
