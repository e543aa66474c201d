"""Rules of Max and Min, of comparisons and of Where."""

import numpy as np

from fastjac.formats._onnx import choices, spellings
from fastjac.formats._onnx.activations import bounded
from fastjac.formats._onnx.node import same_shape
from fastjac.formats._onnx.values import ONE, Affine, Unary, Value


def extremum(is_max):
    def rule(node):
        result, *others = node.operands()
        for other in others:
            value, constant = (result, other) if isinstance(result, Value) else (other, result)
            if isinstance(constant, Value):
                node.require(is_max and value.shape == constant.shape, "one value that depends on the input", "two")
                link = choices.maximum(value.link, constant.link, node.label)
                result = Value(link, value.shape, value.dtype)
            elif isinstance(value, Value):
                bound, shape = node.numbers(constant, value)
                bounds = (bound, np.float64(np.inf)) if is_max else (np.float64(-np.inf), bound)
                result = bounded(node, value, *bounds)
                result = Value(result.link, shape, result.dtype)
            else:
                result = (np.maximum if is_max else np.minimum)(value, constant)
        return result

    return rule


def compare(direction, strict):
    """Rule of u > v (direction 1) or u < v (-1), as a comparison with `above`."""

    def rule(node):
        u, v = node.operands(2)
        value, constant, sign = (u, v, direction) if isinstance(u, Value) else (v, u, -direction)
        node.require(not isinstance(constant, Value), "a comparison with a constant", "one of two values")
        threshold, shape = node.numbers(constant, value)
        steps = [] if sign > 0 else [Affine(scale=-ONE)]
        above = {"threshold": sign * threshold, "strict": strict, "inverted": False}
        return node.then(value, *steps, Unary("above", above), shape=shape)

    return rule


def inverted(node, value):
    node.require(spellings.is_unary(value.link.step, "above"), "a comparison", "another value")
    above = value.link.step.parameters
    link = spellings.then(value.link.parent, Unary("above", above | {"inverted": not above["inverted"]}), node.label)
    return Value(link, value.shape, value.dtype)


def either(node):
    u, v = node.operands(2)
    node.require(isinstance(u, Value) and isinstance(v, Value), "two comparisons", "a constant")
    same_shape(node, u, v)
    return Value(choices.either(u.link, v.link, node.label), u.shape, u.dtype)


def where(node):
    condition, *alternatives = node.operands(3)
    node.require(isinstance(condition, Value), "a condition that depends on the input", "a constant one")
    links = []
    for value in alternatives:
        if isinstance(value, Value):
            same_shape(node, condition, value)
            links.append(value.link)
        else:
            node.require(not np.any(value) and value.size == 1, "a value that depends on the input, or 0", "a constant")
            links.append(None)
    link = choices.where(condition.link, *links, node.label, condition.tolerance)
    return Value(link, condition.shape, condition.dtype)
