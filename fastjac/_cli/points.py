"""Points from a file, tile by tile: text, `.npy` (memory map) and `.npz` (stream)."""

import csv
import math
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.lib import format as npy

from fastjac import _names
from fastjac._cli.errors import CommandError

QUOTED = re.compile('"[^"]*"')


@dataclass(frozen=True)
class Points:
    """Points of a file. `tiles(n)` gives arrays (n, n_in) in order, the last one may be shorter."""

    batch_shape: tuple
    n_in: int
    tiles: Callable[[int], Iterator[np.ndarray]]

    @property
    def n_points(self):
        return math.prod(self.batch_shape)


def open_points(path, key=None, names=None):
    """Points of the file at `path`, by its suffix; the columns of a text with a header by `names`, if there are any.

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
    if suffix == ".npy":
        return _npy_points(path)
    return _npz_points(path, key) if suffix == ".npz" else _text_points(path, names)


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


def _text_points(path, names):
    labels, header = _header(path, names)
    columns = None
    if labels is not None and names is not None:
        try:
            columns = _names.places(names, labels, f"{path}, line {header}").tolist()
        except ValueError as error:
            raise CommandError(str(error)) from error
    # Two passes: the first counts and checks, so that faults are found before any work is done and
    # the result can be laid out.
    n_points, n_fields = 0, None if columns is None else len(labels)
    for number, fields in _records(path, header):
        n_fields = len(fields) if n_fields is None else n_fields
        if len(fields) != n_fields:
            raise CommandError(f"{path}, line {number}: expected {n_fields} numbers as before, got {len(fields)}")
        _numbers(path, number, fields, columns)
        n_points += 1
    if not n_points:
        raise CommandError(f"{path}: expected one point per line, got no numbers at all")
    n_in = n_fields if columns is None else len(columns)

    def tiles(n):
        records = _records(path, header)
        left = n_points
        while left:
            rows = [_numbers(path, number, fields, columns)
                    for number, fields in islice(records, min(n, left)) if len(fields) == n_fields]
            if len(rows) != min(n, left):
                raise CommandError(f"{path}: expected the file to stay as it is, got a change while reading")
            yield np.array(rows)
            left -= len(rows)

    return Points((n_points,), n_in, tiles)


def _header(path, names):
    """Labels of the columns and the number of the line that has them; None and 0 if there is none.

    It is the first line that is not empty, if none of its fields is a number, or all names are among them; or a
    comment before it that is a list of the names.
    """
    names = None if names is None else set(map(str, names))
    for number, line in _lines(path):
        if names is not None and line.startswith("#"):
            fields = [field.strip() for field in _fields(line[1:])]
            if set(fields) == names and len(fields) == len(names):
                return fields, number
        line = line.partition("#")[0].strip()
        if line:
            fields = [field.strip() for field in _fields(line)]
            is_header = not any(map(_is_number, fields)) or (names is not None and names <= set(fields))
            return (fields, number) if is_header else (None, 0)
    return None, 0


def _records(path, header):
    """Line number and fields of each point, without comments, empty lines and the line `header`."""
    for number, line in _lines(path):
        line = line.partition("#")[0].strip()
        if line and number != header:
            yield number, _fields(line)


def _lines(path):
    """Line number and text without blanks around it."""
    with open(path, encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, start=1):
                yield number, line.strip()
        except UnicodeDecodeError as error:
            raise CommandError(
                f"{path}: expected text in UTF-8 (or a .npy, .npz file), "
                f"got the byte 0x{error.object[error.start]:02x}"
            ) from error


def _fields(line):
    """What stands between commas or, without these, between blanks; a field in quotes may hold both."""
    if '"' in line:
        delimiter = "," if "," in QUOTED.sub("", line) else " "
        try:
            return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True), [])
        except csv.Error:  # quotes that mean something else, such as inches
            pass
    return line.removesuffix(",").split(",") if "," in line else line.split()


def _is_number(field):
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # a number to Python, a name to everybody else


def _numbers(path, number, fields, columns=None):
    """The numbers in a line, or in these columns of it."""
    if columns is not None:
        fields = [fields[column] for column in columns]
    for field in fields:
        if not _is_number(field):
            raise CommandError(f"{path}, line {number}: expected a number, got {field.strip()[:40]!r}")
    return [float(field) for field in fields]
