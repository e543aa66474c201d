"""Networks of scikit-learn: multi-layer perceptrons, with the scaling before and after them."""

import numpy as np

from fastjac.formats.objects import as_array, as_row, errors_at, fail, library_class, make_dense, make_network
from fastjac.layer import Layer
from fastjac.parts import Affine, Elementwise

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "softmax", "exp")

# Scaler -> the option that switches its center on, where the center is, the option of its scale_.
SCALERS = {
    "StandardScaler": ("with_mean", "mean_", "with_std"),
    "RobustScaler": ("with_centering", "center_", "with_scaling"),
    "MaxAbsScaler": (None, None, None),
    "MinMaxScaler": (None, None, None),
}

# Functions that a FunctionTransformer may apply, as layers.
FUNCTIONS = {
    None: (),
    np.exp: (Elementwise("exp"),),
    np.expm1: (Elementwise("exp"), Affine(shift=-1.0)),
    np.exp2: (Affine(scale=np.log(2.0)), Elementwise("exp")),
    np.sin: (Elementwise("sin"),),
    np.cos: (Elementwise("cos"),),
    np.tanh: (Elementwise("tanh"),),
    np.arctan: (Elementwise("arctan"),),
    np.square: (Elementwise("square"),),
    np.abs: (Elementwise("abs"),),
}


def from_sklearn(estimator, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a fitted estimator of scikit-learn.

    Parameters
    ----------
    estimator : MLPRegressor, MLPClassifier, Pipeline or TransformedTargetRegressor
        Fitted. A pipeline ends in one of the other three; the steps before it are `StandardScaler`,
        `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`, `PCA`, `FunctionTransformer` with a NumPy function,
        pipelines of these, or "passthrough". The target may be transformed by the same.
    dtype : float32, float64 or None
        Of the network; None means that of the weights.

    Returns
    -------
    Network
        Its value is `predict` of a regressor, `predict_proba` of a classifier: one output for each class; for two
        classes one output, the probability of ``classes_[1]``; for several labels one output for each. J[i, j] is in
        units of the target i per unit of the feature j, as they were before any scaling.

    Raises
    ------
    ModelFormatError
        If the estimator is not fitted or a step is none of those above; the message names it.
    """
    return make_network(_predictor(estimator, "from_sklearn"), "from_sklearn", dtype)


def _fitted(estimator, name, place):
    """An attribute that fitting sets."""
    if not hasattr(estimator, name):
        fail(place, f"a fitted {type(estimator).__name__}", f"one without {name}")
    return getattr(estimator, name)


def _predictor(estimator, place):
    """Pairs (place, part) of what has `predict`."""
    name = library_class(estimator, "sklearn", ("predict", "predict_proba"), place)
    if name in ("MLPRegressor", "MLPClassifier"):
        return _perceptron(estimator, place)
    if name == "Pipeline":
        *steps, (last_name, last) = _steps(estimator, place)
        parts = [part for key, step in steps for part in _transformer(step, "transform", f"{place}: step {key!r}")]
        return [*parts, *_predictor(last, f"{place}: step {last_name!r}")]
    if name == "TransformedTargetRegressor":
        regressor = _predictor(_fitted(estimator, "regressor_", place), f"{place}: regressor_")
        return [*regressor, *_transformer(estimator.transformer_, "inverse_transform", f"{place}: transformer_")]
    return fail(place, "MLPRegressor, MLPClassifier, Pipeline or TransformedTargetRegressor", name)


def _perceptron(estimator, place):
    weights = list(zip(_fitted(estimator, "coefs_", place), estimator.intercepts_))
    names = [estimator.activation] * (len(weights) - 1) + [estimator.out_activation_]
    layers = []
    for k, ((W, b), name) in enumerate(zip(weights, names), start=1):
        at = f"{place}: layer {k}"
        if name not in ACTIVATIONS:
            fail(at, f"one of the activations {', '.join(ACTIVATIONS)}", repr(name))
        layers.append((at, make_dense(W, b, at, name)))
    return layers


def _steps(pipeline, place):
    """Pairs (name, step) of the steps that do something."""
    steps = [(name, step) for name, step in pipeline.steps if step is not None and step != "passthrough"]
    if not steps:
        fail(place, "a pipeline with at least one step", "none")
    return steps


def _transformer(step, method, place):
    """Pairs (place, part) of one of the methods `transform` and `inverse_transform`."""
    name = library_class(step, "sklearn", (method,), place)
    inverse = method == "inverse_transform"
    if name == "Pipeline":
        steps = _steps(step, place)[:: -1 if inverse else 1]
        return [part for key, inner in steps for part in _transformer(inner, method, f"{place}: step {key!r}")]
    with errors_at(place):
        return [(place, part) for part in _parts(step, name, inverse, place)]


def _parts(step, name, inverse, place):
    if name == "FunctionTransformer":
        function, options = (step.inverse_func, step.inv_kw_args) if inverse else (step.func, step.kw_args)
        if options or not (function is None or isinstance(function, np.ufunc)) or function not in FUNCTIONS:
            named = ", ".join("None" if f is None else f"numpy.{f.__name__}" for f in FUNCTIONS)
            fail(place, f"one of the functions {named}, without options", repr(function))
        return FUNCTIONS[function]
    if name == "PCA":
        return _principal_components(step, inverse, place)
    if name in SCALERS:
        return _scaler(step, name, inverse, place)
    return fail(place, f"{', '.join(SCALERS)}, PCA, FunctionTransformer, Pipeline or 'passthrough'", name)


def _scaler(step, name, inverse, place):
    def row(attribute):
        return as_row(_fitted(step, attribute, place), f"{place}: {attribute}")

    if name == "MinMaxScaler":
        scale, shift = row("scale_"), row("min_")
        # x scale + shift, in the form that loses no digits where shift is large.
        parts = [Affine(scale=1 / scale, center=shift) if inverse else Affine(scale=scale, center=-shift / scale)]
    else:
        # mean_ may be there without being used: the options decide.
        center_option, center_name, scale_option = SCALERS[name]
        center = row(center_name) if center_option and getattr(step, center_option) else 0.0
        scale = row("scale_") if scale_option is None or getattr(step, scale_option) else 1.0
        parts = [Affine(scale=scale, shift=center) if inverse else Affine(scale=1 / scale, center=center)]
    if getattr(step, "clip", False) and not inverse:
        low, high = step.feature_range if name == "MinMaxScaler" else (-1, 1)
        parts.append(Elementwise("hard_tanh", min=float(low), max=float(high)))
    return parts


def _principal_components(step, inverse, place):
    mean = as_row(_fitted(step, "mean_", place), f"{place}: mean_")
    components = as_array(step.components_, f"{place}: components_")
    scale = np.sqrt(as_row(step.explained_variance_, place)) if step.whiten else 1.0
    if inverse:
        return [Affine(scale=scale), Layer(components), Affine(shift=mean)]
    scale = np.maximum(scale, np.finfo(components.dtype).eps)
    return [Affine(center=mean), Layer(components.T), Affine(scale=1 / scale)]
