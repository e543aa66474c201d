"""Writing a file so that nobody ever sees half of it."""

import os
import stat
from contextlib import contextmanager, suppress


@contextmanager
def replacing(path):
    """Give the path of a new, empty file beside `path`; at the end it takes the place of `path`.

    If the block raises, the new file is removed and whatever stood at `path` is left as it was.
    A symbolic link is followed: what it points to is replaced, not the link.

    Raises
    ------
    OSError
        If the folder cannot be written, or `path` is there and is not a regular file.
    """
    target = os.path.realpath(path)
    if os.path.lexists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise OSError(f"expected a regular file to write to, got {os.fspath(path)!r}")
    folder, name = os.path.split(target)
    part = os.path.join(folder, f".{name}.{os.urandom(8).hex()}.part")
    try:
        # Not a file of `tempfile`: those are private to their owner, and a result follows the umask.
        # Within the block, so that a signal right after the file appears removes it, too.
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            error.filename = os.fspath(path)  # the name the caller knows, not the temporary one
            raise
        yield part
        os.replace(part, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
