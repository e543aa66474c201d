"""Layers of Keras 3, one by one, as parts of a network."""

import sys

import numpy as np

from fastjac.formats.objects import as_row, fail, library_class, make_batch_norm, make_dense, make_norm
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
MERGES = ("Add", "Subtract", "Average", "Concatenate")
SUPPORTED = (
    *MODELS, "Dense", *ACTIVATION_LAYERS, "Normalization", "BatchNormalization", "LayerNormalization",
    "RMSNormalization", "Rescaling", "Flatten", *MERGES, *IDLE,
)
METHODS = "call", "__call__"


def translated(layer, name, place):
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
    if name in ("LayerNormalization", "RMSNormalization"):
        return _norm(layer, name, place)
    return fail(place, f"one of {', '.join(SUPPORTED)}", name)


def _norm(layer, name, place):
    axes = np.atleast_1d(layer.axis).tolist()
    if axes not in ([-1], [1]):
        fail(place, "axis=-1, over the units", f"axis={layer.axis}")
    takes_mean = name == "LayerNormalization"
    if getattr(layer, "rms_scaling", False):
        fail(place, "rms_scaling=False; RMSNormalization is the normalisation of that name", "rms_scaling=True")
    scale, shift = (layer.gamma, layer.beta) if takes_mean else (layer.scale, None)
    known = next((array for array in (scale, shift) if array is not None), None)
    n = () if known is None else tuple(known.shape)
    return make_norm(n, scale, shift, layer.epsilon, place, takes_mean)


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
    if name in ACTIVATION_LAYERS and library_class(activation, "keras", METHODS, place) == name:
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
