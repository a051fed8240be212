"""The mistakes that `make mutants` tries refer to existing code."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_code_that_a_mutant_replaces_occurs_once(mutant: Mutant) -> None:
    assert (ROOT / "src" / "vaelab" / mutant.file).read_text().count(mutant.right) == 1
    file, _, test = mutant.tests.partition("::")
    assert f"def {test}" in (ROOT / "tests" / file).read_text()
