"""Plain NumPy archives (`.npz`): named arrays of numbers or text, never Python objects.

`numpy.load` would believe the shape in an array's header and allocate for it; here every size is
checked against the bytes that are really there first.
"""

import errno
import warnings
import zlib
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy

from fastjac._replacing import replacing
from fastjac.formats.errors import ModelFormatError

# What deflate can make of a few bytes is limited for weights; anything beyond is a zip bomb.
LARGEST_RATIO = 100
FREE_NBYTES = 10 * 2**20


def read_archive(path):
    """Dictionary of the arrays in the archive at `path`, in the order of the file.

    Raises
    ------
    ModelFormatError
        If it is not an archive of plain arrays; the message names the array.
    OSError
        If the file cannot be opened.
    """
    import zipfile  # not at import: it costs as much as a tenth of NumPy

    arrays = {}
    with open(path, "rb") as file, damage_as_error(path, "a NumPy archive (.npz)"), zipfile.ZipFile(file) as archive:
        check_sizes(path, archive.infolist())
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise ModelFormatError(f"{path}: expected arrays (.npy) only, got {name!r}")
            if name in arrays:
                raise ModelFormatError(f"{path}: expected one array {name!r}, got two")
            with archive.open(member) as stream:
                arrays[name] = _read_array(f"{path}: array {name!r}", stream, member.file_size)
    return arrays


@contextmanager
def damage_as_error(path, expected):
    """A damaged zip archive surfaces as one of many errors, by where the damage is; all become ModelFormatError."""
    import zipfile

    try:
        yield
    except ModelFormatError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # that one is a seek to where a damaged directory points
            raise
        raise ModelFormatError(f"{path}: expected {expected}, got a damaged one") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise ModelFormatError(f"{path}: expected {expected}, got: {error!s:.200}") from error


def check_sizes(path, members):
    """Raise where members of an archive would grow to what no weights can be compressed from."""
    n_bytes = sum(member.file_size for member in members)
    n_compressed = sum(member.compress_size for member in members)
    if n_bytes > LARGEST_RATIO * n_compressed + FREE_NBYTES:
        raise ModelFormatError(
            f"{path}: expected arrays compressed at most {LARGEST_RATIO} times, "
            f"got {n_bytes} bytes in {n_compressed}"
        )


def _read_array(where, stream, n_bytes):
    try:
        version = npy.read_magic(stream)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy repairs some headers and warns: not ours to believe
            shape, fortran_order, dtype = read_header(stream)
    except KeyError:
        raise ModelFormatError(f"{where}: expected version 1.0 or 2.0 of the format, got {version}") from None
    except Exception as error:  # the header is parsed as Python: damaged text can raise nearly anything
        raise ModelFormatError(f"{where}: expected the header of an array, got: {error!s:.200}") from error
    if dtype.kind not in "fiuU" or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
        raise ModelFormatError(f"{where}: expected float32, float64, integers or text, got dtype {dtype!s:.200}")
    if dtype.byteorder == ">":
        raise ModelFormatError(f"{where}: expected little-endian numbers, got dtype {dtype.str}")
    expected, got = dtype.itemsize, n_bytes - stream.tell()
    for n in shape:  # Python integers do not overflow
        if n < 0:
            raise ModelFormatError(f"{where}: expected a shape of sizes >= 0, got {shape}")
        expected *= n
    if expected != got:
        raise ModelFormatError(f"{where}: expected {expected} bytes for {dtype} of shape {shape}, got {got}")
    data = stream.read(expected)  # and not all that it can be unpacked to
    if len(data) != expected:
        raise ModelFormatError(f"{where}: expected {expected} bytes, got {len(data)}")
    if dtype.itemsize == 0 or not data:
        return np.zeros(shape, dtype)
    if dtype.kind == "U":
        codes = np.frombuffer(data, "<u4")
        if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise ModelFormatError(f"{where}: expected text, got numbers that are no characters")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def write_archive(path, arrays):
    """Write a dictionary of arrays; the same arrays give the same bytes.

    The file appears complete or not at all: whatever stood at `path` is replaced at the end.
    """
    import zipfile

    with replacing(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, array in arrays.items():
            # Bare ZipInfo: its date is fixed, that of the file system would change the bytes.
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as stream:
                npy.write_array(
                    stream, array.astype(array.dtype.newbyteorder("<")), version=(1, 0), allow_pickle=False
                )
