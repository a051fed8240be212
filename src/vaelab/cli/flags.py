"""The flags and words of a command, read from its dataclass: for help, near misses and shell completion."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from types import NoneType
from typing import Annotated, Any, Literal, TypeGuard, get_args, get_origin

import tyro

from vaelab.data import AugmentationSpec, SourceSpec, source_text
from vaelab.named import text_of
from vaelab.spec import Only, Prefix, Spec, spec_hints, words

_SUPPRESS = get_args(tyro.conf.Suppress[str])[1]
_POSITIONAL = get_args(tyro.conf.Positional[str])[1]


@dataclass(frozen=True)
class Flag:
    """A flag.

    Args:
        name: such as `--prior.components`.
        kind: the type of a value.
        metavar: the placeholder of a value in help; empty for a switch.
        owner: the dataclass that has the field.
        field: the name of the field.
        text: its description, if the annotation has one.
        default: its value if it is not given; MISSING if it is required.
        needs: the words that it goes with, such as `("prior:mixture",)`.
    """

    name: str
    kind: Any
    metavar: str
    owner: type
    field: str
    text: str
    default: Any
    needs: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """Its description: the annotation's, otherwise the docstring below the field."""
        return self.text or field_docs(self.owner).get(self.field, "")


@dataclass(frozen=True)
class Room:
    """A choice between specs.

    Args:
        path: the field that takes the choice, such as `network.cell`; empty for the model.
        words: every spec by its word, such as `prior:mixture`.
        default: the word of the spec that is there if none is given.
        needs: the words that it goes with.
    """

    path: str
    words: dict[str, type[Spec]]
    default: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grammar:
    """All flags, choices and positional arguments of a command."""

    flags: tuple[Flag, ...]
    rooms: tuple[Room, ...]

    @property
    def words(self) -> dict[str, type[Spec]]:
        """Every word of every room."""
        return {word: spec for room in self.rooms for word, spec in room.words.items()}

    def active(self, needs: tuple[str, ...], given: set[str]) -> bool:
        """Whether a flag that needs these words can stand on a line on which `given` are."""
        return not self.missing(needs, given)

    def missing(self, needs: tuple[str, ...], given: set[str]) -> list[str]:
        """The words of `needs` that are neither given nor the default of their room."""
        lacking = []
        for word in needs:
            room = next(room for room in self.rooms if word in room.words)
            chosen = next((other for other in room.words if other in given), room.default)
            if chosen != word:
                lacking.append(word)
        return lacking


def grammar(command: type, default: Any = None) -> Grammar:
    """The flags and words of a command; `default` is an instance that gives the defaults."""
    flags, rooms = [], []
    for part in _walk(command, default, "", ()):
        if isinstance(part, Flag):
            flags.append(part)
        else:
            rooms.append(part)
    return Grammar(tuple(flags), tuple(rooms))


def _walk(cls: Any, default: Any, prefix: str, needs: tuple[str, ...]) -> Iterator[Flag | Room]:
    hints = spec_hints(cls)
    for field in fields(cls):
        hint, extras = _bare(hints[field.name])
        if _SUPPRESS in extras or _POSITIONAL in extras:
            continue
        settings = [extra for extra in extras if hasattr(extra, "help")]  # of tyro.conf.arg
        erased = any(getattr(extra, "name", None) == "" for extra in settings)
        path = prefix if erased else f"{prefix}.{field.name}".lstrip(".")
        value = getattr(default, field.name, field.default)
        if isinstance(hint, type) and issubclass(hint, Spec) and not _is_text(extras):
            if hint.room is not hint:
                yield from _walk(hint, value, path, needs)
                continue
            only = next((extra for extra in extras if isinstance(extra, Only)), None)
            own = next((extra.text for extra in extras if isinstance(extra, Prefix)), f"{path}:" if path else "")
            spelled = {own + word: spec for word, spec in words(hint, only).items()}
            chosen = next((word for word, spec in spelled.items() if isinstance(value, spec)), "")
            yield Room(own.rstrip(":"), spelled, chosen, needs)
            for word, spec in spelled.items():
                yield from _walk(spec, value if word == chosen else None, path, (*needs, word))
            continue
        text = next((extra.help for extra in settings if extra.help), "")
        metavar = next((extra.metavar for extra in settings if extra.metavar), _metavar(hint))
        if hint is bool and value is True:
            # A switch that is on by default is given to turn it off.
            start, dot, last = path.rpartition(".")
            path, text = f"{start}{dot}no_{last}", f"Turn {last} off"
        yield Flag("--" + path.replace("_", "-"), hint, metavar, cls, field.name, text, value, needs)


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without annotations and `None`, and its annotations."""
    extras: tuple[Any, ...] = ()
    while True:
        options = [option for option in get_args(hint) if option is not NoneType]
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            extras += tuple(more)
        elif NoneType in get_args(hint) and len(options) == 1:
            hint = options[0]
        else:
            return hint, extras


def _is_text(extras: tuple[Any, ...]) -> bool:
    """Whether a spec is given as one text, such as a source of images."""
    return any(isinstance(extra, tyro.constructors.PrimitiveConstructorSpec) for extra in extras)


def _metavar(hint: Any) -> str:
    if hint is bool:
        return ""
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"{_metavar(_bare(get_args(hint)[0])[0])} ..."
    return getattr(hint, "__name__", "VALUE").removesuffix("Spec").upper()


def field_docs(cls: type) -> dict[str, str]:
    """The docstring below each field of a dataclass, its base classes' included."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        docs |= _module_docs(base.__module__).get(base.__qualname__, {})
    return docs


@functools.cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    """The docstrings below fields, by class; empty if the module's source is not at hand."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            docs = found.setdefault(node.name, {})
            for field, below in itertools.pairwise(node.body):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    text = ast.literal_eval(below.value) if _is_docstring(below) else ""
                    docs[field.target.id] = " ".join(text.split())
    return found


def _is_docstring(node: ast.stmt) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def default_text(value: Any) -> str:
    """A default as it would be typed; empty if there is none."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, Spec):
        if isinstance(value, SourceSpec):
            return source_text(value)
        return text_of(value) if isinstance(value, AugmentationSpec) else value.kind
    if isinstance(value, tuple):
        return " ".join(map(default_text, value))
    return str(value)
