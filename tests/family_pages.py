"""Pages of the explorer in tests: models whose weights matter, and what an open page computes beside PyTorch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import vaelab as vl
from vaelab.data import ImageData
from vaelab.errors import UserError
from vaelab.explorer.page import Explorer, built_page, explore
from vaelab.testing.objectives import away

from .browser import overflow, violations
from .exports import quick_exports

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Pages start slowly on a busy machine; nothing waits for this long where all is well.
PATIENCE = 120


def need_built_page() -> None:
    """Skip the test in a checkout whose page is not built."""
    try:
        built_page()
    except UserError:
        pytest.skip("the explorer's page is not built (make explorer)")


def model_of(spec: Any, data: ImageData) -> Any:
    """A model with random weights whose posterior is away from the prior, and whose codebooks have seen images."""
    torch.manual_seed(0)
    model = spec.build(data.format)
    away(model, 3.0, 0.5)
    if isinstance(spec, vl.Ladder):
        for group in model.groups:
            group.residual.weight.data.mul_(10)
    elif model.posterior.code_space is not None:
        x, y = data.take(slice(0, 32)).tensors()
        for _ in range(3):
            model(x, y)
    return model.eval().requires_grad_(False)


def page_of(*runs: Any, **settings: Any) -> Explorer:
    """A page, made without checks of shapes."""
    need_built_page()
    with quick_exports():
        return explore(*runs, **settings)


def saved(models: dict[str, Any], folder: Path) -> list[Path]:
    """Files of models; a page calls each by the name of its file."""
    for name, model in models.items():
        vl.save(model, folder / f"{name}.safetensors")
    return [folder / f"{name}.safetensors" for name in models]


def ready(page: Page) -> None:
    """Wait until the first model is shown."""
    page.wait_for_function(
        "() => window.vaelab?.main?.decoded || document.querySelector('[role=alert]')", timeout=1000 * PATIENCE
    )
    assert not page.get_by_role("alert").count(), page.get_by_role("alert").inner_text()


def choose(page: Page, name: str) -> None:
    """Show a model by its button, and wait until its image at the cursor is there."""
    page.get_by_role("group", name="Model", exact=True).get_by_role("button", name=name, exact=True).click()
    page.wait_for_function(
        "name => window.vaelab.entry.name === name && window.vaelab.main.decoded", arg=name, timeout=1000 * PATIENCE
    )


def look(page: Page, what: str) -> Any:
    """A value of the page, given as JavaScript of `p`, the page, and `s`, the model shown; arrays as lists.

    None where a part of it is not there yet.
    """
    return page.evaluate(
        f"() => {{ const p = window.vaelab, s = p.main; try {{ const found = {what};"
        " return ArrayBuffer.isView(found) ? [...found] : found ?? null; }"
        " catch (error) { if (error instanceof TypeError) return null; throw error; } }"
    )


def eventually(found: Callable[[], Any], right: Callable[[Any], bool], about: str) -> Any:
    """Wait until a value is right, since models run in a worker."""
    end = time.monotonic() + PATIENCE
    while not right(value := found()):
        if time.monotonic() > end:
            raise AssertionError(f"{about}: {str(value)[:500]}")
        time.sleep(0.05)
    return value


def agrees(page: Page, what: str, expected: Any, tolerance: float = 1e-4) -> None:
    """What the page computes becomes what PyTorch does: to 1e-4, or relative to the largest number above 1."""
    wanted = np.asarray(expected, np.float64).ravel()

    def right(value: Any) -> bool:
        if value is None or np.size(value) != wanted.size:
            return False
        return float(np.abs(np.ravel(value) - wanted).max()) <= tolerance * max(1.0, float(np.abs(wanted).max()))

    eventually(lambda: look(page, what), right, f"{what} should be {wanted[:8]}")


def take_image(page: Page) -> int:
    """Take a test image by the button, always the same one; returns its row."""
    page.evaluate("() => { Math.random = () => 0.35; }")
    page.get_by_role("button", name="Random test image").click()
    row: int = look(page, "p.row")
    return row


def at_cursor(page: Page) -> torch.Tensor:
    """The cursor, (1, D), float32."""
    return torch.tensor([look(page, "p.z")])


def well_made(page: Page, complaints: list[str], about: str) -> None:
    """No message, no request, nothing wider than the window, nothing that axe finds."""
    assert not complaints, about
    assert overflow(page) <= 0, about
    assert not violations(page), about
