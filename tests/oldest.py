"""The oldest versions that pyproject.toml allows, as constraints for pip; `make oldest` runs the tests with them.

python tests/oldest.py > constraints.txt
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[(?P<extras>[\w,-]+)\])?(>=(?P<oldest>[\w.]+))?")


def pins(requirements: list[str]) -> Iterator[str]:
    """The lower bound of each requirement as a pin, those of the extras of this package included."""
    for requirement in requirements:
        found = REQUIREMENT.fullmatch(requirement)
        if found is None or (found["name"] != PROJECT["name"] and not found["oldest"]):
            raise SystemExit(f"{requirement!r} in pyproject.toml is not of the form NAME>=VERSION")
        if found["name"] == PROJECT["name"]:
            for extra in found["extras"].split(","):
                yield from pins(PROJECT["optional-dependencies"][extra])
        else:
            yield f"{found['name']}=={found['oldest']}"


if __name__ == "__main__":
    print("\n".join(pins([*PROJECT["dependencies"], f"{PROJECT['name']}[all]"])))
