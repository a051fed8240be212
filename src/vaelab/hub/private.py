"""Folders of this machine taken out of what is published; of a path only its last name stays."""

from __future__ import annotations

import re
import shlex
from typing import Any

# What a path with folders begins with: /, ~/, ../, C:\ or \\.
_ROOT = r"(?:~[\w.-]*|[A-Za-z]:|\.{1,2})?[\\/]"
# After the start of a text, a space, a quote, a bracket, `=` or `:`, so that neither 1/2 nor https://x/y is a path.
_BEFORE = r"(?<![^\s'\"(\[{=:,])"
_QUOTED = re.compile(rf"(['\"])({_ROOT}[^'\"]*)\1")
_BARE = re.compile(rf"{_BEFORE}{_ROOT}(?![\\/\s])[^\s'\"<>|)\]}},;]*")
_WORD = re.compile(rf"((?:--?[\w.-]+=)?(?:[a-z][\w-]+:)?)({_ROOT}(?![\\/]).*)", re.DOTALL)


def without_folders(values: Any) -> Any:
    """JSON values in which no text names a folder of the machine: of an absolute path the last name is kept.

    >>> without_folders({"start": "/home/ann/runs/first", "data": ["folder:~/my photos", "runs/x", "nats/image"]})
    {'start': 'first', 'data': ['folder:my photos', 'runs/x', 'nats/image']}
    >>> without_folders({"command": "vaelab evaluate /home/ann/x --data 'folder:/mnt/my photos'"})
    {'command': "vaelab evaluate x --data 'folder:my photos'"}
    >>> without_folders("data folder '/mnt/my photos' is not a folder; see https://example.org/a")
    "data folder 'my photos' is not a folder; see https://example.org/a"
    """
    if isinstance(values, dict):
        return {key: _command(each) if key == "command" else without_folders(each) for key, each in values.items()}
    if isinstance(values, list | tuple):
        return [without_folders(each) for each in values]
    return _text(values) if isinstance(values, str) else values


def _text(text: str) -> str:
    # A setting is a path as a whole, and may have spaces; a sentence has words after the path.
    if (whole := _WORD.fullmatch(text)) and not re.search(r"[.;,] |' ", text):
        return whole[1] + _last(whole[2])
    text = _QUOTED.sub(lambda found: f"{found[1]}{_last(found[2])}{found[1]}", text)
    return _BARE.sub(lambda found: _last(found[0]), text)


def _command(line: Any) -> Any:
    try:
        words = shlex.split(line)
    except (ValueError, AttributeError):
        return without_folders(line)
    found = [_WORD.fullmatch(word) for word in words]
    if not any(found):
        return line
    return shlex.join(each[1] + _last(each[2]) if each else word for word, each in zip(words, found, strict=True))


def _last(path: str) -> str:
    """The last name of a path, whatever system it is of."""
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1].strip("~.") or "folder"
