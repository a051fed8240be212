"""Docstrings, which are plain text, as reStructuredText.

- Text in backticks that names something public is a link; other text in backticks is code.
- A paragraph that begins with an equation shows it on a line of its own; so does a line that is indented.
- Characters with a meaning in reStructuredText, such as * and |, stand for themselves.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from equations import as_tex
from sphinx.application import Sphinx

import vaelab as vl

_SECTION = re.compile(r"(Args|Raises|Returns|Yields):$")
_LEFT = r"(?:[A-Za-z]+|log p\([^)]*\)|[A-Za-z]+\([^=]*?\))"
_EQUATION = re.compile(rf"{_LEFT} (?:=|<-) ")
# What ends an equation within a paragraph, outside of brackets.
_END = re.compile(
    r",? (?:in|with|where|so|fitted|of)\b|, (?=and |m and |[A-Z] lower|[\w^ ]{1,12} (?:a|the) )|: |; |\. |\.$"
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _rewrite)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _rewrite(app: Sphinx, what: str, name: str, subject: object, options: object, lines: list[str]) -> None:
    lines[:] = rewritten(lines)


def rewritten(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText."""
    result: list[str] = []
    literal = False
    section = ""
    for paragraph in _paragraphs(lines):
        first = paragraph[0]
        indented = first.startswith(" ")
        section = found[1] if (found := _SECTION.match(first)) else section if indented else ""
        if first.startswith(">>>") or (literal and indented):
            result += paragraph
        elif section:
            result += _fields(section, paragraph[1:] if found else paragraph)
        elif indented:
            result += _block(paragraph)
        else:
            result += _prose(paragraph)
        literal = paragraph[-1].endswith("::") or (literal and indented)
        result.append("")
    return result


def _fields(section: str, lines: list[str]) -> list[str]:
    """The entries of a section, `name: text` with further lines indented, as fields."""
    entries: list[str] = []
    for line in lines:
        if line.startswith("     ") and entries:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    if section in ("Returns", "Yields"):
        return [f":returns: {_text(' '.join(entries))}"]
    kind = {"Args": "param", "Raises": "raises"}[section]
    split = [entry.partition(": ") for entry in entries]
    return [f":{kind} {name.replace(', ', ',')}: {_text(text)}" for name, _, text in split]


def _paragraphs(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if not line.strip():
            found.append([])
        elif _SECTION.match(line) and found[-1]:
            found.append([line])
        else:
            found[-1].append(line)
    return [paragraph for paragraph in found if paragraph]


def _prose(paragraph: list[str]) -> list[str]:
    """A paragraph, with the equation that it may begin with on a line of its own."""
    if paragraph[0].startswith("|"):
        return _table(paragraph)
    whole = " ".join(paragraph)
    if not _EQUATION.match(whole):
        return [_text(line) for line in paragraph]
    end = next((found.start() for found in _END.finditer(whole) if _depth(whole[: found.start()]) == 0), len(whole))
    rest = re.sub(r"^[,:;.]?\s*", "", whole[end:])
    return [*_block([whole[:end]]), "", _text(rest)]


def _table(rows: list[str]) -> list[str]:
    """A table of Markdown as a list of tuples."""
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if not row.startswith("| ---")]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for first, *others in cells:
        lines += [f"   * - {_text(first)}", *(f"     - {_text(cell)}" for cell in others)]
    return lines


def _depth(text: str) -> int:
    return sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")


def _block(lines: list[str]) -> list[str]:
    """Indented lines: an equation if they are one line, otherwise as they stand."""
    if len(lines) == 1:
        return [".. math::", "", "    " + as_tex(lines[0])]
    return ["::", "", *("    " + line for line in lines)]


def _text(line: str) -> str:
    """A line whose code is marked, whose public names are links, and whose other characters mean themselves."""
    parts = re.split(r"(`+[^`]+`+)", line)
    return "".join(_code(part.strip("`")) if part.startswith("`") else _escaped(part) for part in parts)


def _code(code: str) -> str:
    # What follows code may be a letter, as in the plural of a name.
    return f":py:obj:`{code} <vaelab.{code}>`\\ " if code in vl.__all__ else f"``{code}``\\ "


def _escaped(text: str) -> str:
    return re.sub(r"_(?=\W|$)", r"\\_", re.sub(r"([*|\\])", r"\\\1", text))


def _resolve(app: Sphinx, env: Any, node: Any, text: nodes.Node) -> nodes.Node | None:
    """Types in signatures: a public name by its full path is a link, a private or foreign one is plain text."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    name = target.rsplit(".", 1)[-1]
    if name in vl.__all__:
        return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, "obj", f"vaelab.{name}", node, text)
    return text if node.get("reftype") in ("class", "data", "exc", "obj") else None
