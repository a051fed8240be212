"""The oldest versions that pyproject.toml allows, as constraints for pip; `make oldest` runs the tests with them.

python tests/oldest.py EXTRA ... > constraints.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[(?P<extras>[\w,-]+)\])?(>=(?P<oldest>[\w.]+))?")


def pins(requirements: list[str]) -> list[str]:
    """The lower bound of each requirement as a pin, the highest where it has several, such as one of an extra."""
    highest: dict[str, str] = {}
    for name, oldest in bounds(requirements):
        highest[name] = max(highest.get(name, "0"), oldest, key=lambda text: [int(part) for part in text.split(".")])
    return [f"{name}=={oldest}" for name, oldest in highest.items()]


def bounds(requirements: list[str]) -> Iterator[tuple[str, str]]:
    """Name and lower bound of each requirement, those of the extras of this package included."""
    for requirement in requirements:
        found = REQUIREMENT.fullmatch(requirement)
        if found is None or (found["name"] != PROJECT["name"] and not found["oldest"]):
            raise SystemExit(f"{requirement!r} in pyproject.toml is not of the form NAME>=VERSION")
        if found["name"] == PROJECT["name"]:
            for extra in found["extras"].split(","):
                yield from bounds(PROJECT["optional-dependencies"][extra])
        else:
            yield found["name"], found["oldest"]


if __name__ == "__main__":
    print("\n".join(pins([*PROJECT["dependencies"], f"{PROJECT['name']}[{','.join(sys.argv[1:])}]"])))
