"""Networks of Equinox: MLP and Sequential."""

from functools import partial

from fastjac.formats.objects import (
    as_array,
    as_row,
    errors_at,
    fail,
    library_class,
    make_dense,
    make_network,
    make_norm,
)
from fastjac.parts import Elementwise

# Functions of jax.nn, jax.numpy and jax.lax -> our name and the parameters that JAX takes by default.
FUNCTIONS = {
    "identity": ("identity", {}),
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.01}),
    "elu": ("elu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "celu": ("celu", {"alpha": 1.0}),
    "tanh": ("tanh", {}),
    "hard_tanh": ("hard_tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "logistic": ("sigmoid", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "log_sigmoid": ("log_sigmoid", {}),
    "softplus": ("softplus", {}),
    "soft_sign": ("softsign", {}),
    "silu": ("silu", {}),
    "hard_silu": ("hard_swish", {}),
    "mish": ("mish", {}),
    "gelu": ("gelu", {"approximate": True}),
    "exp": ("exp", {}),
    "sin": ("sin", {}),
    "cos": ("cos", {}),
    "arctan": ("arctan", {}),
    "atan": ("arctan", {}),
    "erf": ("erf", {}),
    "square": ("square", {}),
    "abs": ("abs", {}),
    "absolute": ("abs", {}),
    "softmax": ("softmax", {}),
    "log_softmax": ("log_softmax", {}),
}
SUPPORTED = ("MLP", "Sequential", "Linear", "LayerNorm", "RMSNorm", "Lambda", "PReLU", "Identity", "Dropout")


def from_equinox(module, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of an Equinox module.

    Parameters
    ----------
    module : equinox.Module
        `MLP`, or `Sequential`, nested in any way, of `MLP`, `Linear`, `LayerNorm`, `RMSNorm`, `Lambda`, `PReLU`,
        `Identity` and `Dropout` (in inference mode). Activations are functions of ``jax.nn``, ``jax.numpy`` or
        ``jax.lax`` by themselves, or with options through ``functools.partial``.
    dtype : float32, float64 or None
        Of the network; None means that of the weights, float32 for half precision.

    Returns
    -------
    Network
        J[i, j] is in units of output i per unit of input j. Sizes "scalar" become 1.

    Raises
    ------
    ModelFormatError
        If a module or an activation is of another kind; the message names it by its path.
    """
    return make_network(_layers(module, ""), "from_equinox", dtype)


def _layers(module, path):
    """Pairs (place, part) of a module."""
    place = f"from_equinox: module {path!r}" if path else "from_equinox"
    name = library_class(module, "equinox", ("__call__",), place)
    if name == "Sequential":
        return [pair for k, child in enumerate(module.layers) for pair in _layers(child, f"{path}[{k}]")]
    if name not in SUPPORTED:
        fail(place, f"one of {', '.join(SUPPORTED)}", name)
    at = f"{place} ({name})"
    with errors_at(at):
        return [(at, part) for part in _parts(module, name, at)]


def _parts(module, name, at):
    if name == "MLP":
        return _perceptron(module, at)
    if name == "Linear":
        return [_linear(module, at)]
    if name in ("LayerNorm", "RMSNorm"):
        if len(module.shape) != 1:
            fail(at, "one dimension that is normalised, the units", f"{tuple(module.shape)}")
        return make_norm(module.shape[0], module.weight, module.bias, module.eps, at, name == "LayerNorm")
    if name == "Lambda":
        return _activation(module.fn, at)
    if name == "PReLU":
        return [Elementwise("prelu", slope=as_row(module.negative_slope, f"{at}: negative_slope"))]
    if name == "Dropout" and not module.inference and module.p != 0:
        fail(at, "inference mode, by equinox.nn.inference_mode", "inference=False")
    return []


def _linear(module, place):
    W = as_array(module.weight, f"{place}: weight")
    if W.ndim != 2:
        fail(place, "weights of shape (n_out, n_in)", f"{W.shape}, as of modules that are stacked by vmap")
    return make_dense(W.T, module.bias, place)


def _perceptron(module, place):
    if getattr(module, "scan", False):
        fail(place, "scan=False, each layer with weights of its own", "scan=True")
    *hidden, last = module.layers
    layers = []
    for k, linear in enumerate(hidden):
        activation = _activation(module.activation, f"{place}: activation", k)
        layers += [_linear(linear, f"{place}: layers[{k}]"), *activation]
    layers.append(_linear(last, f"{place}: layers[{len(hidden)}]"))
    if hidden:  # without hidden layers, the last activation is left out
        layers += _activation(module.final_activation, f"{place}: final_activation")
    if any(isinstance(layer, Elementwise) and "softmax" in layer.activation for layer in layers):
        fail(place, "activations of one unit; softmax comes behind, as Lambda in a Sequential", "softmax")
    return layers


def _activation(function, place, k=0):
    """Layers of a function of JAX, of PReLU, or of any function that returns its argument."""
    if type(function).__name__ == "PReLU" and library_class(function, "equinox", ("__call__",), place):
        # A perceptron gives each unit, and in newer versions each layer, a slope.
        slope = as_array(function.negative_slope, f"{place}: negative_slope")
        return [Elementwise("prelu", slope=as_row(slope[k] if slope.ndim == 2 else slope, place))]
    if _is_identity(function):
        return []
    options, inner = {}, function
    while isinstance(inner, partial) and not inner.args:
        options, inner = {**inner.keywords, **options}, inner.func
    name = getattr(inner, "__name__", type(inner).__name__)
    package = (getattr(inner, "__module__", None) or "").partition(".")[0]
    if package == "jax" and name in FUNCTIONS:
        ours, defaults = FUNCTIONS[name]
        parameters = {**defaults, **options}
        if ours == "gelu":
            parameters["approximate"] = "tanh" if parameters["approximate"] else "none"
        if ours in ("softmax", "log_softmax") and parameters.pop("axis", -1) not in (-1, 0):
            fail(place, "softmax over the units, axis=-1", f"{options}")
        return [] if ours == "identity" else [Elementwise(ours, **parameters)]
    named = ", ".join(FUNCTIONS)
    return fail(place, f"a function of JAX among {named}, or one that returns its argument", f"{package}: {name}")


def _is_identity(function):
    argument = object()
    try:
        return function(argument) is argument
    except Exception:
        return False
