"""Networks of Keras 3: Sequential models and chains of the functional interface, on any backend."""

import sys

import numpy as np

from fastjac.formats.objects import as_row, errors_at, fail, library_class, make_batch_norm, make_dense, make_network
from fastjac.parts import Affine, Elementwise

# Functions of keras.activations -> our name and parameters; leaky_relu the layer has another slope.
FUNCTIONS = {
    "linear": ("identity", {}),
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.2}),
    "elu": ("elu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "celu": ("celu", {"alpha": 1.0}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "log_sigmoid": ("log_sigmoid", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "silu": ("silu", {}),
    "mish": ("mish", {}),
    "gelu": ("gelu", {}),
    "exponential": ("exp", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "hard_silu": ("hard_swish", {}),
    "hard_tanh": ("hard_tanh", {}),
    "tanh_shrink": ("tanh_shrink", {}),
    "soft_shrink": ("soft_shrink", {"threshold": 0.5}),
    "hard_shrink": ("hard_shrink", {"threshold": 0.5}),
    "softmax": ("softmax", {}),
    "log_softmax": ("log_softmax", {}),
}
MODELS = ("Sequential", "Functional")
ACTIVATION_LAYERS = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")
# What does nothing when a model predicts.
IDLE = (
    "InputLayer", "Identity", "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D",
    "ActivityRegularization",
)
SUPPORTED = (
    *MODELS, "Dense", *ACTIVATION_LAYERS, "Normalization", "BatchNormalization", "Rescaling", "Flatten", *IDLE,
)


def from_keras(model, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a Keras 3 model.

    Parameters
    ----------
    model : keras.Model
        Built: a `Sequential`, or a functional model that is one chain of layers; models may be layers. The layers
        are `Dense`, `Activation` and the layers of activations, `Normalization`, `BatchNormalization`, `Rescaling`,
        `Flatten`, and `Dropout` and its kin, which do nothing here. Activations are functions of
        ``keras.activations``, by their names or themselves.
    dtype : float32, float64 or None
        Of the network; None means that of the weights, float32 for half precision.

    Returns
    -------
    Network
        The model as ``predict`` computes it, as a function of flat points. J[i, j] is in units of output i per unit
        of input j.

    Raises
    ------
    ModelFormatError
        If a layer or an activation is of another kind, or the model is no chain; the message names the layer.
    """
    name = library_class(model, "keras", ("call", "__call__"), "from_keras")
    chain = list(_flat(model, "from_keras") if name in MODELS else [(model, "from_keras")])
    rank = _rank(model)
    layers = []
    for layer, place in chain:
        name = library_class(layer, "keras", ("call", "__call__"), place)
        at = f"{place} ({name})"
        if name == "Flatten":
            rank = 2
        elif name not in (*IDLE, "Rescaling") and rank != 2:
            fail(at, "points with one dimension, after Flatten if they have more", f"{rank - 1}")
        with errors_at(at):
            layers += [(at, part) for part in _translated(layer, name, at)]
    return make_network(layers, "from_keras", dtype)


def _rank(model):
    """Number of dimensions of a batch of points."""
    inputs = getattr(model, "inputs", None)
    return len(inputs[0].shape) if inputs else 2


def _flat(model, place):
    """Pairs (layer, place) from the input to the output, those of inner models in their place."""
    name = library_class(model, "keras", ("call", "__call__"), place)
    if name == "Sequential":
        layers = model.layers
    elif name == "Functional":
        layers = _functional_chain(model, place)
    else:
        fail(place, "a Sequential or functional model", type(model).__name__)
    for layer in layers:
        at = f"{place}: layer {getattr(layer, 'name', '')!r}"
        if library_class(layer, "keras", ("call", "__call__"), at) in MODELS:
            yield from _flat(layer, at)
        else:
            yield layer, at


def _functional_chain(model, place):
    """The operations of a functional model, followed from its output to its input."""
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        if len(tensors) != 1:
            fail(place, f"one {kind}", f"{len(tensors)}")
    chain = []
    tensor, first = model.outputs[0], model.inputs[0]
    while tensor is not first:
        operation, node = tensor._keras_history[:2]
        inputs = operation._inbound_nodes[node].input_tensors
        if len(inputs) != 1:
            name = f"{operation.name!r} ({type(operation).__name__})"
            fail(f"{place}: layer {name}", "a chain, each layer with one input", f"{len(inputs)} inputs")
        chain.append(operation)
        tensor = inputs[0]
    return chain[::-1]


def _translated(layer, name, place):
    if name in (*IDLE, "Flatten"):
        return []
    if name == "Dense":
        return _dense(layer, place)
    if name in ACTIVATION_LAYERS:
        return _activation_layer(layer, name, place)
    if name == "Rescaling":
        scale, offset = (np.asarray(value, np.float64) for value in (layer.scale, layer.offset))
        return [Affine(scale=scale, shift=offset)]
    if name == "Normalization":
        return [_normalization(layer, place)]
    if name == "BatchNormalization":
        statistics = layer.moving_mean, layer.moving_variance
        return [make_batch_norm(*statistics, layer.epsilon, layer.gamma, layer.beta, place)]
    return fail(place, f"one of {', '.join(SUPPORTED)}", name)


def _dense(layer, place):
    if getattr(layer, "quantization_mode", None) is not None:
        fail(place, "weights that are not quantized", f"{layer.quantization_mode}")
    if not layer.built:
        fail(place, "a model that is built", "a layer without weights")
    return [make_dense(layer.kernel, layer.bias, place), *_activation(layer.activation, place)]


def _activation(activation, place):
    """Layers of what stands as activation= of a layer: a function, or a layer itself."""
    if activation is None:
        return []
    name = getattr(activation, "__name__", type(activation).__name__)
    module = getattr(activation, "__module__", None) or ""
    if module.startswith("keras.") and ".activations" in module and name in FUNCTIONS:
        ours, parameters = FUNCTIONS[name]
        return [] if ours == "identity" else [Elementwise(ours, **parameters)]
    if name in ACTIVATION_LAYERS and library_class(activation, "keras", ("call", "__call__"), place) == name:
        return _activation_layer(activation, name, place)
    return fail(place, f"an activation of keras.activations: {', '.join(FUNCTIONS)}", f"{module}.{name}")


def _activation_layer(layer, name, place):
    if name == "Activation":
        return _activation(layer.activation, place)
    if name == "ReLU":
        return [_relu(layer, place)]
    if name == "LeakyReLU":
        return [Elementwise("leaky_relu", negative_slope=float(layer.negative_slope))]
    if name == "PReLU":
        return [Elementwise("prelu", slope=as_row(layer.alpha, f"{place}: alpha"))]
    if name == "ELU":
        return [Elementwise("elu", alpha=float(layer.alpha))]
    if layer.axis not in (-1, 1):
        fail(place, "axis=-1, over the units", f"axis={layer.axis}")
    return [Elementwise("softmax")]


def _relu(layer, place):
    slope, top, threshold = layer.negative_slope, layer.max_value, layer.threshold
    if top is None and not threshold:
        return Elementwise("leaky_relu", negative_slope=float(slope)) if slope else Elementwise("relu")
    if top is None and not slope:
        return Elementwise("thresholded_relu", theta=float(threshold))
    if not slope and not threshold:
        return Elementwise("relu6") if top == 6 else Elementwise("hard_tanh", min=0.0, max=float(top))
    return fail(
        place,
        "one of negative_slope, max_value and threshold",
        f"negative_slope={slope}, max_value={top}, threshold={threshold}",
    )


def _normalization(layer, place):
    if getattr(layer, "mean", None) is None:
        fail(place, "statistics, by adapt() or mean= and variance=", "none")
    mean = as_row(layer.mean, f"{place}: mean")
    deviation = np.sqrt(as_row(layer.variance, f"{place}: variance"))
    # Keras, which made the layer, keeps the smallest deviation as a setting of its own.
    smallest = sys.modules["keras"].config.epsilon() if "keras" in sys.modules else 1e-7
    deviation = np.maximum(deviation, smallest)
    return Affine(scale=deviation, shift=mean) if layer.invert else Affine(scale=1 / deviation, center=mean)
