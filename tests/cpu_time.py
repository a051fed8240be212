"""Processor seconds by test file, on a busy machine too: `python -m pytest -p tests.cpu_time tests/test_priors.py`.

The time of processes that a test started counts once they have ended. For one process of tests, without `-n`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from . import warm

seconds: Counter[str] = Counter()


def spent() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4]) + warm.spent()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    before = spent()
    yield
    seconds["collection, with imports"] += spent() - before


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    before = spent()
    result = yield
    seconds[item.location[0]] += spent() - before
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.section("processor seconds by file")
    for name, value in seconds.most_common():
        terminalreporter.line(f"{value:8.1f}  {name}")
