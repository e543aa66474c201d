"""Networks of Keras 3: Sequential and functional models, with skips, on any backend."""

import math
import re
from typing import NamedTuple

import numpy as np

from fastjac.formats.keras_layers import IDLE, MERGES, METHODS, translated
from fastjac.formats.links import Link, Sum, add_up, check_size, fork, steps_of
from fastjac.formats.objects import dtype_of_weights, errors_at, fail, library_class, make_network
from fastjac.layer import Layer
from fastjac.parts import Affine

# What Keras calls an input that nobody named.
MADE_UP = re.compile(r"(input|input_layer|keras_tensor)(_\d+)?")


def from_keras(model, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a Keras 3 model.

    Parameters
    ----------
    model : keras.Model
        Built: a `Sequential`, or a functional model of one input and one output; models may be layers. The layers are
        `Dense`, `Activation` and the layers of activations, `Normalization`, `BatchNormalization`,
        `LayerNormalization`, `RMSNormalization`, `Rescaling`, `Flatten`; where branches meet `Add`, `Subtract`,
        `Average`, `Concatenate`; and `Dropout` and its kin, which do nothing here. Activations are functions of
        ``keras.activations``, by their names or themselves.
    dtype : float32, float64 or None
        Of the network; None means that of the weights, float32 for half precision.

    Returns
    -------
    Network
        The model as ``predict`` computes it, as a function of flat points. J[i, j] is in units of output i per unit
        of input j. An input of one unit has the name that the model gives it, unless Keras made that up.

    Raises
    ------
    ModelFormatError
        If a layer or an activation is of another kind; the message names the layer.
    """
    root = Link(None, None, "from_keras", _width(model))
    chain = _after(model, _Value(root, _rank(model)), "from_keras").link.chain(root)
    dtype = dtype_of_weights(steps_of(chain)) if dtype is None else dtype
    return make_network(_parts(chain), "from_keras", dtype, _names(model))


def _names(model):
    """The name of an input of one unit, None of a wider one: a tensor's name is not that of its columns."""
    if _width(model) != 1:
        return None
    name = getattr(getattr(model.inputs[0], "_keras_history", (None,))[0], "name", None)
    return None if not isinstance(name, str) or MADE_UP.fullmatch(name) else (name,)


# ---------------------------------------------------------------- what follows what


class _Value(NamedTuple):
    """What a tensor holds: a link, whose step is a part or a `Sum`, and the number of dimensions of a batch."""

    link: Link
    rank: int


def _width(model):
    """Units of a point, None where the model does not say."""
    inputs = getattr(model, "inputs", None)
    sizes = inputs[0].shape[1:] if inputs else (None,)
    return None if None in sizes else math.prod(sizes)


def _rank(model):
    """Number of dimensions of a batch of points."""
    inputs = getattr(model, "inputs", None)
    return len(inputs[0].shape) if inputs else 2


def _after(layer, value, place):
    """The value that a layer or a model makes of one."""
    name = library_class(layer, "keras", METHODS, place)
    if name == "Sequential":
        for inner in layer.layers:
            value = _after(inner, value, _place_of(inner, place))
        return value
    if name == "Functional":
        return _output(layer, value, place)
    at = f"{place} ({name})"
    if name == "Flatten":
        return _Value(value.link, 2)
    if name not in (*IDLE, "Rescaling") and value.rank != 2:
        fail(at, "points with one dimension, after Flatten if they have more", f"{value.rank - 1}")
    link = value.link
    with errors_at(at):
        for part in translated(layer, name, at):
            link = Link(link, part, at, part.n_out if isinstance(part, Layer) else link.n)
    return _Value(link, value.rank)


def _place_of(layer, place):
    return f"{place}: layer {getattr(layer, 'name', '')!r}"


def _output(model, value, place):
    """The output of a functional model; a loop, as models may be deep."""
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        if len(tensors) != 1:
            fail(place, f"one {kind}", f"{len(tensors)}")
    values, stack, entered = {id(model.inputs[0]): value}, [model.outputs[0]], set()
    while stack:
        tensor = stack[-1]
        if id(tensor) in values:
            stack.pop()
            continue
        layer, node = tensor._keras_history[:2]
        inputs = layer._inbound_nodes[node].input_tensors
        missing = [inner for inner in inputs if id(inner) not in values]
        at = _place_of(layer, place)
        if not missing:
            values[id(tensor)] = _joined(layer, [values[id(inner)] for inner in inputs], at)
        elif id(tensor) in entered:
            fail(at, "layers that do not wait for themselves", "a ring of them")
        else:
            entered.add(id(tensor))
            stack += missing
    return values[id(model.outputs[0])]


def _joined(layer, values, place):
    """The value that a layer makes of one or several."""
    name = library_class(layer, "keras", METHODS, place)
    if len(values) == 1 and name not in MERGES:
        return _after(layer, values[0], place)
    at = f"{place} ({name})"
    # Operations on tensors, as of x + y, have the names of layers, and not always their meaning.
    is_operation = ".ops." in type(layer).__module__
    if name not in MERGES[: 2 if is_operation else None] or len(values) < 2 or (name == "Subtract" and len(values) > 2):
        fail(at, f"a layer with one input, or one of {', '.join(MERGES)} with several", f"{len(values)} inputs")
    if any(value.rank != 2 for value in values):
        fail(at, "points with one dimension, after Flatten if they have more", f"{values[0].rank - 1}")
    links = [value.link for value in values]
    start, *_ = fork(*links)
    if start.n is None or any(link.n is None for link in links):
        fail(at, "a model with an Input, which says how many units there are", "none")
    if name == "Concatenate":
        if layer.axis not in (-1, 1):
            fail(at, "axis=-1, over the units", f"axis={layer.axis}")
        links = _side_by_side(links, at)
    elif len({link.n for link in links}) > 1:
        fail(at, "branches of the same width", " and ".join(str(link.n) for link in links))
    with errors_at(at):
        if name == "Subtract":
            links[1] = Link(links[1], Affine(scale=-1.0), at, links[1].n)
        link = Link(start, Sum(link.chain(start) for link in links), at, links[0].n)
        return _Value(Link(link, Affine(scale=1 / len(links)), at, link.n) if name == "Average" else link, 2)


def _side_by_side(links, place):
    """Each link with its units at their place among zeros."""
    n = sum(link.n for link in links)
    placed, at = [], 0
    for link in links:
        with errors_at(place):
            check_size(link.n, n)
        placed.append(Link(link, Layer(np.eye(link.n, n, at, dtype=np.float32)), place, n))
        at += link.n
    return placed


def _parts(chain):
    """Pairs (place, part) of a chain of links."""
    parts = []
    for link in chain:
        if isinstance(link.step, Sum):
            with errors_at(link.label):
                branches = [[part for _, part in _parts(branch)] for branch in link.step.branches]
                parts += [(link.label, part) for part in add_up(branches, link.parent.n, link.n)]
        else:
            parts.append((link.label, link.step))
    return parts
