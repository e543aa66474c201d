"""A node of the graph as the rules of its operator see it."""

from dataclasses import dataclass

import numpy as np

from fastjac.formats._onnx import shapes, spellings
from fastjac.formats._onnx.values import Value
from fastjac.formats.errors import ModelFormatError


@dataclass
class Node:
    """One node with its inputs: arrays, values, or None where an optional one is left out."""

    op_type: str
    label: str
    attributes: dict
    opset: int
    inputs: list
    n_points: int | None

    def attribute(self, name, default):
        """An attribute of the type of its default."""
        value = self.attributes.get(name, default)
        self.require(type(value) is type(default), f"{name} as {type(default).__name__}", repr(value))
        return value

    def real(self, name, default):
        """A real attribute, rounded to float32 as a file holds it."""
        return np.float64(np.float32(self.attribute(name, default)))

    def array(self, name, kinds):
        """An attribute with several numbers, or None."""
        value = self.attributes.get(name)
        self.require(value is None or (isinstance(value, np.ndarray) and value.dtype.kind in kinds),
                     f"numbers as {name}", repr(value))
        return value

    def operands(self, n=None):
        """All inputs, which are to be n."""
        self.require(len(self.inputs) == (n or len(self.inputs)) and not any(v is None for v in self.inputs),
                     f"{n or 'no optional'} inputs", len(self.inputs))
        return self.inputs

    def input(self, i):
        return self.inputs[i] if i < len(self.inputs) else None

    @property
    def value(self):
        """The input that depends on the network's input, where there is one only and it is the first."""
        self.require(isinstance(self.input(0), Value) and not any(isinstance(v, Value) for v in self.inputs[1:]),
                     "its first input alone to depend on the network's input", "others")
        return self.inputs[0]

    def optional(self, i):
        """Input i as an array, None where it is left out."""
        self.require(not isinstance(self.input(i), Value), f"a constant as input {i + 1}", "one that is computed")
        return self.input(i)

    def constant(self, i):
        """Input i as an array."""
        constant = self.optional(i)
        self.require(constant is not None, f"{i + 1} inputs", len(self.inputs))
        return constant

    def integers(self, name, i):
        """Integers of the attribute `name`, or in later versions of input i; None where there are none."""
        array = self.array(name, "i") if name in self.attributes else self.optional(i)
        if array is None:
            return None
        self.require(array.dtype.kind == "i" and array.ndim <= 1, f"integers as {name}", array.dtype)
        return array.reshape(-1).tolist()

    def require(self, holds, expected, got):
        if not holds:
            raise ModelFormatError(f"expected {expected}, got {got}")

    def then(self, value, *steps, n=None, shape=None):
        """`value` with these steps behind it."""
        link = value.link
        for step in steps:
            link = spellings.then(link, step, self.label, n)
        return Value(link, value.shape if shape is None else tuple(shape), value.dtype)

    def numbers(self, constant, value):
        """A constant as float64, one or one per unit, and the shape of its combination with `value`."""
        self.require(constant.dtype.kind in "fi", "a constant of real numbers", constant.dtype)
        constant, shape = shapes.aligned(constant, value.shape)
        return constant.astype(np.float64), shape


def same_shape(node, u, v):
    node.require(u.shape == v.shape, f"two values of the shape {shapes.text(u.shape)}", shapes.text(v.shape))
