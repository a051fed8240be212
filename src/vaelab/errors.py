"""The one error that a user's input can cause."""


class UserError(ValueError):
    """Input that cannot be used: one line that names what, its value and the remedy.

    The command line prints the message and exits with code 2; from Python it is a `ValueError`.
    """
