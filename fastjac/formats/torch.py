"""Networks of PyTorch: `torch.nn.Sequential`, nested in any way, of layers that the table below names."""

import numpy as np

from fastjac.formats.objects import (
    as_array,
    as_row,
    errors_at,
    fail,
    library_class,
    make_batch_norm,
    make_dense,
    make_network,
    make_norm,
)
from fastjac.parts import Elementwise

# Class of an activation module -> our name, and our parameter -> its attribute.
ACTIVATIONS = {
    "ReLU": ("relu", {}),
    "ReLU6": ("relu6", {}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": "negative_slope"}),
    "PReLU": ("prelu", {"slope": "weight"}),
    "ELU": ("elu", {"alpha": "alpha"}),
    "SELU": ("selu", {}),
    "CELU": ("celu", {"alpha": "alpha"}),
    "Hardtanh": ("hard_tanh", {"min": "min_val", "max": "max_val"}),
    "Hardsigmoid": ("hard_sigmoid", {}),
    "Hardswish": ("hard_swish", {}),
    "Tanh": ("tanh", {}),
    "Sigmoid": ("sigmoid", {}),
    "LogSigmoid": ("log_sigmoid", {}),
    "Softplus": ("softplus", {"beta": "beta"}),
    "Softsign": ("softsign", {}),
    "SiLU": ("silu", {}),
    "Mish": ("mish", {}),
    "GELU": ("gelu", {"approximate": "approximate"}),
    "Tanhshrink": ("tanh_shrink", {}),
    "Softshrink": ("soft_shrink", {"threshold": "lambd"}),
    "Hardshrink": ("hard_shrink", {"threshold": "lambd"}),
    "Threshold": ("thresholded_relu", {"theta": "threshold"}),
    "RReLU": ("leaky_relu", {}),
    "Softmax": ("softmax", {}),
    "LogSoftmax": ("log_softmax", {}),
}
DROPOUTS = ("Dropout", "Dropout1d", "AlphaDropout", "FeatureAlphaDropout")
SUPPORTED = (
    "Sequential", "Linear", "BatchNorm1d", "LayerNorm", "RMSNorm", "Flatten", "Identity", *DROPOUTS, *ACTIVATIONS,
)
# What to do about a forward of the user's.
OTHERWISE = "; from_onnx reads what torch.onnx.export makes of it, or fastjac.Residual and its like build it anew"
HOOKS = ("_forward_hooks", "_forward_pre_hooks")

# Below it, the straight line that Softplus becomes would be a different function, not a rounding of it.
SMALLEST_SOFTPLUS_THRESHOLD = 20.0


def from_torch(module, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode (``module.eval()``), on any device: `Sequential`, nested in any way, of `Linear`,
        `BatchNorm1d`, `LayerNorm`, `RMSNorm`, `Flatten`, `Identity`, `Dropout` and activations, or one of these. A
        module with a `forward` of its own, as of a residual block, says nothing about what it computes: pass the
        `Sequential` in it, use `from_state_dict`, or export it and use `from_onnx`.
    dtype : float32, float64 or None
        Of the network; None means that of the weights, float32 for half precision.

    Returns
    -------
    Network
        The module as a function of one point, or of points in rows; `Flatten` stands for points that are flat
        already. J[i, j] is in units of output i per unit of input j.

    Raises
    ------
    ModelFormatError
        If a module is of another kind, is in training mode where that matters, or has hooks or parametrizations; the
        message names it by its path, as in ``named_modules()``.

    Notes
    -----
    `Softplus` becomes log(1 + exp(beta h))/beta everywhere. PyTorch replaces it above ``threshold`` = 20 by h: its
    value is then too small by up to 2.1e-9/beta, its derivative too large by up to 2.1e-9.
    """
    return make_network(_layers(module, ""), "from_torch", dtype)


def _layers(module, path):
    """Pairs (place, part) of a module; `path` as in ``named_modules()``."""
    place = f"from_torch: module {path!r}" if path else "from_torch"
    if hasattr(module, "parametrizations"):
        fail(place, "plain weights", "parametrizations; torch.nn.utils.parametrize.remove_parametrizations ends them")
    name = library_class(module, "torch", ("forward", "__call__"), place, OTHERWISE)
    for hooks in HOOKS:
        if getattr(module, hooks, None):
            fail(place, "a module without hooks", f"{name} with {hooks.strip('_').replace('_', ' ')}")
    if name == "Sequential":
        return [
            pair
            for key, child in module._modules.items()
            for pair in _layers(child, f"{path}.{key}" if path else key)
        ]
    if name not in SUPPORTED:
        fail(place, f"one of {', '.join(SUPPORTED)}", name)
    at = f"{place} ({name})"
    with errors_at(at):
        return [(at, part) for part in _parts(module, name, at)]


def _parts(module, name, at):
    if name == "Linear":
        W = as_array(module.weight, f"{at}: weight")
        return [make_dense(W.T, module.bias, at)]
    if name == "BatchNorm1d":
        _check_evaluating(module, at)
        if module.running_mean is None:
            fail(at, "running statistics", "track_running_stats=False, with which points depend on each other")
        return [
            make_batch_norm(module.running_mean, module.running_var, module.eps, module.weight, module.bias, at)
        ]
    if name in ("LayerNorm", "RMSNorm"):
        return _norm(module, name, at)
    if name == "Flatten":
        if module.start_dim != 1 or module.end_dim not in (1, -1):
            fail(at, "start_dim=1 and end_dim=-1", f"start_dim={module.start_dim} and end_dim={module.end_dim}")
        return []
    if name in ACTIVATIONS:
        return [_activation(module, name, at)]
    if name in DROPOUTS and module.p > 0:
        _check_evaluating(module, at)
    return []


def _norm(module, name, at):
    if len(module.normalized_shape) != 1:
        fail(at, "one dimension that is normalised, the units", f"{tuple(module.normalized_shape)}")
    epsilon, weight = module.eps, module.weight
    if epsilon is None:  # that of the numbers it gets
        dtype = str(getattr(weight, "dtype", None)).rpartition(".")[2]
        if dtype not in ("float32", "float64"):
            fail(at, "eps, or weights in float32 or float64, whose rounding it is", f"eps=None and {dtype}")
        epsilon = np.finfo(dtype).eps
    shift = module.bias if name == "LayerNorm" else None
    return make_norm(module.normalized_shape[0], weight, shift, epsilon, at, takes_mean=name == "LayerNorm")


def _check_evaluating(module, place):
    if module.training:
        fail(place, "a module in evaluation mode, by eval()", "one in training mode")


def _activation(module, name, place):
    ours, attributes = ACTIVATIONS[name]
    parameters = {parameter: getattr(module, attribute) for parameter, attribute in attributes.items()}
    if name == "PReLU":
        parameters["slope"] = as_row(module.weight, f"{place}: weight")
    elif name == "RReLU":
        _check_evaluating(module, place)
        parameters["negative_slope"] = (module.lower + module.upper) / 2
    elif name == "Softplus" and module.threshold < SMALLEST_SOFTPLUS_THRESHOLD:
        fail(place, f"a threshold of at least {SMALLEST_SOFTPLUS_THRESHOLD:g}, the default", f"{module.threshold}")
    elif name == "Threshold" and module.value != 0:
        fail(place, "value 0 below the threshold", f"{module.value}")
    elif name in ("Softmax", "LogSoftmax") and module.dim not in (None, 1, -1):
        fail(place, "dim=1 or dim=-1, over the units", f"dim={module.dim}")
    return Elementwise(ours, **parameters)
