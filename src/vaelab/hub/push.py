"""Pushing: a run folder to a Hub, in one commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaelab.errors import UserError
from vaelab.evaluation.results import Evaluation, read_evaluation
from vaelab.hub.card import card_of
from vaelab.hub.client import check_repo, connect, explained
from vaelab.hub.contents import CARD, files_of, is_ours
from vaelab.hub.pull import digest_of
from vaelab.models.files import load_beside, weights_digest
from vaelab.training import Run, open_run

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Args:
        repo: owner/name.
        commit: the full commit, to be given as `revision`.
        url: the address of the repo.
        sent: files that are new or changed there.
        removed: files of earlier pushes that the run no longer has.
    """

    repo: str
    commit: str
    url: str
    sent: tuple[str, ...]
    removed: tuple[str, ...] = ()


def push_to_hub(
    run: Run | str | Path,
    repo: str,
    *,
    license: str | None = None,
    private: bool = False,
    revision: str | None = None,
    message: str = "",
    endpoint: str | None = None,
    token: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Pushed:
    """Push a run: its models, settings, metrics, evaluation, ONNX files and figures, and a model card.

    Weights are sent file by file, then one commit makes all of it visible. After an interruption the same call goes on:
    files that arrived whole are not sent again. Of paths in settings and commands only the last name is published.

    Args:
        run: a run, or its folder.
        repo: owner/name, made if absent.
        license: of the weights, by its identifier, such as mit; by default the card says that none is given.
        private: make a new repo private.
        revision: the branch, made if absent; by default `main`.
        message: of the commit.
        endpoint: the address of the Hub; by default HF_ENDPOINT, otherwise https://huggingface.co.
        token: by default HF_TOKEN, otherwise the one that `hf auth login` saved. It is written nowhere.
        say: takes a line of progress.

    Raises:
        UserError: the folder holds no trained run, the name is malformed, the Hub cannot be reached or refuses, or a
            public repo was to be private.
    """
    api = connect(endpoint, token)
    check_repo(repo)
    run = _opened(run)
    files = files_of(run.folder)
    evaluation = _evaluation(run, files, say)
    card = card_of(run, repo, tuple(files), evaluation, license)
    if license is None:
        say("no licence is given, and the card says so; name one with --license")
    with explained(api, repo, revision), ExitStack() as opened:
        return _commit(api, repo, {CARD: card.encode(), **files}, private, revision, message, say, opened)


def _opened(run: Run | str | Path) -> Run:
    """The run with the model as its file has it.

    Raises:
        UserError: there is no run, or it has no model.
    """
    folder = run.folder if isinstance(run, Run) else Path(run)
    if folder.suffix == ".safetensors":
        raise UserError(f"run is {str(folder)!r}, a model without its run; name the run's folder")
    if (folder / "experiment.json").exists() and not (folder / "last.safetensors").exists():
        raise UserError(f"run is {str(folder)!r}, which has no model yet (no last.safetensors); train an epoch first")
    if not isinstance(run, Run):
        return open_run(folder)
    return Run(folder, run.record, load_beside(run.model, folder), run.rows)


def _evaluation(run: Run, files: dict[str, Path | bytes], say: Callable[[str], None]) -> Evaluation | None:
    """The evaluation that is pushed; one of other weights is left out."""
    if "evaluation.json" not in files:
        return None
    evaluation = read_evaluation(run.folder / "evaluation.json")
    if evaluation.weights_sha256 != weights_digest(run.model):
        del files["evaluation.json"]
        say(f"evaluation.json is older than the weights and is left out; vaelab evaluate {run.folder} measures them")
        return None
    return evaluation


def _commit(
    api: HfApi,
    repo: str,
    files: dict[str, Path | bytes],
    private: bool,
    revision: str | None,
    message: str,
    say: Callable[[str], None],
    opened: ExitStack,
) -> Pushed:
    """Make the repo, send what differs, and commit.

    Raises:
        UserError: the repo is public, but was to be private.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    url = str(api.create_repo(repo, private=private or None, exist_ok=True))
    if revision is not None:
        api.create_branch(repo, branch=revision, exist_ok=True)
    info = api.model_info(repo, revision=revision, files_metadata=True)
    if private and info.private is False:
        raise UserError(f"repo {repo!r} is public, but private was asked for; make it private at {url}")
    there = {each.rfilename: (each.lfs.sha256 if each.lfs else each.blob_id) for each in info.siblings or ()}
    operations: list[Any] = []
    for name, content in files.items():
        if there.get(name) and _digest(content, there[name] or "") == there[name]:
            continue
        # An open file goes by the plain protocol, which every server speaks and in which whole files are not resent.
        source = content if isinstance(content, bytes) else opened.enter_context(content.open("rb"))
        operations.append(CommitOperationAdd(name, source))
        say(f"sending {name}, {operations[-1].upload_info.size / 1e6:.2f} MB")
        # One after the other, since best and last may be equal, and two senders would read the same open file.
        api.preupload_lfs_files(repo, operations[-1:], revision=revision, free_memory=False)
    sent = tuple(operation.path_in_repo for operation in operations)
    removed = tuple(name for name in there if is_ours(name) and name not in files)
    operations += [CommitOperationDelete(name) for name in removed]
    if not operations:
        return Pushed(repo, str(info.sha), url, ())
    done = api.create_commit(
        repo, operations, commit_message=message or f"Push by vaelab: {', '.join(sent or removed)}", revision=revision
    )
    return Pushed(repo, done.oid, url, sent, removed)


def _digest(content: Path | bytes, like: str) -> str:
    return digest_of(content if isinstance(content, bytes) else content.read_bytes(), like)
