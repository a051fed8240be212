"""A small share of each campaign of tests/campaign.py, so that no defect returns."""

from __future__ import annotations

import pytest

from .campaign import CAMPAIGNS, run

# Of the campaign's own number of attacks.
SHARES = {
    "kills": 0.02,
    "flips": 0.1,
    "trees": 0.04,
    "lines": 0.05,
    "writers": 0.1,
    "folders": 0.1,
    "environments": 0.04,
}


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_attacks_are_held(name: str) -> None:
    tried, bad = run(name, SHARES.get(name, 0.1), seed=1)
    assert tried >= 2
    assert not bad
