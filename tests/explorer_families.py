"""Small models of every family, and the pages of the explorer that show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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

from .browser import opened
from .family_pages import choose, look, model_of, page_of, ready, saved, take_image, well_made
from .test_export import Own

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK, PHONE = 1440, 390
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
    """Models, the file of their page, and the page opened once on a desktop."""

    models: dict[str, Any]
    file: Path
    page: Page
    complaints: list[str]


@contextmanager
def groups(browser: Browser, digits: ImageData, folder: Path) -> Iterator[Callable[[str], Group]]:
    """A function that gives the group of a name, made when it is first asked for."""
    made: dict[str, Group] = {}
    with ExitStack() as stack:

        def get(name: str) -> Group:
            if name not in made:
                place = folder / name
                place.mkdir()
                models = {key: model_of(spec, digits) for key, spec in FAMILIES[name].items()}
                file = page_of(*saved(models, place), data=digits).write(place / "page.html")
                page, complaints = stack.enter_context(opened(browser, file, DESK))
                ready(page)
                made[name] = Group(models, file, page, complaints)
            return made[name]

        yield get


def model_and_page(group: Callable[[str], Group], name: str) -> tuple[Any, Page]:
    """A model and the page that shows it."""
    members = group(next(key for key, specs in FAMILIES.items() if name in specs))
    if len(members.models) > 1:
        choose(members.page, name)
    return members.models[name], members.page


def family(*names: str) -> Any:
    """The models that a test is given, one at a time, each with the page that shows it."""
    return pytest.mark.parametrize("shown", names, indirect=True)


def check_layout(members: Group, browser: Browser, width: int) -> None:
    """Every model of a page with an image: no message, no request, nothing that axe finds, nothing that is cut off.

    On a desktop the page is the one that other tests have used, on a phone a new one in dark colours.
    """
    with ExitStack() as stack:
        page, complaints = members.page, members.complaints
        if width != DESK:
            page, complaints = stack.enter_context(opened(browser, members.file, width, "dark"))
            ready(page)
        for member in members.models:
            if len(members.models) > 1:
                choose(page, member)
            take_image(page)
            if look(page, "s.model.hasEncoder"):
                page.wait_for_function("() => window.vaelab.main.reconstruction")
            well_made(page, complaints, f"{member} at {width}")
    assert not members.complaints
