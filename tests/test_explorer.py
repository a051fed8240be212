"""The explorer as readers open it: from disk, on screens of three widths, light and dark, and its tour."""

from __future__ import annotations

import pytest

from .browser import AXE, broken_images, overflow, violations
from .explorer_pages import Screen, Site, box_of, place, shown


def draw(screen: Screen) -> None:
    box = box_of(screen.paper)
    screen.drag(place(box, 0.3, 0.2), place(box, 0.7, 0.2), place(box, 0.45, 0.8))


def open_everything(screen: Screen) -> None:
    """A drawing, a path, a comparison and every explanation."""
    draw(screen)
    screen.press("Add the cursor", "#paths")
    screen.press("Add x", "#paths")
    screen.press("cvae", "#compare")
    for summary in screen.page.locator("summary").all():
        summary.click()
    screen.until("vaelab.truth && vaelab.way.length && vaelab.others.length")
    screen.rest()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440, 2560])
def test_opens_clean(browser, explorer_site: Site, width: int, scheme: str) -> None:
    with shown(browser, explorer_site.file, width, scheme) as screen:
        assert "vae and cvae" in screen.page.title()
        assert screen.page.get_by_role("heading", level=1).inner_text() == "vae and cvae"
        assert screen.value("vaelab.dark") == (scheme == "dark")
        assert overflow(screen.page) <= 0
        if width == 1440:
            assert violations(screen.page) == []
        open_everything(screen)
        assert overflow(screen.page) <= 0
        assert broken_images(screen.page) == []
        assert violations(screen.page) == []
        screen.press("cvae", "header")
        assert overflow(screen.page) <= 0
        other = "light" if scheme == "dark" else "dark"
        screen.press(f"Use {other} colours", "header")
        assert screen.value("vaelab.dark") == (other == "dark")
        light = screen.value(
            "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
        )
        assert (sum(light) > 380) == (other == "light")
        assert violations(screen.page) == []


def test_the_axe_is_at_hand() -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed, so accessibility is not checked; run npm ci in explorer/")


def moving(screen: Screen) -> int:
    """The number of elements with a transition or an animation."""
    return screen.value(
        "[...document.querySelectorAll('*')].map(each => getComputedStyle(each)).filter("
        "style => parseFloat(style.transitionDuration) > 0.01 || parseFloat(style.animationDuration) > 0.01).length"
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_the_tour_with_reduced_motion(browser, explorer_site: Site, width: int) -> None:
    with shown(browser, explorer_site.file, width) as screen:
        card = screen.page.get_by_role("dialog", name="Guided tour")
        # The page has no motion at present; what it had would be still.
        screen.page.add_style_tag(content="* { transition: opacity 1s }")
        assert moving(screen) > 0
        screen.page.emulate_media(reduced_motion="reduce")
        assert moving(screen) == 0
        screen.button("Tour", "header").focus()
        screen.page.keyboard.press("Enter")
        for step in range(1, 6):
            screen.until("document.activeElement.getAttribute('role') === 'dialog'")
            assert f"{step} of 5" in card.inner_text()
            assert screen.page.locator(".toured").count() == 1
            inside = card.bounding_box()
            assert inside is not None
            assert inside["x"] >= 0
            assert inside["x"] + inside["width"] <= width
            if step == 1:
                # A first image is shown, and drawing does not lose the focus to the tour.
                screen.until("vaelab.image !== null")
                if width > 390:
                    screen.paper.focus()
                    for key in ("Space", "ArrowDown", "ArrowDown", "Space"):
                        screen.page.keyboard.press(key)
                    screen.rest()
                    assert screen.value("document.activeElement.closest('#ink') !== null")
                assert violations(screen.page) == []
            if step == 3:
                card.get_by_role("button", name="Back").click()
                assert "2 of 5" in card.inner_text()
                card.get_by_role("button", name="Next").click()
            if step < 5:
                # By keyboard and by mouse.
                following = card.get_by_role("button", name="Next")
                if step % 2:
                    following.focus()
                    screen.page.keyboard.press("Enter")
                else:
                    following.click()
        card.get_by_role("button", name="Try it").click()
        assert card.count() == 0
        assert screen.value("document.activeElement.closest('#ink') !== null")
        assert screen.page.locator(".toured").count() == 0
        screen.press("Tour", "header")
        assert "1 of 5" in card.inner_text()
        screen.page.keyboard.press("Escape")
        assert card.count() == 0
        assert screen.value("document.activeElement.closest('#ink') !== null")
