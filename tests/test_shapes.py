"""The memory of the shape checks lets no call through that a check of its own would refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import beartype
import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from .shapes import checked

check = checked(typechecker=beartype.beartype)
PAIR, TRIPLE = torch.zeros(2), torch.zeros(3)
calls: list[Any] = []


@check
def doubled(x: Float[Tensor, " n"], made: Callable[[Tensor], Any] = lambda x: x + x) -> Float[Tensor, " n"]:
    calls.append(x)
    return made(x)


@check
def added(x: Float[Tensor, " n"], *, to: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    return x + to


@check
def first(all: Sequence[Float[Tensor, " n"]]) -> Float[Tensor, " n"]:
    return all[0]


@check
def named(values: dict[str, Float[Tensor, " n"]]) -> None:
    pass


@check
def chosen(way: Literal["up", "down"], often: int = 1) -> Any:
    return {way: often}


@check
def kind_of(kind: type[int]) -> None:
    pass


@check
@dataclass
class Draw:
    """A class with fields and a method of each sort."""

    x: Float[Tensor, " n"]

    @check
    @property
    def wrong(self) -> Float[Tensor, "2 2"]:
        return self.x

    @check
    @classmethod
    def of(cls, x: Float[Tensor, " n"]) -> Draw:
        return cls(x)

    @check
    @staticmethod
    def size(x: Float[Tensor, " n"]) -> int:
        return len(x)


RIGHT_AND_WRONG = {
    "rank": (lambda: doubled(PAIR), lambda: doubled(torch.zeros(2, 2))),
    "dtype": (lambda: doubled(PAIR), lambda: doubled(PAIR.long())),
    "no tensor": (lambda: doubled(PAIR), lambda: doubled(1.0)),
    "result": (lambda: doubled(PAIR, lambda x: x), lambda: doubled(PAIR, lambda x: TRIPLE)),
    "result's type": (lambda: doubled(PAIR, lambda x: x), lambda: doubled(PAIR, lambda x: None)),
    "two arguments": (lambda: added(PAIR, to=PAIR), lambda: added(PAIR, to=TRIPLE)),
    "in a list": (lambda: first([PAIR, PAIR]), lambda: first([PAIR.long(), PAIR])),
    "in a long list": (lambda: first([PAIR] * 99), lambda: first([PAIR.long()] * 99)),
    "in a dictionary": (lambda: named({"a": PAIR}), lambda: named({"a": PAIR.long()})),
    "one of two words": (lambda: chosen("up"), lambda: chosen("left")),
    "a number": (lambda: chosen("up", 3), lambda: chosen("up", 3.0)),
    "a class": (lambda: kind_of(bool), lambda: kind_of(str)),
    "a field": (lambda: Draw(PAIR), lambda: Draw(PAIR.long())),
    "a class method": (lambda: Draw.of(PAIR), lambda: Draw.of(torch.zeros(2, 2))),
    "a static method": (lambda: Draw.size(PAIR), lambda: Draw.size(torch.zeros(2, 2))),
    "a property": (lambda: Draw(PAIR), lambda: Draw(PAIR).wrong),
}


@pytest.mark.parametrize(("right", "wrong"), RIGHT_AND_WRONG.values(), ids=RIGHT_AND_WRONG)
def test_after_right_calls_a_wrong_one_is_refused(right: Callable[[], Any], wrong: Callable[[], Any]) -> None:
    for _ in range(3):
        right()
        with pytest.raises(jaxtyping.TypeCheckError):
            wrong()


def test_a_function_runs_once_per_call_and_not_with_wrong_arguments() -> None:
    calls.clear()
    for _ in range(3):
        assert torch.equal(doubled(PAIR), PAIR)
    assert doubled(x=PAIR, made=lambda x: x[:1].expand(2)).shape == (2,)
    assert len(calls) == 4
    with pytest.raises(jaxtyping.TypeCheckError):
        doubled(torch.zeros(2, 2))
    assert len(calls) == 4
    with pytest.raises(TypeError, match="missing"):
        doubled()


def test_a_call_like_an_earlier_one_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[Any] = []

    def counting(function: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            checks.append(function)
            return beartype.beartype(function)(*args, **kwargs)

        return counted

    @checked(typechecker=counting)
    def halved(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return x / 2

    for x in (PAIR, PAIR + 1, TRIPLE, PAIR, TRIPLE):
        assert torch.equal(halved(x), x / 2)
    # Arguments and result, of either size.
    assert len(checks) == 4
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    assert halved(torch.zeros(1, 1)).shape == (1, 1)
    assert len(checks) == 4


def test_the_package_is_checked_so() -> None:
    from vaelab.distributions.hamiltonian import leapfrog

    assert hasattr(leapfrog, "remembers")
