"""Points from a file, tile by tile: text, `.npy` (memory map) and `.npz` (stream)."""

import math
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.lib import format as npy

from fastjac._cli.errors import CommandError


@dataclass(frozen=True)
class Points:
    """Points of a file. `tiles(n)` gives arrays (n, n_in) in order, the last one may be shorter."""

    batch_shape: tuple
    n_in: int
    tiles: Callable[[int], Iterator[np.ndarray]]

    @property
    def n_points(self):
        return math.prod(self.batch_shape)


def open_points(path, key=None):
    """Points of the file at `path`, by its suffix.

    Raises
    ------
    CommandError
        If the content is not what the suffix says.
    OSError
        If the file cannot be opened.
    """
    suffix = os.path.splitext(path)[1].lower()
    if key is not None and suffix != ".npz":
        raise CommandError(f"expected points in a .npz file with --key, got {path!r}")
    with open(path, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise CommandError(f"expected points in a regular file, which can be read twice, got {path!r}")
    return {".npy": _npy_points, ".npz": lambda path: _npz_points(path, key)}.get(suffix, _text_points)(path)


def _npy_points(path):
    try:
        array = npy.open_memmap(path, mode="r")
    except ValueError as error:
        raise CommandError(f"{path}: expected a .npy file with numbers, got: {error}") from error
    _check(path, array.shape, array.dtype)
    if array.ndim > 2 and not array.flags.c_contiguous:
        raise CommandError(f"{path}: expected more than two dimensions in C order, got Fortran order")
    points = Points(array.shape[:-1], array.shape[-1], None)
    rows = np.asarray(array).reshape(points.n_points, points.n_in)

    def tiles(n):
        for start in range(0, len(rows), n):
            yield rows[start : start + n]

    return Points(points.batch_shape, points.n_in, tiles)


def _npz_points(path, key):
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if key is None and len(names) != 1:
                raise CommandError(f"{path}: expected one array, or --key with one of {', '.join(names)}")
            key = names[0] if key is None else key
            if key not in names:
                raise CommandError(f"{path}: expected --key with one of {', '.join(names)}, got {key!r}")
            with archive.open(key + ".npy") as stream:
                shape, fortran_order, dtype = _read_header(stream)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, RuntimeError, EOFError) as error:
        raise CommandError(f"{path}: expected a NumPy archive (.npz), got: {error}") from error
    _check(path, shape, dtype)
    if fortran_order and len(shape) > 1:
        raise CommandError(
            f"{path}: expected {key!r} in C order, which can be read row by row, "
            "got Fortran order; save it as .npy"
        )
    n_in = shape[-1]

    def tiles(n):
        with zipfile.ZipFile(path) as archive, archive.open(key + ".npy") as stream:
            _read_header(stream)
            left = points.n_points
            while left:
                k = min(n, left)
                n_bytes = k * n_in * dtype.itemsize
                try:
                    data = stream.read(n_bytes)
                except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                    raise CommandError(f"{path}: expected {key!r} undamaged, got: {error}") from error
                if len(data) != n_bytes:
                    raise CommandError(
                        f"{path}: expected {points.n_points} points in {key!r}, "
                        f"got the end of the data {left} points before"
                    )
                yield np.frombuffer(data, dtype).reshape(k, n_in)
                left -= k

    points = Points(shape[:-1], n_in, tiles)
    return points


def _read_header(stream):
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    return npy.read_array_header_2_0(stream)


def _check(path, shape, dtype):
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise CommandError(f"{path}: expected points as float32, float64 or integers, got dtype {dtype}")
    if len(shape) == 0 or shape[-1] == 0:
        raise CommandError(f"{path}: expected points of shape (..., n_in), got shape {shape}")


def _text_points(path):
    # Two passes: the first counts and checks, so that faults are found before any work is done and
    # the result can be laid out.
    n_points, n_in = 0, None
    for number, fields in _records(path):
        n_in = len(fields) if n_in is None else n_in
        if len(fields) != n_in:
            raise CommandError(f"{path}, line {number}: expected {n_in} numbers as before, got {len(fields)}")
        _numbers(path, number, fields)
        n_points += 1
    if n_in is None:
        raise CommandError(f"{path}: expected one point per line, got no numbers at all")

    def tiles(n):
        records = _records(path)
        left = n_points
        while left:
            rows = [_numbers(path, number, fields) for number, fields in islice(records, min(n, left))]
            if len(rows) != min(n, left) or any(len(row) != n_in for row in rows):
                raise CommandError(f"{path}: expected the file to stay as it is, got a change while reading")
            yield np.array(rows)
            left -= len(rows)

    return Points((n_points,), n_in, tiles)


def _records(path):
    """Line number and fields of each point, without comments, empty lines and a first line of names."""
    first = True
    with open(path, encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, start=1):
                line = line.partition("#")[0].strip()
                if not line:
                    continue
                fields = line.removesuffix(",").split(",") if "," in line else line.split()
                if not (first and not any(map(_is_number, fields))):
                    yield number, fields
                first = False
        except UnicodeDecodeError as error:
            raise CommandError(
                f"{path}: expected text in UTF-8 (or a .npy, .npz file), "
                f"got the byte 0x{error.object[error.start]:02x}"
            ) from error


def _is_number(field):
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # a number to Python, a name to everybody else


def _numbers(path, number, fields):
    for field in fields:
        if not _is_number(field):
            raise CommandError(f"{path}, line {number}: expected a number, got {field.strip()[:40]!r}")
    return [float(field) for field in fields]
