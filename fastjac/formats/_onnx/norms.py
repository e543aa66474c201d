"""Rules of means over the units of a point, and of the normalisations that are made of them."""

from fastjac.formats._onnx import shapes, spellings
from fastjac.formats._onnx.values import Affine, Center, Mean, Norm, Value


def layer_norm(takes_mean):
    """Rule of LayerNormalization and RMSNormalization."""

    def rule(node):
        value = node.value
        axis = node.attribute("axis", -1)
        node.require(-len(value.shape) <= axis < len(value.shape), "an axis of the input", axis)
        normalised = value.shape[axis:]
        node.require(shapes.BATCH not in normalised and shapes.n_units(normalised) == value.link.n,
                     f"an axis from which on there are all {value.link.n} numbers of a point", axis)
        constants = {"scale": node.constant(1)}
        if takes_mean and node.optional(2) is not None:
            constants["shift"] = node.optional(2)
        affine = Affine(**{name: node.numbers(constant, value)[0] for name, constant in constants.items()})
        return node.then(value, Norm(node.real("epsilon", 1e-5), takes_mean), affine)

    return rule


def mean(node):
    value, axes = node.value, node.integers("axes", 1)
    shape = value.shape
    node.require(not node.attribute("noop_with_empty_axes", 0), "noop_with_empty_axes = 0", 1)
    axes = range(len(shape)) if axes is None else [shapes.unit_axis(shape, axis) for axis in axes]
    reduced = [shape[axis] for axis in axes]
    node.require(len(set(axes)) == len(reduced) and shapes.BATCH not in reduced
                 and shapes.n_units(reduced) == value.link.n, f"axes with all {value.link.n} numbers of a point",
                 f"{list(axes)} of {shapes.text(shape)}")
    if node.attribute("keepdims", 1):
        shape = [1 if axis in axes else n for axis, n in enumerate(shape)]
    else:
        shape = [n for axis, n in enumerate(shape) if axis not in axes]
    return node.then(value, Mean(), n=1, shape=shape)


def total(node):
    return node.then(mean(node), Affine(scale=node.value.link.n))


def centred(node, u, v):
    """u - v where v is the mean of u; None if it is not."""
    if not (_is_one_per_point(u, v) and isinstance(v.link.step, Mean) and v.link.parent is u.link):
        return None
    return node.then(u, Center())


def normalised(node, u, v):
    """u·v where v is 1/√(mean(u²) + ε); None if it is not."""
    if not _is_one_per_point(u, v):
        return None
    link = spellings.normalised(u.link, v.link, node.label)
    return None if link is None else Value(link, u.shape, u.dtype)


def _is_one_per_point(u, v):
    return len(u.shape) == len(v.shape) and v.link.n == 1 and all(m in (1, n) for m, n in zip(v.shape, u.shape))
