"""Explanations of a command line that cannot be read: the closest flag or word, or the word that a flag goes with."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from vaelab.cli.flags import Flag, Grammar
from vaelab.errors import UserError, did_you_mean

_NUMBERS = {"int": "a whole number", "float": "a number"}


def in_front(words: Sequence[str], known: Grammar) -> list[str]:
    """The line with the words that choose parts first, since tyro reads a part's flags only after its word.

    >>> from vaelab.cli.flags import Room
    >>> from vaelab.priors import Mixture
    >>> room = Room("prior", {"prior:mixture": Mixture}, "")
    >>> in_front(["--prior.components", "20", "prior:mixture"], Grammar((), (room,)))
    ['prior:mixture', '--prior.components', '20']
    """
    choosing = [word for word in words if word in known.words and ":" in word]
    choosing.sort(key=lambda word: word.partition(":")[0].count("."))
    return [*choosing, *(word for word in words if word not in choosing)]


def explain(words: Sequence[str], known: Grammar, complaint: str = "", unread: str = "") -> str:
    """A sentence that says what is wrong with a line and how to mend it.

    Args:
        words: the line.
        known: the flags and words of the command.
        complaint: the first paragraph of tyro's message, which is returned if there is no better one.
        unread: the first word that tyro had no use for, if it has no message.
    """
    by_name: dict[str, list[Flag]] = {}
    for flag in known.flags:
        by_name.setdefault(flag.name, []).append(flag)
    given = {word for word in words if word in known.words}
    for word in words:
        name, equals, value = word.partition("=")
        if not re.match(r"--?[A-Za-z]", name) or name in ("-h", "--help"):
            continue
        if name not in by_name:
            return f"unknown flag {name}{did_you_mean(name, by_name)}"
        if not any(known.active(flag.needs, given) for flag in by_name[name]):
            return _wrong_part(name, by_name[name], known, given)
        if equals and by_name[name][0].kind is bool:
            return f"{name} is a switch and takes no value, but is given {value!r}"
    if said := _unknown_word(words, known):
        return said
    return _one_too_many(words, known, by_name, unread) if unread else _value(known, by_name, complaint)


def _wrong_part(name: str, flags: Sequence[Flag], known: Grammar, given: set[str]) -> str:
    """Which words a flag goes with."""
    lacking = [known.missing(flag.needs, given) for flag in flags]
    fewest = [words for words in lacking if not any(set(other) < set(words) for other in lacking)]
    needed = list(dict.fromkeys(map(" ".join, fewest)))
    add = "add one of these words" if len(needed) > 1 else "add the words" if " " in needed[0] else "add the word"
    return f"{name} goes with {' or '.join(needed)}; {add}"


def _unknown_word(words: Sequence[str], known: Grammar) -> str:
    """A word such as `prior:vampp`, whose room exists but not its part."""
    paths = {room.path for room in known.rooms}
    for word in words:
        path, colon, _ = word.partition(":")
        if colon and path in paths and word not in known.words:
            # Several models have the room, with the same words.
            choices = sorted({choice for room in known.rooms if room.path == path for choice in room.words})
            return f"unknown word {word!r}" + (did_you_mean(word, choices) or f"; there are {', '.join(choices)}")
    return ""


def _one_too_many(words: Sequence[str], known: Grammar, by_name: dict[str, list[Flag]], word: str) -> str:
    """A word that is no value of a flag."""
    before = words[words.index(word) - 1] if word in words[1:] else ""
    if before in by_name and by_name[before][0].kind is bool:
        return f"{before} is a switch and takes no value, but is followed by {word!r}"
    return f"unknown word {word!r}{did_you_mean(word, known.words)}"


def _value(known: Grammar, by_name: dict[str, list[Flag]], complaint: str) -> str:
    """A value that is missing or unsuitable."""
    if found := re.match(r"Error parsing (--\S+): .*'(.*)'$", complaint):
        name, value = found.groups()
        for number, says in _NUMBERS.items():
            if number in str(by_name[name][0].kind):
                return f"{name} is {value!r}, but must be {says}"
    if found := re.match(
        r"Error parsing (--\S+): no type matching \{None\}\|(INT|FLOAT) .* from \['(.*)'\]", complaint
    ):
        name, number, value = found.groups()
        return f"{name} is {value!r}, but must be {_NUMBERS[number.lower()]}"
    if found := re.match(r"invalid choice '(.*)' for argument '(\S+)'. Expected one of (\(.*\))\.", complaint):
        value, name, choices = found[1], found[2], ast.literal_eval(found[3])
        return f"{name} is {value!r}, but must be one of {', '.join(choices)}{did_you_mean(value, choices)}"
    if found := re.match(r"Missing value for argument '(--\S+)'", complaint):
        return f"{found[1]} has no value"
    if found := re.match(r"Missing from .*?: (\S+)", complaint):
        return f"{found[1]} is missing"
    return by_flag(re.sub(r"^Error parsing \S+: ", "", complaint), known)


def by_flag(message: str, known: Grammar) -> str:
    """A refusal of a field, such as `VAE.latent is 0`, with the name of its flag."""
    if found := re.match(r"(\w+)\.(\w+) is ", message):
        for flag in known.flags:
            if (flag.owner.__name__, flag.field) == found.groups():
                return f"{flag.name} is {message[found.end() :]}"
    return message


def refuse_empty(words: Sequence[str], known: Grammar) -> None:
    """Refuse a value that is empty, as an unset variable of a shell gives it, and a list without values.

    Raises:
        UserError: there is one.
    """
    lists = {flag.name for flag in known.flags if flag.default == ()}
    for word, following in zip(words, [*words[1:], "--"], strict=False):
        if following == "" or (word.startswith("--") and word.endswith("=")):
            raise UserError(f"{word.removesuffix('=')} is empty; give it a value")
        if word in lists and following.startswith("--"):
            raise UserError(f"{word} has no value; name at least one, or leave it out")
