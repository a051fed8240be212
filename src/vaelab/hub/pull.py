"""Pulling: from a Hub to a run folder that is whole and verified, or absent."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vaelab.errors import UserError
from vaelab.files import locked, read_json
from vaelab.hub.client import check_repo, connect, explained
from vaelab.hub.contents import NEEDED, is_ours, is_pickled
from vaelab.models.files import read_tensors
from vaelab.spec import Spec
from vaelab.training import Run, open_run

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_COMMIT = re.compile(r"[0-9a-f]{40}")


def from_hub(
    repo: str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    specs: Sequence[type[Spec]] = (),
    modules: tuple[Any, Any] | None = None,
    cache: str | Path | None = None,
) -> Run:
    """A run from a Hub: `vl.from_hub("ann/digits-vae").model.generate(16)`.

    Its files are kept in a cache folder by endpoint, repo and commit. A commit that is there is opened without network.
    Nothing is unpickled, and nothing is imported because a repo names it.

    Args:
        repo: owner/name.
        revision: a branch, a tag or a commit; by default `main`. A full commit pins the model.
        endpoint: the address of the Hub; by default HF_ENDPOINT, otherwise https://huggingface.co.
        token: for private repos; by default HF_TOKEN, otherwise the one that `hf auth login` saved.
        specs: spec classes from outside this package that are not imported yet.
        modules: encoder and decoder of a model whose network is `Modules`.
        cache: the cache folder; by default `vaelab/hub` in the user's.

    Raises:
        UserError: there is no such repo or revision, it holds no run, the Hub cannot be reached, a file is damaged, or
            the run needs a class or modules that are not given.
    """
    api = connect(endpoint, token)
    check_repo(repo)
    home = _cache(cache) / urlsplit(api.endpoint).netloc.replace(":", "_") / repo.replace("/", "--")
    name = repo.partition("/")[2]
    if revision is None or not _COMMIT.fullmatch(revision) or not (home / revision / name).exists():
        found = listing(api, repo, revision)
        revision = found.commit
        with locked(home / revision / name):
            if not (home / revision / name).exists():
                found.fetch(home / revision / name)
    return open_run(home / revision / name, specs=specs, modules=modules)


def pull(
    repo: str,
    out: Path,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Put a run from a Hub into a folder of its own, and return its commit; an interrupted pull goes on.

    The run's own classes are not needed; whoever opens the folder brings them.

    Raises:
        UserError: as `from_hub`, or the folder is not empty.
    """
    api = connect(endpoint, token)
    check_repo(repo)
    _check_free(out)
    found = listing(api, repo, revision)
    with locked(out):
        _check_free(out)
        found.fetch(out, say)
    out.with_name(f".{out.name}.lock").unlink(missing_ok=True)
    return found.commit


def _check_free(out: Path) -> None:
    try:
        free = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise UserError(f"out is {str(out)!r}, which cannot be used ({error}); choose another folder") from None
    if not free:
        raise UserError(f"out is {str(out)!r}, which is not empty; choose a new folder")


class Listing:
    """The files of a repo at a commit.

    Args:
        api: the client.
        repo: owner/name.
        commit: the full commit.
        digests: the names of the run's files, with the sha256 or git's sha1 of each that the Hub tells.
    """

    def __init__(self, api: HfApi, repo: str, commit: str, digests: dict[str, str]) -> None:
        self.api, self.repo, self.commit, self.digests = api, repo, commit, digests

    def fetch(self, out: Path, say: Callable[[str], None] = lambda line: None) -> None:
        """Download the run beside `out`, verify it, and give it that name.

        What an earlier attempt left there is used if it is right.

        Raises:
            UserError: the Hub cannot be reached, a file is damaged or cannot be written.
        """
        from huggingface_hub import hf_hub_download

        part = out.with_name(f".{out.name}.pull")
        with explained(self.api, self.repo, self.commit):
            for name in self.digests:
                hf_hub_download(
                    self.repo,
                    name,
                    revision=self.commit,
                    local_dir=part,
                    endpoint=self.api.endpoint,
                    token=self.api.token,
                    library_name="vaelab",
                )
                say(f"pulled {name}")
            self._verify(part)
            shutil.rmtree(part / ".cache", ignore_errors=True)
            if out.exists():
                out.rmdir()
            os.replace(part, out)

    def _verify(self, folder: Path) -> None:
        """Compare each file with what the Hub and the file itself say of it; a wrong one is removed.

        Raises:
            UserError: a file is damaged.
        """
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or name.startswith(".cache/"):
                continue
            if name not in self.digests:  # of another commit
                path.unlink()
            elif not _matches(path, self.digests[name]):
                path.unlink()
                raise UserError(f"{name} of {self.repo} is not what {self.api.endpoint} announced; pull it again")
            elif path.suffix == ".safetensors":
                read_tensors(path)
            elif path.suffix == ".json":
                read_json(path)


def listing(api: HfApi, repo: str, revision: str | None) -> Listing:
    """The run's files in a repo.

    Raises:
        UserError: there is no such repo or revision, the Hub cannot be reached, or the repo holds no run.
    """
    if revision is not None and not re.fullmatch(r"[\w./@+-]+", revision):
        raise UserError(f"revision is {revision!r}, but must be a branch, a tag or a commit; leave it out for main")
    with explained(api, repo, revision):
        info = api.model_info(repo, revision=revision, files_metadata=True)
    siblings = {each.rfilename: each for each in info.siblings or ()}
    missing = [name for name in NEEDED if name not in siblings]
    if missing:
        pickled = next((name for name in siblings if is_pickled(name)), None)
        has = f"; it has {pickled}, which may run code and is never opened" if pickled else ""
        raise UserError(
            f"repo {repo!r} holds no run of vaelab (no {' and no '.join(missing)}){has}; ask its owner for "
            "one made by `vaelab push`"
        )
    digests = {
        name: (each.lfs.sha256 if each.lfs is not None else each.blob_id) or ""
        for name, each in siblings.items()
        if is_ours(name)
    }
    if not _COMMIT.fullmatch(info.sha or ""):  # it names a folder here
        raise UserError(
            f"endpoint {api.endpoint} does not answer as a Hub does (commit {info.sha!r}); check the address"
        )
    return Listing(api, repo, str(info.sha), digests)


def digest_of(content: bytes, like: str) -> str:
    """sha256 of a content, or git's sha1 of it, whichever `like` is."""
    if len(like) == 64:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _matches(path: Path, digest: str) -> bool:
    return not digest or digest_of(path.read_bytes(), digest) == digest


def _cache(chosen: str | Path | None) -> Path:
    import pooch

    return Path(chosen) if chosen is not None else Path(pooch.os_cache("vaelab")) / "hub"
