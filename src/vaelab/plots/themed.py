"""Figures as SVG with the colours of a light or a dark page, whichever the reader's system asks for."""

from __future__ import annotations

import re

from matplotlib.colors import to_hex, to_rgb

from vaelab.plots.style import DENSITY

# Text and background of the pages in either scheme, as in the report's tokens.css.
INK, PAPER = {"light": "#1b1f24", "dark": "#e6e9ed"}, {"light": "#ffffff", "dark": "#14171b"}
# The counterparts on dark of the colours that would be hard to see there; still distinct for any colour vision.
_ON_DARK = {"#8020e0": "#8f45f0", "#602000": "#9c5a30", "#7fb8d8": "#2f6d94"}
# Differences between red, green and blue up to which a colour is a grey, and fades between ink and paper.
_GREY = 0.08

_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")
_DISC = re.compile(r'<path id="([^"]+)" d="M 0 ([\d.]+) \nC [^"]*"/>')
_POINT = re.compile(
    r'<use xlink:href="#(?P<name>[^"]+)" x="(?P<x>[\d.-]+)" y="(?P<y>[\d.-]+)"'
    r' style="(?:fill: (?P<colour>#\w+))?(?:; )?(?:fill-opacity: (?P<opacity>[\d.]+))?"/>'
)
# One element per point, in one group with the clip path, or a group each if colours differ.
_POINTS = re.compile(r'(?:<g clip-path="(?P<clip>[^"]+)">\s*(?:<use [^>]+/>\s*)+</g>\s*)+')
# Points of one colour are joined in blocks, since one path per colour would draw the classes one over the other.
_BLOCK = 250


def themed(svg: str) -> str:
    """An <svg> element that matplotlib drew on white, with the colours of a light and of a dark page.

    White becomes the background of the page, black and greys its text, and every other colour its counterpart; pictures
    marked as densities are inverted on dark, other pictures stay as they are. Thousands of points become a few paths.

    >>> themed('<svg><path style="fill: #ffffff"/></svg>').count("#14171b")
    1
    """
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    svg = _with_joined_points(svg)
    # Matplotlib leaves out black, the initial colour of SVG.
    colours = dict.fromkeys(["#000000", *_COLOUR.findall(svg)])
    svg = _COLOUR.sub(lambda found: f"var(--{found[0][1:]})", svg)
    light, dark = (
        "".join(f"--{colour[1:]}:{shown(colour, scheme)};" for colour in colours) for scheme in ("light", "dark")
    )
    style = (
        f"<style>svg{{{light}fill:var(--000000)}}@media screen and (prefers-color-scheme:dark){{svg{{{dark}}}"
        f'[id^="{DENSITY}"]{{filter:invert(1) hue-rotate(180deg)}}}}</style>'
    )
    start = svg.index(">") + 1
    return svg[:start] + style + svg[start:]


def shown(colour: str, scheme: str) -> str:
    """The colour that stands for a colour of a plot, in hex, on a page of the scheme "light" or "dark".

    >>> shown("#000000", "dark"), shown("#0072b2", "dark")
    ('#e6e9ed', '#0072b2')
    """
    rgb = to_rgb(colour)
    if max(rgb) - min(rgb) > _GREY:
        return colour if scheme == "light" else _ON_DARK.get(colour, colour)
    ink, paper = to_rgb(INK[scheme]), to_rgb(PAPER[scheme])
    white = sum(rgb) / 3
    red, green, blue = ((1 - white) * a + white * b for a, b in zip(ink, paper, strict=True))
    return to_hex((red, green, blue))


def _with_joined_points(svg: str) -> str:
    """Replace the points of scatter plots, an element each, by a path for each colour of a block of points.

    A point is a line of no length with round ends, as wide as the disc.
    """
    radius = {name: float(size) for name, size in _DISC.findall(svg)}

    def joined(found: re.Match[str]) -> str:
        points = [point.groupdict() for point in _POINT.finditer(found[0])]
        if len(points) != found[0].count("<use ") or any(point["name"] not in radius for point in points):
            return found[0]
        paths = []
        for start in range(0, len(points), _BLOCK):
            of_look: dict[tuple[str, str, str], list[str]] = {}
            for point in points[start : start + _BLOCK]:
                look = (point["name"], point["colour"] or "#000000", point["opacity"] or "1")
                of_look.setdefault(look, []).append(f"M{float(point['x']):.1f} {float(point['y']):.1f}h0")
            paths += [
                f'<path d="{"".join(moves)}" style="fill: none; stroke: {colour}; '
                f'stroke-width: {2 * radius[name]:.2f}; stroke-linecap: round; stroke-opacity: {opacity}"/>'
                for (name, colour, opacity), moves in of_look.items()
            ]
        return f'<g clip-path="{found["clip"]}">{"".join(paths)}</g>'

    return _POINTS.sub(joined, svg)
