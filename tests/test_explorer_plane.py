"""The explorer's plane: the cursor, the view and the layers, by mouse, touch and keyboard."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest
import torch

from .explorer_pages import Map, Screen, Site, box_of, close, decoded, place, shown


@pytest.fixture(scope="module")
def phone(browser, explorer_site: Site) -> Iterator[Screen]:
    with shown(browser, explorer_site.file, width=390) as screen:
        yield screen


@pytest.fixture(autouse=True)
def _from_the_start(request: pytest.FixtureRequest) -> None:
    """Each test begins with the whole plane on screen."""
    for name in ("desk", "phone"):
        if name in request.fixturenames:
            request.getfixturevalue(name).press("All", "#plane")


def marker(screen: Screen) -> tuple[float, float]:
    """Where the cursor is drawn in the window."""
    box = screen.page.locator("#plane .cursor circle").last.bounding_box()
    assert box is not None
    return place(box, 0.5, 0.5)


def assert_decoded(screen: Screen, site: Site) -> None:
    """The image at the cursor and the numbers below the plane are PyTorch's."""
    z = screen.z
    assert close(screen.floats("vaelab.main.decoded.mean"), decoded(site.model("vae"), z))
    log_p = -0.5 * float(z.double().square().sum()) - math.log(2 * math.pi)
    said = screen.text("cursor")
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", said)]
    assert numbers == pytest.approx([*z.tolist(), log_p], abs=0.0051), said


# ---- the cursor ----


def test_the_cursor_follows_the_mouse(desk: Screen, explorer_site: Site) -> None:
    field = Map.of(desk, explorer_site.model("vae"), explorer_site)
    start, end = field.pixels((0.3, 0.2)), field.pixels((-1.4, 1.1))
    desk.drag(start, end)
    assert close(desk.z, torch.tensor([-1.4, 1.1]), 0.6 / field.scale)
    assert marker(desk) == pytest.approx(end, abs=0.6)
    assert_decoded(desk, explorer_site)
    # Moving without a button held does nothing.
    desk.page.mouse.move(*start)
    desk.rest()
    assert close(desk.z, torch.tensor([-1.4, 1.1]), 0.6 / field.scale)


def test_the_decoded_image_is_painted(desk: Screen, explorer_site: Site) -> None:
    field = Map.of(desk, explorer_site.model("vae"), explorer_site)
    desk.drag(field.pixels((0, 0)), field.pixels((0.9, -0.7)))
    assert close(desk.pictures("#decoded"), decoded(explorer_site.model("vae"), desk.z), 0.0021)


def test_the_cursor_follows_a_finger(phone: Screen, explorer_site: Site) -> None:
    field = Map.of(phone, explorer_site.model("vae"), explorer_site)
    phone.fingers("touchStart", field.pixels((-0.5, -0.5)))
    phone.fingers("touchMove", field.pixels((0.2, 0.4)))
    phone.fingers("touchMove", field.pixels((1.2, 0.8)))
    phone.rest()
    assert close(phone.z, torch.tensor([1.2, 0.8]), 5e-3)
    # The image beside the finger is in sight, since the panel of the decoded image is not.
    inset = phone.page.locator("#plane .inset").bounding_box()
    assert inset is not None
    assert inset["width"] > 50
    phone.fingers("touchEnd")
    phone.rest()
    assert_decoded(phone, explorer_site)


def test_two_fingers_zoom_and_leave_the_cursor(phone: Screen, explorer_site: Site) -> None:
    before, k = phone.z, phone.value("vaelab.view.k")
    field = Map.of(phone, explorer_site.model("vae"), explorer_site)
    middle = field.centre
    for gap in (30, 60, 90):
        ends = (middle[0] - gap, middle[1]), (middle[0] + gap, middle[1])
        if gap == 30:
            # Fingers do not come down at the same moment.
            phone.fingers("touchStart", ends[0])
            phone.fingers("touchStart", *ends)
        else:
            phone.fingers("touchMove", *ends)
    phone.fingers("touchEnd")
    phone.rest()
    assert phone.value("vaelab.view.k") == pytest.approx(3 * k, rel=0.05)
    assert torch.equal(phone.z, before)
    # After a pinch, one finger moves the cursor again.
    phone.fingers("touchStart", (middle[0] + 20, middle[1] - 30))
    phone.fingers("touchEnd")
    phone.rest()
    assert not torch.equal(phone.z, before)
    assert marker(phone) == pytest.approx((middle[0] + 20, middle[1] - 30), abs=1)


def test_arrows_move_the_cursor(desk: Screen, explorer_site: Site) -> None:
    field = Map.of(desk, explorer_site.model("vae"), explorer_site)
    desk.plane.focus()
    before = desk.z
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "Alt+ArrowDown"):
        desk.page.keyboard.press(key)
    desk.rest()
    moved = (desk.z - before) * field.scale
    assert close(moved, torch.tensor([16.0, 14.0]), 0.01)
    assert_decoded(desk, explorer_site)


# ---- the view ----


def test_keys_move_and_zoom_the_view(desk: Screen) -> None:
    desk.plane.focus()
    cursor, before = desk.z, marker(desk)
    desk.page.keyboard.press("Shift+ArrowRight")
    assert marker(desk) == pytest.approx((before[0] - 40, before[1]), abs=0.6)
    desk.page.keyboard.press("Shift+ArrowUp")
    assert marker(desk) == pytest.approx((before[0] - 40, before[1] + 40), abs=0.6)
    desk.page.keyboard.press("0")
    assert marker(desk) == pytest.approx(before, abs=0.6)
    for key, k in (("+", 1.5), ("+", 2.25), ("-", 1.5), ("0", 1)):
        desk.page.keyboard.press(key)
        assert desk.value("vaelab.view.k") == pytest.approx(k)
    assert torch.equal(desk.z, cursor)


def test_the_wheel_zooms_at_the_pointer(desk: Screen, explorer_site: Site) -> None:
    field = Map.of(desk, explorer_site.model("vae"), explorer_site)
    point, cursor = field.pixels((1.2, -0.6)), desk.z
    desk.page.mouse.move(*point)
    desk.page.mouse.wheel(0, -400)
    desk.until("vaelab.view.k > 1.2")
    assert torch.equal(desk.z, cursor)
    # What was under the pointer still is.
    desk.page.mouse.click(*point)
    desk.rest()
    assert close(desk.z, torch.tensor([1.2, -0.6]), 5e-3)


def test_shift_and_drag_move_the_view(desk: Screen, explorer_site: Site) -> None:
    field = Map.of(desk, explorer_site.model("vae"), explorer_site)
    cursor, before = desk.z, marker(desk)
    desk.page.keyboard.down("Shift")
    desk.drag(field.pixels((0, 0)), (field.centre[0] + 90, field.centre[1] + 35))
    desk.page.keyboard.up("Shift")
    assert marker(desk) == pytest.approx((before[0] + 90, before[1] + 35), abs=0.6)
    assert torch.equal(desk.z, cursor)


# ---- the layers ----


def canvas_of(screen: Screen) -> torch.Tensor:
    """The still layers, (height, width, 4)."""
    return screen.canvases("#plane .plane canvas")[0]


def switch(screen: Screen, layer: str) -> None:
    screen.page.locator("#plane .bar").get_by_label(layer, exact=True).click()
    screen.rest()


def test_each_layer_is_drawn(desk: Screen) -> None:
    bare = canvas_of(desk)
    for layer in ("points", "images", "q(z)", "prior"):
        switch(desk, layer)
        assert not torch.equal(canvas_of(desk), bare), layer
        switch(desk, layer)
        assert torch.equal(canvas_of(desk), bare), layer


def test_the_density_is_that_of_the_posteriors(desk: Screen, explorer_site: Site) -> None:
    for layer in ("points", "prior", "q(z)"):
        switch(desk, layer)
    shade = canvas_of(desk)[..., 3]
    for layer in ("points", "prior", "q(z)"):
        switch(desk, layer)
    field, box = Map.of(desk, explorer_site.model("vae"), explorer_site), box_of(desk.plane)
    with torch.no_grad():
        q = explorer_site.model("vae").encode(explorer_site.images)
    # Every seventh pixel across and down, its centre in latents.
    y, x = torch.meshgrid(torch.arange(3, shade.shape[0], 7), torch.arange(3, shade.shape[1], 7), indexing="ij")
    z = torch.stack(field.latent((box["x"] + 1.5 + x, box["y"] + 1.5 + y)).unbind(0), -1)
    errors = (z[:, :, None] - q.mean) / q.stddev
    density = ((-0.5 * errors.square().sum(-1)).exp() / q.stddev.prod(1)).mean(-1)
    # One layer of a tenth for each of six levels that the density reaches, each the half of the next.
    reached = (density[..., None] >= density.max() / 2 ** torch.arange(1.0, 7.0)).sum(-1)
    assert reached.unique().tolist() == list(range(7))
    error = (shade[y, x] - 255 * (1 - 0.9**reached)).abs()
    # Near an outline a pixel may lie on either side, and the axes are drawn over it.
    assert float((error < 5).float().mean()) > 0.93
    assert float((error < 30).float().mean()) > 0.97


def coloured(canvas: torch.Tensor) -> int:
    """Pixels with a colour, as points have; axes and rings are nearly grey."""
    rgb = canvas[..., :3]
    return int(((rgb.max(-1).values - rgb.min(-1).values > 60) & (canvas[..., 3] > 100)).sum())


def test_the_legend_filters_classes(desk: Screen, explorer_site: Site) -> None:
    legend = "#plane .legend"
    all_of_them = coloured(canvas_of(desk))
    desk.press("1", legend)
    assert desk.button("1", legend).get_attribute("aria-pressed") == "false"
    without = coloured(canvas_of(desk))
    ones = float((explorer_site.labels == 1).float().mean())
    assert without < all_of_them * (1 - 0.4 * ones)
    # A point that is hidden cannot be taken.
    desk.press("1", legend)
    assert coloured(canvas_of(desk)) == all_of_them
    desk.button("4", legend).dblclick()
    assert desk.value("[...vaelab.hidden].sort().join()") == "0,1,2,3,5,6,7,8,9"
    assert 0 < coloured(canvas_of(desk)) < 0.5 * all_of_them
    desk.button("4", legend).dblclick()
    assert coloured(canvas_of(desk)) == all_of_them


def test_the_images_are_shown_at_their_points(desk: Screen, explorer_site: Site) -> None:
    switch(desk, "prior")
    switch(desk, "images")
    field, box = Map.of(desk, explorer_site.model("vae"), explorer_site), box_of(desk.plane)
    with torch.no_grad():
        means = explorer_site.model("vae").encode(explorer_site.images).mean
    canvas = canvas_of(desk)
    # The first image of each cell of 30 pixels is drawn: that of row 0 surely.
    x, y = (at - corner - 1 for at, corner in zip(field.pixels(means[0]), (box["x"], box["y"]), strict=True))
    left, top = int(x // 30) * 30 + 2, int(y // 30) * 30 + 2
    tile = canvas[top + 2 : top + 24, left + 2 : left + 24, 0] / 255
    image = torch.nn.functional.interpolate(explorer_site.images[:1], size=(26, 26), mode="area")[0, 0, 2:24, 2:24]
    for layer in ("prior", "images"):
        switch(desk, layer)
    assert float(torch.corrcoef(torch.stack([tile.flatten(), image.flatten()]))[0, 1]) > 0.9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_decoded_lattice(desk: Screen, explorer_site: Site, scheme: str) -> None:
    desk.page.emulate_media(color_scheme=scheme)
    for layer in ("points", "prior"):
        switch(desk, layer)
    bare = canvas_of(desk)
    switch(desk, "decoded")
    # It is drawn in this scheme's colours once it has been decoded.
    cells = 40
    rows, columns = bare.shape[0] // cells, bare.shape[1] // cells
    field, box = Map.of(desk, explorer_site.model("vae"), explorer_site), box_of(desk.plane)
    z = torch.stack(
        [
            field.latent((box["x"] + 1 + (i + 0.5) * cells, box["y"] + 1 + (j + 0.5) * cells))
            for j in range(rows)
            for i in range(columns)
        ]
    )
    ink = decoded(explorer_site.model("vae"), z).mean((1, 2, 3)).view(rows, columns)
    expected = 1 - ink if scheme == "light" else ink
    for _ in range(100):
        shades = canvas_of(desk)[: rows * cells, : columns * cells, 0] / 255
        found = shades.view(rows, cells, columns, cells).mean((1, 3))
        # The axes cross some cells.
        error = (found - expected).abs().flatten().sort().values
        if error[int(0.85 * len(error))] < 0.02:
            break
        desk.page.wait_for_timeout(300)
    assert error[int(0.85 * len(error))] < 0.02
    for layer in ("points", "prior", "decoded"):
        switch(desk, layer)
    desk.page.emulate_media(color_scheme="light")
