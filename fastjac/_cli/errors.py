"""The error that a command shows as one line."""


class CommandError(Exception):
    """Something the user can put right; the message says what was expected and what came."""
