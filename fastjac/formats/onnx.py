"""Networks in ONNX files: chains of layers, with skips, in the spellings of the exporters.

Files are read without the package `onnx` (docs/decisions/0009-onnx.md); the parts stand in `fastjac.formats._onnx`.
"""

import os

import numpy as np

from fastjac.formats._onnx import constants, shapes
from fastjac.formats._onnx.layers import layers_of
from fastjac.formats._onnx.messages import DOUBLE, FLOAT, as_array, attributes, read_model, type_name
from fastjac.formats._onnx.node import Node
from fastjac.formats._onnx.operators import OPERATORS
from fastjac.formats._onnx.values import Value
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.links import Link, check_made
from fastjac.network import Network
from fastjac.parts import Affine

# Versions of the default operator set whose operators are the ones that `operators` knows.
OLDEST, NEWEST = 7, 28


def from_onnx(model, *, input=None, output=None, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of an ONNX file.

    Parameters
    ----------
    model : str, path-like or onnx.ModelProto
        A file, which is read without the package `onnx`; or a model in memory: a ``ModelProto`` or
        what ``torch.onnx.export(..., dynamo=True)`` returns.
    input : str, optional
        The input with respect to which J is taken; needed where the graph has several.
    output : str, optional
        The value that is F: an output of the graph, needed where it has several, or any value in it,
        for example that before the softmax.
    dtype : float32, float64 or None
        Of the network; None means that of the file: float64 where the input or a Cast is double.

    Returns
    -------
    Network
        J[i, j] in units of output i per unit of input j. An input or output with several axes
        (channels, rows, columns) becomes one vector per point, in C order. An input of one unit gives its name.

    Raises
    ------
    ModelFormatError
        If the content is no ONNX model, or holds what is no such network; the message names the node
        and the operator. Nothing beside the file is opened: external data are refused.
    OSError
        If the file cannot be opened.

    Notes
    -----
    docs/from-onnx.md lists the operators and how each is treated.
    """
    if isinstance(model, (str, os.PathLike)):
        where, message = os.fspath(model), read_model(model)
    else:
        where, message = "ONNX model", getattr(model, "model_proto", model)
    if not hasattr(message, "graph") or not hasattr(message, "opset_import"):
        raise TypeError(f"model: expected a path or an onnx.ModelProto, got {type(model).__name__}")
    try:
        # What is not finite is refused where it becomes a weight.
        with np.errstate(all="ignore"):
            graph = _Graph(message, input, output)
            chain = graph.chain()
            dtype = graph.dtype if dtype is None else np.dtype(dtype)
            n = graph.root.n
            layers = layers_of(chain, n, dtype)
            check_made(layers, n)
            names = (graph.input,) if n == 1 else None  # that of a wider input is no name of a column
            # The first part says how many inputs there are.
            return Network([Affine(shift=np.zeros(n)), *layers], dtype=dtype, names_in=names)
    except ValueError as error:
        raise ModelFormatError(f"{where}: {error}") from error


class _Graph:
    """The graph of a model, evaluated from the output back to the input."""

    def __init__(self, model, input, output):
        graph = model.graph
        if len(model.functions):
            raise ModelFormatError("expected a model without functions of its own; onnx.inliner inlines them")
        if len(graph.sparse_initializer):
            raise ModelFormatError("expected dense initializers, got sparse ones")
        self.opsets = _opsets(model)
        self.tensors = _by_name("initializer", ((tensor.name, tensor) for tensor in graph.initializer))
        self.nodes = list(graph.node)
        self.producers = _by_name(
            "value", ((name, i) for i, node in enumerate(self.nodes) for name in node.output if name)
        )
        inputs = _by_name("input", ((value.name, value) for value in graph.input if value.name not in self.tensors))
        self.input = _chosen("input", input, inputs, inputs)
        outputs = [value.name for value in graph.output]
        self.output = _chosen("output", output, outputs, {*outputs, *self.producers})
        self.inputs = inputs
        tensor_type = inputs[self.input].type.tensor_type
        if tensor_type.elem_type not in (FLOAT, DOUBLE):
            raise ModelFormatError(
                f"input {self.input!r}: expected float or double, got {type_name(tensor_type.elem_type)}"
            )
        try:
            shape, self.n_points = shapes.input_shape(tensor_type.shape.dim)
        except ModelFormatError as error:
            raise ModelFormatError(f"input {self.input!r}: {error}") from None
        self.root = Link(None, None, f"input {self.input!r}", shapes.n_units(shape))
        dtype = np.dtype(np.float32 if tensor_type.elem_type == FLOAT else np.float64)
        self.values = {self.input: Value(self.root, shape, dtype)}

    def chain(self):
        """The steps from the input to the output."""
        self._evaluate(self.output)
        result = self.values[self.output]
        if not isinstance(result, Value):
            raise ModelFormatError(f"output {self.output!r}: expected a value that depends on {self.input!r}")
        chain = result.link.chain(self.root)
        if not chain:
            raise ModelFormatError(f"output {self.output!r}: expected a layer at least, got the input itself")
        return chain

    @property
    def dtype(self):
        """The widest type on the way."""
        return np.result_type(*(value.dtype for value in self.values.values() if isinstance(value, Value)))

    def _evaluate(self, name):
        """Put `name` and all that it needs into `values`; a loop, as graphs may be deep."""
        stack, entered = [(name, "output")], set()
        while stack:
            name, needed_by = stack[-1]
            if name in self.values:
                stack.pop()
                continue
            if name in self.tensors:
                self.values[name] = _within(f"initializer {name!r}", as_array, self.tensors[name])
                continue
            if name in self.inputs:
                raise ModelFormatError(f"{needed_by}: expected values that depend on {self.input!r} only, "
                                       f"got the input {name!r}, too")
            if name not in self.producers:
                raise ModelFormatError(f"{needed_by}: expected a node or an initializer that gives {name!r}, got none")
            i = self.producers[name]
            label = self._label(i)
            missing = [name for name in self.nodes[i].input if name and name not in self.values]
            if not missing:
                self.values[name] = _within(label, self._result, i, label, name)
            elif i in entered:
                raise ModelFormatError(f"{label}: expected a graph without cycles, got one through {name!r}")
            else:
                entered.add(i)
                stack += [(name, label) for name in missing]

    def _label(self, i):
        node = self.nodes[i]
        operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        return f"node {node.name!r} ({operator})" if node.name else f"node {i} ({operator})"

    def _result(self, i, label, name):
        node = self.nodes[i]
        domain = "" if node.domain == "ai.onnx" else node.domain
        key = f"{domain}.{node.op_type}" if domain else node.op_type
        if key not in OPERATORS and key not in constants.MOVES and key != "Constant":
            raise ModelFormatError(
                f"expected an operator of a feed-forward network ({', '.join(OPERATORS)}), got {key}"
            )
        if domain not in self.opsets:
            raise ModelFormatError(f"expected a version of the operators of {domain or 'ai.onnx'!r}, got none")
        if name != node.output[0]:
            raise ModelFormatError(f"expected its first output, got {name!r}")
        inputs = [self.values[name] if name else None for name in node.input]
        node = Node(node.op_type, label, attributes(node), self.opsets[domain], inputs, self.n_points)
        if key == "Constant":
            return constants.constant(node)
        if not any(isinstance(value, Value) for value in inputs):
            return constants.fold(node)
        return OPERATORS[key](node)


def _within(label, function, *arguments):
    try:
        return function(*arguments)
    except ValueError as error:
        raise ModelFormatError(f"{label}: {error}") from None


def _opsets(model):
    """Dictionary domain -> version."""
    versions = {}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise ModelFormatError(f"expected one version of the operators of {entry.domain!r}, got two")
    version = versions.get("", OLDEST)
    if not versions or not OLDEST <= version <= NEWEST:
        got = version if versions else "none"
        raise ModelFormatError(f"expected operators of a version (opset) from {OLDEST} to {NEWEST}, got {got}")
    return versions


def _by_name(what, pairs):
    named = {}
    for name, item in pairs:
        if name in named:
            raise ModelFormatError(f"expected one {what} {name!r}, got two")
        named[name] = item
    return named


def _chosen(what, name, ours, allowed):
    """The name that the caller gave, or the only one that there is."""
    listed = ", ".join(map(repr, ours)) or "none"
    if name is None:
        if len(ours) != 1:
            raise ModelFormatError(f"expected one {what}, or {what}= to name one, got {listed}")
        return next(iter(ours))
    if name not in allowed:
        raise ModelFormatError(f"expected an {what} of the graph, got {name!r}; it has {listed}")
    return name
