"""Shapes of values that depend on the input: one axis may count points, the others make up the units.

A shape is a tuple of sizes with `BATCH` on the axis of points. The units of a point are numbered in C order
over all other axes.
"""

import math

import numpy as np

from fastjac.formats.errors import ModelFormatError

BATCH = -(2**62) - 1  # no size of anything, and recognised when it comes back out of a computed shape

# Sizes that a file merely states, with no numbers behind them, are believed up to here.
MOST_UNITS = 2**20


def n_units(shape):
    return math.prod(n for n in shape if n != BATCH)


def text(shape):
    """For error messages."""
    return "(" + ", ".join("batch" if n == BATCH else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def input_shape(dims):
    """Shape, and the number of points that the file fixes or None, of an input with the dimensions `dims`."""
    sizes = [d.dim_value if d.dim_value > 0 else None for d in dims]
    shape = tuple(sizes) if len(sizes) == 1 else (BATCH, *sizes[1:])
    if not sizes or None in shape or n_units(shape) > MOST_UNITS:
        got = ", ".join(str(d.dim_value or d.dim_param or "?") for d in dims)
        raise ModelFormatError(
            f"expected the shape (batch, n_in), or more axes, with known sizes and n_in <= {MOST_UNITS}, got ({got})"
        )
    return shape, (sizes[0] if len(sizes) > 1 else None)


def units(shape):
    """The numbers of the units in an array of that shape, with size 1 on the axis of points."""
    return np.arange(n_units(shape)).reshape([1 if n == BATCH else n for n in shape])


def without_batch(shape, n_points):
    """The shape with 1 for the axis of points, where the file fixes the number of points to 1."""
    return tuple(1 if n == BATCH else n for n in shape) if n_points == 1 else shape


def reshaped(shape, target, n_points, zero_is_size=False):
    """The shape after Reshape to `target`, which may hold 0, -1, BATCH or a fixed number of points."""
    target = [shape[i] if d == 0 and not zero_is_size and i < len(shape) else int(d) for i, d in enumerate(target)]
    n = n_units(shape)
    if BATCH in shape and BATCH not in target:
        known = math.prod(d for d in target if d != -1)
        if (-1 in target and known == n and target[0] == -1) or (target and target[0] == (n_points or 1)):
            target[0] = BATCH
    if target.count(-1) == 1:
        known = math.prod(d for d in target if d not in (-1, BATCH))
        if known and n % known == 0:
            target[target.index(-1)] = n // known
    if BATCH not in target:
        shape = without_batch(shape, n_points)
    if (min(target, default=1) < 0 and set(target) & {-1}) or n_units(target) != n or not _same_points(shape, target):
        raise ModelFormatError(f"expected a shape that keeps the {n} numbers of a point, got {text(target)} "
                               f"for {text(shape)}")
    return tuple(target)


def _same_points(shape, target):
    """Whether both have the axis of points, before every axis that has more than one unit."""
    def leads(sizes):
        return BATCH not in sizes or math.prod(sizes[: sizes.index(BATCH)]) == 1

    return shape.count(BATCH) == target.count(BATCH) and (tuple(shape) == tuple(target) or (leads(shape) and
                                                          leads(list(target))))


def flattened(shape, axis, n_points):
    """The shape after Flatten."""
    axis = axis + len(shape) if axis < 0 else axis
    head, tail = shape[:axis], shape[axis:]
    if BATCH in tail:
        shape = without_batch(shape, n_points)
        head, tail = shape[:axis], shape[axis:]
    target = (BATCH if BATCH in head else n_units(head), n_units(tail))
    if BATCH in tail or (BATCH in head and n_units(head) != 1):
        raise ModelFormatError(f"expected an axis that keeps points apart, got {axis} for shape {text(shape)}")
    return target


def squeezed(shape, axes, n_points):
    """The shape without the axes given, or without all of size 1."""
    if axes is None:
        gone = {i for i, n in enumerate(shape) if n == 1}
    else:
        gone = {_axis(i, len(shape)) for i in axes}
        if any(shape[i] == BATCH for i in gone):
            shape = without_batch(shape, n_points)
        if any(shape[i] != 1 for i in gone):
            raise ModelFormatError(f"expected axes of size 1, got {[int(i) for i in axes]} of shape {text(shape)}")
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def unsqueezed(shape, axes):
    """The shape with axes of size 1 at the places given."""
    rank = len(shape) + len(axes)
    places = {_axis(i, rank) for i in axes}
    if len(places) != len(axes):
        raise ModelFormatError(f"expected different axes, got {[int(i) for i in axes]}")
    rest = iter(shape)
    return tuple(1 if i in places else next(rest) for i in range(rank))


def _axis(axis, rank):
    if not -rank <= axis < rank:
        raise ModelFormatError(f"expected an axis from {-rank} to {rank - 1}, got {axis}")
    return int(axis) % rank


def unit_axis(shape, axis):
    """The axis as a number from 0, one that does not count points."""
    axis = _axis(axis, len(shape))
    if shape[axis] == BATCH:
        raise ModelFormatError(f"expected an axis of one point, got that of the points, {axis} of {text(shape)}")
    return axis


def aligned(constant, shape):
    """A constant as one number or one per unit, and the shape of its combination with a value of `shape`."""
    shape = (1,) * (constant.ndim - len(shape)) + tuple(shape)
    sizes = [1 if n == BATCH else n for n in shape]
    try:
        fits = np.broadcast_shapes(constant.shape, sizes) == tuple(sizes)
    except ValueError:
        fits = False
    if not fits:
        raise ModelFormatError(f"expected a constant for the shape {text(shape)}, got shape {constant.shape}")
    if constant.size == 1:
        return constant.reshape(()), shape
    if n_units(shape) > MOST_UNITS and constant.size != n_units(shape):
        raise ModelFormatError(f"expected a constant for at most {MOST_UNITS} units, got {n_units(shape)}")
    return np.broadcast_to(constant, sizes).reshape(-1), shape
