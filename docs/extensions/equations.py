"""Equations of docstrings, which are written for reading in a terminal, as TeX.

>>> as_tex("loss = E_q[-log p(x | z)] + beta KL(q || p)")
'\\\\mathrm{loss} = \\\\mathbb{E}_{q}[-\\\\log p(x \\\\mid z)] + \\\\beta \\\\mathrm{KL}(q \\\\,\\\\|\\\\, p)'
>>> as_tex("p(z) = 1/K sum_k q(z | u_k)")
'p(z) = 1/K \\\\sum_{k} q(z \\\\mid u_{k})'
"""

from __future__ import annotations

import re

_SMALL = r"alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|omega"
_GREEK = re.compile(_SMALL + "|Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega")
_COMMANDS = re.compile("log|exp|sin|cos|tan|min|max|det|sum|prod")
_SIGNS = {"||": r"\,\|\,", "<-": r"\leftarrow", "!=": r"\ne", "<=": r"\le", ">=": r"\ge", "~": r"\sim", "->": r"\to"}
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<tex>\\[A-Za-z]+)
    | (?P<expectation>E_q\(z\)|\bE(?=[_\[]))
    | (?P<name>[A-Za-z]{2,}_[A-Za-z]{3,})
    | (?P<word>[A-Za-z]+)
    | (?P<small>1e-\d+)
    | (?P<script>\^[a-z]_[a-z]|[_^](?:\{[^}]*\}|\([^()]*\)|<?[A-Za-z0-9,]*[A-Za-z0-9]|\*))
    | (?P<given>(?<=\s)\|(?=\s))
    | (?P<star>(?<=[A-Za-z])\*)
    | (?P<sign>\|\||<-|!=|<=|>=|->|~)
    | (?P<other>.)
    """,
    re.VERBOSE,
)


def as_tex(text: str) -> str:
    """An equation in plain text as TeX: Greek letters by name, `sum_i`, `E_q[...]`, `p(x | z)`, words upright."""
    parts = []
    for token in _TOKEN.finditer(text.strip()):
        kind, value = token.lastgroup or "", token.group()
        parts.append(_WRITERS[kind](value))
    tex = re.sub(r"\s+([,.;])", r"\1", "".join(parts)).strip(" ,")
    # Words of a sentence, such as "argmax of L over the family", keep their spaces.
    return re.sub(r"(?<=[A-Za-z}]) (?=\\mathrm\{[a-z])|(?<=[a-z]\}) (?=[A-Z] )", r"\\ ", tex)


def _word(word: str) -> str:
    if _GREEK.fullmatch(word) or _COMMANDS.fullmatch(word):
        return "\\" + word
    if word == "N":
        return r"\mathcal{N}"
    return word if len(word) == 1 or word == "dz" else rf"\mathrm{{{word}}}"


def _script(script: str) -> str:
    mark, value = script[0], script[1:]
    if value.startswith("{"):
        value = value[1:-1]
    # Indices are single letters, side by side: S_ij.
    indices = value.isalpha() and len(value) <= 3 and not _GREEK.fullmatch(value)
    inner = value if indices else as_tex(value)
    return f"{mark}{{{inner}}}"


_WRITERS = {
    "space": lambda value: r"\quad " if len(value) > 2 else " ",
    "tex": lambda value: value,
    "expectation": lambda value: r"\mathbb{E}_{q(z)}" if value != "E" else r"\mathbb{E}",
    "name": lambda value: rf"\mathrm{{{value}}}".replace("_", r"\_"),
    "word": _word,
    "small": lambda value: rf"10^{{{value[2:]}}}",
    "script": _script,
    "given": lambda value: r"\mid",
    "star": lambda value: "^{*}",
    "sign": lambda value: _SIGNS[value],
    "other": lambda value: {"{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&"}.get(value, value),
}
