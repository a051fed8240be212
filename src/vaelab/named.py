"""Specs named by one text: a word, with an argument if the spec takes one (`folder:PATH`, `crop:4`)."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from vaelab.errors import UserError, did_you_mean
from vaelab.spec import Spec, spec_hints, words

S = TypeVar("S", bound=Spec)


def _argument(spec: type[Spec]) -> dataclasses.Field[Any] | None:
    """The field that follows the colon: the one that the spec names, otherwise the first text field."""
    hints = spec_hints(spec)

    def is_text(hint: Any) -> bool:
        return hint is str or (
            get_origin(hint) is Literal and all(isinstance(choice, str) for choice in get_args(hint))
        )

    fields = dataclasses.fields(spec)  # type: ignore[arg-type]  # every concrete spec is a dataclass
    named = [field for field in fields if field.name == spec.after_colon]
    return next((field for field in named or fields if named or is_text(hints[field.name])), None)


def _value(spec: type[Spec], field: dataclasses.Field[Any], text: str) -> Any:
    """The text as the field takes it; one that is no number stays a text, which the field refuses."""
    hint = spec_hints(spec)[field.name]
    number = getattr(hint, "__origin__", hint)
    try:
        return number(text) if number in (int, float) else text
    except ValueError:
        return text


def _word(spec: type[Spec]) -> str:
    """The word of a spec on the command line, among those of its room."""
    known = words(spec.room or spec)
    return next((word for word, other in known.items() if other is spec), spec.kind)


def name_of(spec: type[Spec]) -> str:
    """The name of a spec class: its word and its argument, in brackets if it has a default.

    >>> from vaelab import Emnist, Folder, Mnist
    >>> [name_of(source) for source in (Mnist, Folder, Emnist)]
    ['mnist', 'folder:PATH', 'emnist[:SUBSET]']
    """
    argument = _argument(spec)
    if argument is None:
        return _word(spec)
    shown = f":{argument.name.upper()}"
    return _word(spec) + (shown if argument.default is dataclasses.MISSING else f"[{shown}]")


def text_of(spec: Spec) -> str:
    """The text that `parse_named` reads back, without further fields.

    >>> from vaelab import Emnist, Folder
    >>> text_of(Folder("photos")), text_of(Emnist())
    ('folder:photos', 'emnist')
    """
    argument = _argument(type(spec))
    if argument is None or getattr(spec, argument.name) == argument.default:
        return _word(type(spec))
    return f"{_word(type(spec))}:{getattr(spec, argument.name)}"


def parse_named(room: type[S], text: str, field: str) -> S:
    """The spec of a room that a text names.

    Args:
        room: the abstract class.
        text: the word, or `WORD:ARGUMENT`.
        field: what is given by this text, for messages.

    Raises:
        UserError: there is no such spec, or an argument is missing, unsuitable or too much.
    """
    known = words(room)
    # A foreign spec whose word is taken is named `package.module:Class`, so the longest word counts.
    for word in sorted(known, key=len, reverse=True):
        if text == word or text.startswith(f"{word}:"):
            spec, value = cast(type[S], known[word]), text[len(word) + 1 :]
            argument = _argument(spec)
            if argument is not None and value:
                given: dict[str, Any] = {argument.name: _value(spec, argument, value)}
                return spec(**given)
            if text == word and (argument is None or argument.default is not dataclasses.MISSING):
                return spec()
    names = ", ".join(map(name_of, known.values()))
    hint = did_you_mean(text.partition(":")[0], set(known) - {text.partition(":")[0]})
    raise UserError(f"{field} is {text!r}, but must be one of {names}{hint}")
