"""Networks of named arrays: which of them belong to a layer, and in which order the layers are."""

import re
from collections.abc import Mapping

from fastjac.formats.objects import as_array, fail, make_dense, make_network

NUMBER = re.compile(r"\d+")


def make_from_arrays(arrays, weight, transposed, activations, order, place, dtype):
    """Network of arrays "layer.weight" and "layer.bias".

    Parameters
    ----------
    arrays : dict of str to array
    weight : str
        Last part of the names of weights.
    transposed : bool
        Whether weights are (n_out, n_in).
    activations : str, or sequence of str or (str, dict)
    order : sequence of str or None
    place : str
        For messages.
    dtype : float32, float64 or None
    """
    layers = {}
    for key, array in arrays.items():
        layer, _, part = str(key).rpartition(".")
        if part not in (weight, "bias"):
            fail(place, f"names that end in {weight!r} or 'bias'", f"{key!r}")
        layers.setdefault(layer, {})[part] = as_array(array, f"{place}: {key!r}")
    if not layers:
        fail(place, "at least one layer", "no arrays")
    for layer, parts in layers.items():
        _check(layer, parts, weight, place)
    names = _ordered(list(layers), order, place)
    chosen = _activations(activations, len(names), place)
    dense = []
    for name, (activation, parameters) in zip(names, chosen):
        W = layers[name][weight]
        at = f"{place}: layer {name!r}"
        W = W.T if transposed else W
        dense.append((at, make_dense(W, layers[name].get("bias"), at, activation, **parameters)))
    return make_network(dense, place, dtype)


def _check(layer, parts, weight, place):
    if weight not in parts:
        fail(f"{place}: layer {layer!r}", f"{weight!r} beside 'bias'", "none")
    if parts[weight].ndim != 2:
        fail(
            f"{place}: layer {layer!r}",
            f"a dense layer, with {weight!r} of two dimensions",
            f"shape {parts[weight].shape}",
        )


def _ordered(names, order, place):
    """The names of layers from input to output: as given, or by the numbers in them, 2 before 10."""
    if order is not None:
        if sorted(order) != sorted(names):
            fail(place, f"order= with each of the layers {', '.join(map(repr, names))} once", f"{list(order)}")
        return list(order)
    kinds = dict.fromkeys(NUMBER.sub("#", name) for name in names)
    if len(kinds) > 1:
        # Mappings are sorted by name, as often as not: neither names nor their order are evidence.
        fail(
            place,
            "order=, the layers from input to output, where their names differ in more than numbers",
            f"none for {', '.join(map(repr, names))}",
        )
    return sorted(names, key=lambda name: [int(number) for number in NUMBER.findall(name)])


def _activations(activations, n_layers, place):
    """Pairs (name, parameters), one for each layer."""
    if isinstance(activations, str):
        return [(activations, {})] * (n_layers - 1) + [("identity", {})]
    pairs = [(entry, {}) if isinstance(entry, str) else entry for entry in activations]
    for entry in pairs:
        if not (len(entry) == 2 and isinstance(entry[1], Mapping)):
            fail(place, "activations as names or pairs (name, parameters)", f"{entry!r}")
    if len(pairs) != n_layers:
        fail(place, f"{n_layers} activations, one for each layer", f"{len(pairs)}")
    return pairs
