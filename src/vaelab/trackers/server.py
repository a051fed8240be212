"""Whether a tracker's server answers, asked once, since their own clients try again for minutes."""

from __future__ import annotations

import re

from vaelab.errors import UserError

_SECONDS = 5.0


def refuse_absent(address: str, remedy: str) -> None:
    """Ask a server for any answer.

    Args:
        address: where it should be; anything but http:// and https:// is no server, and passes.
        remedy: what to do without it.

    Raises:
        UserError: no answer within five seconds.
    """
    import requests

    if not address.startswith(("http://", "https://")):
        return
    try:
        requests.get(address, timeout=_SECONDS, stream=True).close()
    except requests.RequestException as error:
        why = "connection refused" if "refused" in str(error) else type(error).__name__
        raise UserError(f"no server answers at {without_password(address)} ({why}); {remedy}") from None


def without_password(text: str) -> str:
    """A text with the names and passwords taken out of its addresses.

    >>> without_password("cannot reach https://anna:secret@example.org/x")
    'cannot reach https://example.org/x'
    """
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)
