"""The connection to a Hub, and its errors in one line; no line ever holds a token."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vaelab.errors import UserError, reason

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
# Characters of a server's own words that a message shows.
_BRIEF = 200


def connect(endpoint: str | None = None, token: str | None = None) -> HfApi:
    """A client of the Hub at `endpoint`; nothing is asked yet.

    Args:
        endpoint: its address; by default HF_ENDPOINT, otherwise https://huggingface.co.
        token: of the user; by default HF_TOKEN, otherwise the one that `hf auth login` saved.

    Raises:
        UserError: the package huggingface_hub is absent, the endpoint is no address, or the token is no token.
    """
    try:
        from huggingface_hub import HfApi, get_token
    except ImportError:
        raise UserError("the Hub needs the package huggingface_hub; pip install 'vaelab[hub]'") from None
    from vaelab._version import __version__

    if endpoint is not None and not re.fullmatch(r"https?://[^\s/]+\S*", endpoint):
        raise UserError(f"endpoint is {endpoint!r}, but must be an address such as https://huggingface.co")
    token = token if token is not None else get_token()
    # An HTTP library would repeat a token that it cannot send in its error.
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise UserError("token has a space or a letter that no token has, or is empty; copy it anew from your settings")
    return HfApi(
        endpoint=endpoint and endpoint.rstrip("/"),
        token=token if token is not None else False,
        library_name="vaelab",
        library_version=__version__,
    )


def check_repo(repo: str) -> None:
    """Refuse a name that no repo can have.

    Raises:
        UserError: it is not of the form owner/name.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    well_formed = isinstance(repo, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) is not None
    try:
        validate_repo_id(repo)
    except HFValidationError:
        well_formed = False
    if not well_formed:
        raise UserError(
            f"repo is {repo!r}, but must be OWNER/NAME of letters, digits, '-', '_' and '.', such as ann/digits-vae"
        )


@contextmanager
def explained(api: HfApi, repo: str, revision: str | None = None) -> Iterator[None]:
    """Errors of the client in the block as one line each; its logs, warnings and progress bars are off.

    Raises:
        UserError: the Hub cannot be reached, refuses, or has no such repo or revision, or a file cannot be written.
    """
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    logger = logging.getLogger("huggingface_hub")
    level, bars = logger.level, not are_progress_bars_disabled()
    logger.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if bars:
            disable_progress_bars()
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            line = _explanation(error, api, repo, revision)
            if line is None:
                raise
            # Without the client's error, whose request and frames hold the token.
            raise UserError(_redacted(line, api)) from None
        finally:
            if bars:
                enable_progress_bars()
            logger.setLevel(level)


def _explanation(error: BaseException, api: HfApi, repo: str, revision: str | None) -> str | None:
    """The line for an error and what caused it; None for a fault of this program."""
    for each in _with_causes(error):
        line = _line(each, api, repo, revision)
        if line is not None:
            return line
    return None


def _with_causes(error: BaseException | None) -> list[BaseException]:
    """An error and its causes, the first cause first, since it says most."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.insert(0, error)
        error = error.__cause__ or error.__context__
    return found


def _line(error: BaseException, api: HfApi, repo: str, revision: str | None) -> str | None:
    from huggingface_hub import errors

    where = api.endpoint
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"HF_HUB_OFFLINE is set, so {where} is not asked; unset it, or pin the revision of a model pulled before"
    if isinstance(error, errors.GatedRepoError):
        return f"repo {repo!r} is shown only to those who accepted its terms; accept them on {where}/{repo}, and log in"
    if isinstance(error, errors.RepositoryNotFoundError):
        if api.token:
            return f"repo {repo!r} is not at {where}, or not for this token; check the name, and what the token may do"
        return f"repo {repo!r} is not at {where}, or is private; check the name, or {_LOG_IN}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"revision is {revision!r}, but {repo} has no such branch, tag or commit; see {where}/{repo}/commits"
    if isinstance(error, errors.HfHubHTTPError):
        return _status(error, where, repo)
    if any(kind.__name__ == "RequestError" for kind in type(error).__mro__):  # of httpx or its successor
        return f"endpoint {where} cannot be reached ({reason(error)}); check the address and the network"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ConnectionError):
        return f"cannot write {error.filename or 'a file'} ({error.strerror}); free or choose another place"
    if isinstance(error, OSError) and "Consistency check failed" in str(error):
        return f"a file of {repo} came with another size than {where} said; try again"
    if isinstance(error, ValueError) and "Invalid metadata" in str(error):
        return f"the model card is not accepted by {where}: {_one_line(str(error))}; correct --license"
    if type(error).__name__ == "JSONDecodeError":
        return f"endpoint {where} does not answer as a Hub does; check the address"
    return None


def _status(error: object, where: str, repo: str) -> str:
    """The line for an HTTP status."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = _one_line(str(getattr(error, "server_message", None) or ""))
    words = f" ({said})" if said else ""
    if status == 401:
        return f"{where} wants a token that it accepts{words}; {_LOG_IN}"
    if status == 403:
        return f"{where} does not allow this for {repo}{words}; use a token that may write there"
    if status in (409, 412):
        return f"{repo} was changed at {where} in the meantime{words}; try again"
    return f"{where} answered with status {status}{words}; try again later"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _BRIEF else f"{line[:_BRIEF]}..."


def _redacted(line: str, api: HfApi) -> str:
    """The line without the token, should a server repeat it."""
    return line.replace(api.token, "[token]") if isinstance(api.token, str) else line
