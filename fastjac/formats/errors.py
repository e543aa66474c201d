"""The error of every reader of network files."""

LONGEST = 2000  # characters of a message; a name or a shape in a damaged file can have millions


class ModelFormatError(ValueError):
    """The content of a file is not what its format says it is.

    The message names the file, the place in it, what was expected and what came. A file that
    cannot be opened at all (missing, a directory, no permission) raises the `OSError` instead.
    """

    def __init__(self, message):
        if len(message) > LONGEST:
            half = LONGEST // 2 - 3
            message = f"{message[:half]} ... {message[-half:]}"
        super().__init__(message)
