"""The error of every reader of network files."""


class ModelFormatError(ValueError):
    """The content of a file is not what its format says it is.

    The message names the file, the place in it, what was expected and what came. A file that
    cannot be opened at all (missing, a directory, no permission) raises the `OSError` instead.
    """
