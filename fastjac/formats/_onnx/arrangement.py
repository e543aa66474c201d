"""Rules of the operators that give the same numbers: as another type, in another shape or order, side by side."""

import numpy as np

from fastjac.formats._onnx import shapes, spellings
from fastjac.formats._onnx.arithmetic import sum_of
from fastjac.formats._onnx.messages import BOOL, DOUBLE, FLOAT, type_name
from fastjac.formats._onnx.values import Dense, Select, Value
from fastjac.formats.links import MOST_PLACED


def unchanged(node):
    return node.value


def dropout(node):
    training = node.optional(2)
    node.require(training is None or not np.any(training), "evaluation mode", "training_mode = true")
    return node.inputs[0]


def cast(node):
    value, to = node.value, node.attribute("to", 0)
    if to == BOOL and spellings.is_unary(value.link.step, "above"):
        return value
    node.require(to in (FLOAT, DOUBLE) and not spellings.is_unary(value.link.step, "above"),
                 "a conversion to float or double", f"to {type_name(to)}")
    return Value(value.link, value.shape, np.dtype(np.float32 if to == FLOAT else np.float64))


def seen_as(node, shape):
    return Value(node.value.link, tuple(shape), node.value.dtype)


def reshape(node):
    target = node.integers("shape", 1)
    node.require(target is not None, "a constant shape", "none")
    return seen_as(node, shapes.reshaped(node.value.shape, target, node.n_points, node.attribute("allowzero", 0)))


def flatten(node):
    return seen_as(node, shapes.flattened(node.value.shape, node.attribute("axis", 1), node.n_points))


def squeeze(node):
    return seen_as(node, shapes.squeezed(node.value.shape, node.integers("axes", 1), node.n_points))


def unsqueeze(node):
    axes = node.integers("axes", 1)
    node.require(axes, "axes", "none")
    return seen_as(node, shapes.unsqueezed(node.value.shape, axes))


def picked(node, units, shape):
    """The units with the numbers in the array `units`, in that order."""
    value, indices = node.value, units.ravel()
    node.require(indices.size > 0, "at least one number of a point", 0)
    if np.array_equal(indices, np.arange(value.link.n)):
        return seen_as(node, shape)
    return node.then(value, Select(indices), n=indices.size, shape=shape)


def transpose(node):
    shape = node.value.shape
    perm = node.integers("perm", 1)
    perm = list(range(len(shape)))[::-1] if perm is None else perm
    node.require(sorted(perm) == list(range(len(shape))), f"a permutation of {len(shape)} axes", perm)
    return picked(node, shapes.units(shape).transpose(perm), [shape[i] for i in perm])


def gather(node):
    value, indices = node.value, node.constant(1)
    node.require(indices.dtype.kind == "i", "integers as indices", indices.dtype)
    axis = shapes.unit_axis(value.shape, node.attribute("axis", 0))
    size = value.shape[axis]
    node.require(np.all((indices >= -size) & (indices < size)), f"indices from {-size} to {size - 1}", "others")
    units = np.take(shapes.units(value.shape), indices, axis)
    shape = value.shape[:axis] + indices.shape + value.shape[axis + 1 :]
    return picked(node, units, shape)


SLICE = ("starts", "ends", "axes", "steps")


def sliced(node):
    value = node.value
    starts, ends, axes, steps = (node.integers(name, i) for i, name in enumerate(SLICE, 1))
    axes = range(len(starts or ())) if axes is None else axes
    steps = [1] * len(starts or ()) if steps is None else steps
    node.require(starts and ends and len(starts) == len(ends) == len(axes) == len(steps), "as many starts as ends",
                 f"{starts} and {ends}")
    units, shape = shapes.units(value.shape), list(value.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        node.require(step != 0, "steps other than 0", 0)
        axis = shapes.unit_axis(value.shape, axis)
        # An end far below zero means "up to the first" where the step is negative.
        end = None if step < 0 and end < -shape[axis] else end
        units = units[(slice(None),) * axis + (slice(start, end, step),)]
        shape[axis] = units.shape[axis]
    return picked(node, units, shape)


def concat(node):
    """[u, v, ...] as the sum of u and v, each put in its place among zeros."""
    values = node.operands()
    node.require(all(isinstance(value, Value) for value in values), "values that depend on the input",
                 "constants among them")
    first = values[0]
    axis = shapes.unit_axis(first.shape, node.attribute("axis", 1))
    for value in values:
        node.require(len(value.shape) == len(first.shape) and value.shape[axis] == value.link.n,
                     f"vectors along axis {axis}", shapes.text(value.shape))
    n = sum(value.link.n for value in values)
    shape = first.shape[:axis] + (n,) + first.shape[axis + 1 :]
    result, at = None, 0
    for value in values:
        node.require(n * value.link.n <= MOST_PLACED, f"at most {MOST_PLACED} entries in a layer that puts together", n)
        W = np.zeros((value.link.n, n), value.dtype)
        W[np.arange(value.link.n), at + np.arange(value.link.n)] = 1
        at += value.link.n
        placed = node.then(value, Dense(W), n=n, shape=shape)
        result = placed if result is None else sum_of(node, result, placed)
    return result


def shape_of(node):
    shape = node.value.shape
    return np.array(shape[node.attribute("start", 0) : node.attribute("end", len(shape))], np.int64)
