"""Specs: the frozen dataclasses that a model, an objective and a run are composed of, checked when they are made.

A room (networks, priors, ...) has one abstract spec class, such as `PriorSpec`; a concrete spec is a frozen dataclass
derived from it, whoever wrote it. Its word on the command line is its `kind`, by default its class name in lower case.
"""

from vaelab.spec.function import FunctionSpec as FunctionSpec
from vaelab.spec.rooms import Only as Only, Prefix as Prefix, any_of as any_of, members as members, words as words
from vaelab.spec.spec import (
    Spec as Spec,
    as_python as as_python,
    assumed as assumed,
    classes_in as classes_in,
    is_own as is_own,
    qualified_name as qualified_name,
    spec_hints as spec_hints,
    tag_of as tag_of,
)
