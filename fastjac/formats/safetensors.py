"""The files that `Network.save` writes; `fastjac.saving` describes them.

Nothing in a file is believed before it is checked: sizes against the bytes that are there, every key against those
that are known. Each array is used once, so that the memory a network takes is bounded by the size of its file.
"""

import math
import os
import re

import numpy as np

from fastjac import activations, saving
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.strict_json import as_object, fail, parse, take
from fastjac.layer import Layer
from fastjac.network import Network
from fastjac.parts import Affine

NETWORK_KEYS = ("dtype", "engine", "order", "activity", "layers", "notes")


def from_safetensors(path, *, dtype=None):
    """Network that `Network.save` wrote.

    Parameters
    ----------
    path : str or path-like
    dtype : float32, float64 or None
        Of the network; None means the one it was saved with.

    Returns
    -------
    Network
        With the same bits in every result, unless `dtype` is another, and its names and units.

    Raises
    ------
    ModelFormatError
        If the file is damaged, or was not written by `Network.save`.
    OSError
        If the file cannot be opened.
    """
    description, arrays = _read(path)
    layers = [
        _layer(f"{path}: layer {k} of {len(description['layers'])}", layer, arrays)
        for k, layer in enumerate(description["layers"], 1)
    ]
    if arrays:
        fail(path, "arrays that the layers name", f"{next(iter(arrays))!r} beside them")
    dense = [layer for layer in layers if isinstance(layer, Layer)]
    fault = dense and saving.fault_in_notes(description["notes"], dense[0].n_in, dense[-1].n_out)
    if fault:
        raise ModelFormatError(f"{path}: {fault}")
    try:
        net = Network(
            layers, dtype=description["dtype"], engine=description["engine"],
            order=_as_tuples(description["order"]), activity=_as_tuples(description["activity"]),
            **saving.names_among(description["notes"]),
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path}: {error}") from error
    try:
        return net if dtype is None else net._in_dtype(dtype)
    except ValueError as error:
        raise ModelFormatError(f"{path}: {error}") from error


def read_notes(path):
    """The notes in the file: dictionary name -> text, or list of texts; raises as `from_safetensors`."""
    return _read(path)[0]["notes"]


# ---------------------------------------------------------------- the container


def read_arrays(path):
    """Arrays and metadata of a file in the layout of safetensors, each a dictionary.

    Raises
    ------
    ModelFormatError
        If it is none: the sizes do not fit, arrays overlap or leave a gap, or are neither float32 nor float64.
    OSError
        If the file cannot be opened.
    """
    with open(path, "rb") as file:
        n_left = os.fstat(file.fileno()).st_size - 8
        n_header = int.from_bytes(file.read(8), "little")
        if n_header > min(n_left, saving.MAX_HEADER_NBYTES):
            fail(path, f"a header of at most {max(0, min(n_left, saving.MAX_HEADER_NBYTES))} bytes", f"{n_header}")
        entries = parse(path, file.read(n_header))
        metadata = entries.pop("__metadata__", {})
        if not all(isinstance(text, str) for text in as_object(path, metadata, "__metadata__").values()):
            fail(path, "texts in '__metadata__'", "something else")
        return _read_arrays(path, file, entries, n_left - n_header), metadata


def _read_arrays(path, file, entries, n_bytes):
    places = []
    for name, entry in entries.items():
        where = f"{path}: array {name!r}"
        dtype, shape, offsets = take(where, entry, ("dtype", "shape", "data_offsets"))
        if not (isinstance(dtype, str) and dtype in saving.DTYPES):
            fail(where, f"dtype {' or '.join(saving.DTYPES)}", f"{dtype!r:.40}")
        if not (_is_integers(shape) and 1 <= len(shape) <= 2 and min(shape) >= 1):
            fail(where, "a shape of one or two integers >= 1", f"{shape!r:.80}")
        if not (_is_integers(offsets) and len(offsets) == 2):
            fail(where, "two integers as data_offsets", f"{offsets!r:.80}")
        n_expected = math.prod(shape) * saving.DTYPES[dtype].itemsize
        if offsets[1] - offsets[0] != n_expected:
            fail(where, f"data_offsets {n_expected} bytes apart for {dtype} of shape {shape}", offsets)
        places.append((offsets, name, shape, saving.DTYPES[dtype]))
    places.sort()
    end = 0
    for offsets, name, *_ in places:
        if offsets[0] != end:
            fail(f"{path}: array {name!r}", f"data_offsets from {end} on, where the array before it ends", offsets[0])
        end = offsets[1]
    if end != n_bytes:
        fail(path, f"{end} bytes of arrays", n_bytes)
    arrays = {}
    for _, name, shape, dtype in places:
        array = np.fromfile(file, dtype, math.prod(shape))
        if array.size != math.prod(shape):
            fail(f"{path}: array {name!r}", f"{math.prod(shape)} numbers", array.size)
        arrays[name] = array.reshape(shape)
    return arrays


def _is_integers(value):
    return isinstance(value, list) and all(type(n) is int for n in value)


# ---------------------------------------------------------------- the description


def _read(path):
    """Description and arrays."""
    arrays, metadata = read_arrays(path)
    if metadata.get("format") != saving.FORMAT:
        fail(path, "a file that Network.save wrote", f"format {metadata.get('format')!r} in its metadata; "
              "arrays of other libraries have names, but do not say what is done with them")
    version = metadata.get("version", "")
    if not re.fullmatch("[1-9][0-9]{0,8}", version, re.ASCII) or int(version) > saving.VERSION:
        fail(path, f"version {saving.VERSION} of the format or older", f"{version[:20]!r}, written by a newer fastjac")
    take(path, metadata, ("format", "version", "network"))
    description = parse(path, metadata["network"])
    take(path, description, NETWORK_KEYS)
    if description["dtype"] not in ("float32", "float64"):
        fail(path, "float32 or float64 as 'dtype'", f"{description['dtype']!r:.40}")
    if not isinstance(description["layers"], list):
        fail(path, "a list as 'layers'", type(description["layers"]).__name__)
    for name, note in as_object(path, description["notes"], "notes").items():
        if not all(saving.is_text(name, text) for text in (note if isinstance(note, list) else [note])):
            fail(path, f"text or a list of texts as the note {name!r}", f"{note!r:.40}")
    return description, arrays


def _layer(where, entry, arrays):
    kind = entry.get("kind") if isinstance(entry, dict) else None
    try:
        if kind == "affine":
            _, center = take(where, entry, ("kind", "center"))
            return Affine(center=_numbers(where, center, arrays))
        if kind != "dense":
            fail(where, "the kind 'dense' or 'affine'", f"{kind!r:.40}")
        _, W, activation, b, n_carried, skips, parameters = take(
            where, entry, ("kind", "W", "activation"), ("b", "n_carried", "skips", "parameters"))
        known = activations.find(activation).parameters
        parameters = {} if parameters is None else as_object(where, parameters, "parameters")
        for name in parameters:
            if name not in known:
                fail(where, f"parameters of {activation}", f"{name!r}")
        parameters = {name: _numbers(where, value, arrays) for name, value in parameters.items()}
        return Layer(
            _numbers(where, W, arrays), None if b is None else _numbers(where, b, arrays), activation,
            n_carried=0 if n_carried is None else n_carried, skips=False if skips is None else skips, **parameters)
    except ModelFormatError:
        raise
    except (TypeError, ValueError) as error:
        raise ModelFormatError(f"{where}: {error}") from error


def _numbers(where, entry, arrays):
    """A number, or the array of that name, which is taken out."""
    if isinstance(entry, int | float) and not isinstance(entry, bool):
        return entry
    if not isinstance(entry, str):
        fail(where, "a number or the name of an array", f"{entry!r:.40}")
    if entry not in arrays:
        fail(where, "the name of an array that no other entry names", f"{entry[:80]!r}")
    return arrays.pop(entry)


def _as_tuples(value):
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
