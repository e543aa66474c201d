"""Results to a file, tile by tile: `.npy` (memory map), `.txt` and `.csv`."""

import csv
import errno
import math
import os
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy

from fastjac._cli.errors import CommandError
from fastjac._replacing import replacing

SUFFIXES = (".npy", ".txt", ".csv")
# Shortest that every float of the type survives.
NUMBER = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}


def check_suffix(path):
    if os.path.splitext(path)[1].lower() not in SUFFIXES:
        raise CommandError(f"expected a file {', '.join(SUFFIXES)} to write to, got {path!r}")


@contextmanager
def open_result(path, batch_shape, shape, dtype, names):
    """Give an object whose `rows(n)` are the next n results, each of `shape`, to be filled in.

    `done()` after each filling. The file takes its name at the end of the block, complete, or
    never. `names` are those of the entries of one result, for the first line of a text.
    """
    with replacing(path) as part:
        if os.path.splitext(path)[1].lower() == ".npy":
            result = _Npy(path, part, batch_shape, shape, dtype)
        else:
            result = _Text(part, shape, dtype, names, is_csv=path.lower().endswith(".csv"))
        try:
            yield result
        finally:
            result.close()


class _Npy:
    def __init__(self, path, part, batch_shape, shape, dtype):
        shape_of_file = batch_shape + shape
        try:
            array = npy.open_memmap(part, mode="w+", dtype=dtype, shape=shape_of_file)
            _reserve(part)
        except OSError as error:
            n_bytes = math.prod(shape_of_file) * dtype.itemsize
            raise CommandError(
                f"{path}: expected room for {n_bytes} bytes of results, got: {error.strerror}"
            ) from error
        self._rows = np.asarray(array).reshape(math.prod(batch_shape), *shape)
        self._start = 0

    def rows(self, n):
        """The place of the results in the file itself."""
        self._start += n
        return self._rows[self._start - n : self._start]

    def done(self):
        pass

    def close(self):
        self._rows = None  # the last reference to the map: it is written and closed


class _Text:
    def __init__(self, part, shape, dtype, names, is_csv):
        self._file = open(part, "w", encoding="utf-8", newline="\n")
        self._shape, self._dtype = shape, dtype
        self._separator = "," if is_csv else " "
        self._file.write("" if is_csv else "# ")
        # Names with a separator are quoted; what would end the line is not part of a name here.
        csv.writer(self._file, delimiter=self._separator, lineterminator="\n").writerow(
            " ".join(name.splitlines()) for name in names)

    def rows(self, n):
        self._tile = np.empty((n, *self._shape), self._dtype)
        return self._tile

    def done(self):
        np.savetxt(
            self._file,
            self._tile.reshape(len(self._tile), -1),
            fmt=NUMBER[self._dtype],
            delimiter=self._separator,
        )

    def close(self):
        self._file.close()


def _reserve(path):
    """Take the disk space now: on a full disk a write through a memory map ends the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(path, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system without it
                raise
