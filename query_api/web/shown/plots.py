"""Plots as SVG, made by the server. Pure. What a plot shows is told in words, too: its label, and a title of each mark.

No style stands in them: colours are classes of the style sheet, so that they suit light and dark.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from markupsafe import Markup

_WIDTH, _HEIGHT = 720, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 8, 18
# At most so many steps of an axis, each a round number: one of these, times a power of ten.
_STEPS = 4
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
# Of lines of time: the height of one with its name, and the width of the shortest that can be seen.
_LINE, _NARROWEST = 36, 2.0


class Bar(NamedTuple):
    """One mark. look: its class. share: of the height, 0 to 1. title: what it means. down: the part of the mark, from
    below, that has the class `down`, 0 to 1."""

    look: str
    title: str
    share: float = 1.0
    down: float = 0.0


class Point(NamedTuple):
    """x, y: in units of the plot. title: what it means."""

    x: float
    y: float
    title: str = ""


class Stretch(NamedTuple):
    """A part of a line of time. look: its class. start, end: as shares of the line, 0 to 1. title: what it means."""

    look: str
    start: float
    end: float
    title: str


def bars(of: Sequence[Bar], label: str, height: int = 32) -> Markup:
    """A row of bars, oldest first."""
    width = max(1, len(of)) * 8
    svg = _svg(width, height, label, "bars")
    for number, bar in enumerate(of):
        tall = max(2.0, bar.share * height)
        group = ElementTree.SubElement(svg, "g")
        if bar.title:
            ElementTree.SubElement(group, "title").text = bar.title
        for look, high in ((bar.look, tall), ("down", bar.down * tall)):
            if high:
                spot = {"x": str(number * 8), "y": _number(height - high), "height": _number(high)}
                ElementTree.SubElement(group, "rect", {"class": look, "width": "6", "rx": "1", **spot})
    return _markup(svg)


def curve(
    points: Sequence[Point], label: str, unit: str, limit: float | None = None, ends: Sequence[str] = ()
) -> Markup:
    """Points joined by a line, with an axis of round numbers from 0 up. limit: a line across. ends: what stands below
    it, left and right."""
    step, most = axis_of(max([point.y for point in points] + ([limit] if limit is not None else []), default=0.0))
    first, last = (points[0].x, points[-1].x) if points else (0.0, 1.0)
    span = last - first or 1.0

    def place(point: Point) -> tuple[float, float]:
        x = _LEFT + (point.x - first) / span * (_WIDTH - _LEFT - _RIGHT)
        return x, _y(point.y / most)

    svg = _svg(_WIDTH, _HEIGHT, label)
    _axis(svg, step, most, unit, ends)
    if len(points) > 1:
        text = " ".join(f"{_number(x)},{_number(y)}" for x, y in map(place, points))
        ElementTree.SubElement(svg, "polyline", {"class": "line", "points": text})
    for point in points:
        x, y = place(point)
        _titled(svg, "circle", point.title, {"class": "dot", "cx": _number(x), "cy": _number(y), "r": "2.5"})
    if limit is not None:
        level = _number(_y(limit / most))
        spot = {"class": "limit", "x1": str(_LEFT), "x2": str(_WIDTH - _RIGHT), "y1": level, "y2": level}
        _titled(svg, "line", f"limit {_number(limit)} {unit}", spot)
    return _markup(svg)


def stacks(of: Sequence[tuple[str, Sequence[float]]], label: str, unit: str, ends: Sequence[str] = ()) -> Markup:
    """Columns of parts that add up, oldest first: each with its title and its parts, from below, in the order of the
    classes `phase0`, `phase1` and so on. A column without parts is a hole."""
    line, most = axis_of(max((sum(parts) for _, parts in of), default=0.0))
    svg = _svg(_WIDTH, _HEIGHT, label)
    _axis(svg, line, most, unit, ends)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(of))
    for number, (title, parts) in enumerate(of):
        group = ElementTree.SubElement(svg, "g")
        ElementTree.SubElement(group, "title").text = title
        base = 0.0
        for phase, part in enumerate(parts):
            top, bottom = _y((base + part) / most), _y(base / most)
            spot = {"x": _number(_LEFT + number * step), "y": _number(top), "height": _number(bottom - top)}
            width = _number(max(1.0, step - 1))
            ElementTree.SubElement(group, "rect", {"class": f"phase{phase}", "width": width, **spot})
            base += part
    return _markup(svg)


def timelines(lines: Sequence[tuple[str, Sequence[Stretch]]], label: str, ends: Sequence[str] = ()) -> Markup:
    """Lines of time below each other, each with its name and what lies on it. ends: what stands below them, left and
    right."""
    height = _TOP + len(lines) * _LINE + _BOTTOM
    svg = _svg(_WIDTH, height, label)
    for number, (name, stretches) in enumerate(lines):
        top = _TOP + number * _LINE
        ElementTree.SubElement(svg, "text", {"x": "0", "y": str(top + 10)}).text = name
        place = {"y": str(top + 14), "height": "16"}
        ElementTree.SubElement(svg, "rect", {"class": "none", "x": "0", "width": str(_WIDTH), **place})
        for one in stretches:
            start, end = (min(max(0.0, share), 1.0) * _WIDTH for share in (one.start, one.end))
            wide = max(_NARROWEST, end - start)
            spot = {"x": _number(min(start, _WIDTH - wide)), "width": _number(wide), **place}
            _titled(svg, "rect", one.title, {"class": one.look, **spot})
    for end_words, (x, anchor) in zip(ends, ((0, "start"), (_WIDTH, "end")), strict=False):
        text = ElementTree.SubElement(svg, "text", {"x": str(x), "y": str(height - 3), "text-anchor": anchor})
        text.text = end_words
    return _markup(svg)


def axis_of(most: float) -> tuple[float, float]:
    """The step between two lines of an axis from 0 up to at least `most`, and where it ends: both round numbers."""
    if most <= 0:
        return 1.0, 1.0
    power = 10.0 ** math.floor(math.log10(most / _STEPS))
    step = next((one * power for one in _ROUND if one * power * _STEPS >= most), 10 * power)
    return step, step * math.ceil(most / step)


def _axis(svg: ElementTree.Element, step: float, most: float, unit: str, ends: Sequence[str]) -> None:
    lines = round(most / step)
    for number in range(lines + 1):
        y = _y(number / lines)
        spot = {"x1": str(_LEFT), "x2": str(_WIDTH - _RIGHT), "y1": _number(y), "y2": _number(y)}
        ElementTree.SubElement(svg, "line", {"class": "axis", **spot})
        text = ElementTree.SubElement(svg, "text", {"x": str(_LEFT - 4), "y": _number(y + 4), "text-anchor": "end"})
        text.text = f"{step * number:.10g} {unit}"
    places = ((_LEFT, "start"), (_WIDTH - _RIGHT, "end"))
    for end, (x, anchor) in zip(ends, places, strict=False):
        text = ElementTree.SubElement(svg, "text", {"x": str(x), "y": str(_HEIGHT - 3), "text-anchor": anchor})
        text.text = end


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)


def _svg(width: int, height: int, label: str, look: str = "plot") -> ElementTree.Element:
    box = f"0 0 {width} {height}"
    return ElementTree.Element("svg", {"class": look, "viewBox": box, "role": "img", "aria-label": label})


def _titled(svg: ElementTree.Element, name: str, title: str, attributes: dict[str, str]) -> None:
    element = ElementTree.SubElement(svg, name, attributes)
    if title:
        ElementTree.SubElement(element, "title").text = title


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _markup(svg: ElementTree.Element) -> Markup:
    return Markup(ElementTree.tostring(svg, encoding="unicode"))
