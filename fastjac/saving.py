"""Networks to files: arrays in the layout of safetensors, and a description that makes the same network of them.

    8 bytes   N, little-endian
    N bytes   JSON in UTF-8, blanks at its end: {"__metadata__": {...}, "1.W": {"dtype": "F64", "shape": [3, 5],
              "data_offsets": [0, 120]}, ...}
    the rest  the arrays one after the other, in C order, little-endian; float64 first, so that all are aligned

The metadata hold texts: "format" is "fastjac", "version" a number, and "network" is JSON again: the options of the
network, its layers from the input to the output, and notes. Where a layer could hold numbers, text is the name of
an array.
"""

import json
import os

import numpy as np

from fastjac._names import KINDS, as_names
from fastjac._replacing import replacing

FORMAT = "fastjac"
VERSION = 1

# A reader takes the length of the header from the file and must not allocate whatever stands there.
MAX_HEADER_NBYTES = 2**20

DTYPES = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4")}


def save(net, path, notes):
    """Write a network and a dictionary of notes; `Network.save` says how."""
    if not os.fsdecode(path).lower().endswith(".safetensors"):
        raise ValueError(f"path: expected a file .safetensors, got {os.fsdecode(path)!r}")
    arrays = {}
    description = describe(net, checked_notes(notes, net), arrays)
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    header = make_header(description, arrays)
    with replacing(path) as part, open(part, "wb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for array in arrays.values():
            file.write(array.data)


def describe(net, notes, arrays):
    """What a network is, for JSON; its arrays are put into the dictionary `arrays`."""
    layers = []
    if net.center is not None:
        layers.append({"kind": "affine", "center": put(net.center, net.dtype, "1.center", arrays)})
    for k, layer in enumerate(net.layers, len(layers) + 1):
        entry = {"kind": "dense", "W": put(layer.W, net.dtype, f"{k}.W", arrays)}
        if layer.b is not None:
            entry["b"] = put(layer.b, net.dtype, f"{k}.b", arrays)
        entry["activation"] = layer.activation
        if layer.n_carried:
            entry["n_carried"] = layer.n_carried
        if layer.skips:
            entry["skips"] = True
        if layer.parameters:
            entry["parameters"] = {
                name: value if np.ndim(value) == 0 else put(value, np.float64, f"{k}.{name}", arrays)
                for name, value in layer.parameters.items()
            }
        layers.append(entry)
    return {
        "dtype": net.dtype.name, "engine": net.engine, "order": net.order, "activity": net.activity,
        "layers": layers, "notes": notes,
    }


def put(array, dtype, name, arrays):
    """Put an array under a name; the network computes with its numbers in `dtype`."""
    arrays[name] = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    return name


def make_header(description, arrays):
    """The JSON before the arrays; as the format has it, its length is a multiple of 8 for their sake."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    metadata = {"format": FORMAT, "version": str(VERSION), "network": dumps(description)}
    entries, end = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        entries[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": (start, end)}
    try:
        header = dumps(entries).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"expected notes that UTF-8 can hold, got {error.object[error.start]!r}") from None
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER_NBYTES:
        raise ValueError(
            f"expected layers and notes that are described by at most {MAX_HEADER_NBYTES} bytes, got {len(header)}")
    return header


def dumps(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def checked_notes(notes, net):
    """The notes as text and lists of texts, among them the names and units of the network."""
    notes = notes | {kind: names for kind, names in own_notes(net).items() if kind not in notes}
    notes = {name: note if isinstance(note, str) else as_texts(name, note) for name, note in notes.items()}
    fault = fault_in_notes(notes, net.n_in, net.n_out)
    if fault:
        raise ValueError(fault)
    return notes


def own_notes(net):
    """Names and units that the network has, by the names of notes."""
    return {kind: list(getattr(net, kind)) for kind in KINDS if getattr(net, kind) is not None}


def names_among(notes):
    """The notes that are names and units of a network."""
    return {kind: notes[kind] for kind in KINDS if kind in notes}


def as_texts(name, note):
    """A list of texts; names of inputs and outputs may be integers."""
    texts = [text.item() if isinstance(text, np.generic) else text for text in note] if np.iterable(note) else [None]
    if not all(is_text(name, text) for text in texts):
        raise TypeError(f"expected text or a sequence of texts for the note {name!r}, got {note!r}")
    return texts


def is_text(name, text):
    return isinstance(text, str) or (name.startswith("names_") and type(text) is int)


def fault_in_notes(notes, n_in, n_out):
    """What is wrong with the notes that have one entry per input or output, or None."""
    for side, n in (("in", n_in), ("out", n_out)):
        for key in (f"names_{side}", f"units_{side}"):
            if key in notes and np.shape(notes[key]) != (n,):
                shape = np.shape(notes[key])
                return f"expected {key!r} with one text for each of {n} {side}puts, got shape {shape}"
            try:
                as_names(notes.get(key), n, key)
            except (TypeError, ValueError) as error:
                return str(error)
    return None
