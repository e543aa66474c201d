"""Transformers of scikit-learn, as they stand before a predictor or, inverted, behind it."""

import numpy as np

from fastjac.formats.objects import as_array, as_row, errors_at, fail, library_class
from fastjac.layer import Layer
from fastjac.parts import Affine, Elementwise

# Scaler -> the option that switches its center on, where the center is, the option of its scale_.
SCALERS = {
    "StandardScaler": ("with_mean", "mean_", "with_std"),
    "RobustScaler": ("with_centering", "center_", "with_scaling"),
    "MaxAbsScaler": (None, None, None),
    "MinMaxScaler": (None, None, None),
}

TRANSFORMERS = (
    *SCALERS, "PCA", "TruncatedSVD", "FunctionTransformer", "ColumnTransformer", "FeatureUnion", "Pipeline",
)

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


def fitted(estimator, name, place):
    """An attribute that fitting sets."""
    if not hasattr(estimator, name):
        fail(place, f"a fitted {type(estimator).__name__}", f"one without {name}")
    return getattr(estimator, name)


def steps_of(pipeline, place):
    """Pairs (name, step) of the steps that do something."""
    steps = [(name, step) for name, step in pipeline.steps if step is not None and step != "passthrough"]
    if not steps:
        fail(place, "a pipeline with at least one step", "none")
    return steps


def transformed_by(step, method, place):
    """Pairs (place, part) of one of the methods `transform` and `inverse_transform`."""
    name = library_class(step, "sklearn", (method,), place)
    inverse = method == "inverse_transform"
    if name == "Pipeline":
        steps = steps_of(step, place)[:: -1 if inverse else 1]
        return [part for key, inner in steps for part in transformed_by(inner, method, f"{place}: step {key!r}")]
    if name in ("ColumnTransformer", "FeatureUnion") and not inverse:
        return _side_by_side(step, name, place)
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
    if name == "TruncatedSVD":
        components = as_array(fitted(step, "components_", place), f"{place}: components_")
        return [Layer(components if inverse else components.T)]
    if name in SCALERS:
        return _scaler(step, name, inverse, place)
    return fail(place, f"one of {', '.join(TRANSFORMERS)} or 'passthrough'", name)


def _scaler(step, name, inverse, place):
    def row(attribute):
        return as_row(fitted(step, attribute, place), f"{place}: {attribute}")

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
    mean = as_row(fitted(step, "mean_", place), f"{place}: mean_")
    components = as_array(step.components_, f"{place}: components_")
    scale = np.sqrt(as_row(step.explained_variance_, place)) if step.whiten else 1.0
    if inverse:
        return [Affine(scale=scale), Layer(components), Affine(shift=mean)]
    scale = np.maximum(scale, np.finfo(components.dtype).eps)
    return [Affine(center=mean), Layer(components.T), Affine(scale=1 / scale)]


# ---------------------------------------------------------------- transformers side by side


def _side_by_side(step, name, place):
    """Pairs (place, part) of ColumnTransformer and FeatureUnion: z = scale ((x - center) W) + shift.

    A column has one center, however many transformers use it.
    """
    n_in = fitted(step, "n_features_in_", place)
    if name == "ColumnTransformer":
        branches = [(key, inner, np.asarray(step._transformer_to_input_indices[key], int))
                    for key, inner, _ in fitted(step, "transformers_", place)]
    else:
        branches = [(key, inner, np.arange(n_in)) for key, inner in step.transformer_list]
    center, is_used = np.zeros(n_in), np.zeros(n_in, bool)
    matrices, scales, shifts = [], [], []
    for key, inner, columns in branches:
        if (isinstance(inner, str) and inner == "drop") or not columns.size:
            continue
        at = f"{place}: transformer {key!r}"
        idle = inner is None or (isinstance(inner, str) and inner == "passthrough")
        its_center, W, scale, shift = _linear([] if idle else transformed_by(inner, "transform", at), columns.size)
        center[columns] = np.where(is_used[columns], center[columns], its_center)
        is_used[columns] = True
        weight = (step.transformer_weights or {}).get(key, 1.0)
        shifts.append(weight * (scale * ((center[columns] - its_center) @ W) + shift))
        scales.append(weight * scale)
        matrices.append(np.zeros((n_in, W.shape[1]), W.dtype))
        np.add.at(matrices[-1], columns, W)
    if not matrices:
        fail(place, "at least one transformer that keeps something", "none")
    with errors_at(place):
        scaled = Affine(scale=np.concatenate(scales), shift=np.concatenate(shifts))
        return [(place, part) for part in (Affine(center=center), Layer(np.hstack(matrices)), scaled)]


def _linear(parts, n):
    """center, W, scale and shift of parts without an activation on n columns."""
    center, W, scale, shift = np.zeros(n), np.eye(n, dtype=np.float32), np.ones(n), np.zeros(n)
    for k, (place, part) in enumerate(parts):
        if isinstance(part, Affine):
            if k == 0:
                center, shift = np.broadcast_to(part.center, n), np.broadcast_to(part.shift, n)
            else:
                shift = part.scale * (shift - part.center) + part.shift
            scale = scale * part.scale
        elif isinstance(part, Layer):
            W = (W if np.all(scale == 1) else W * scale) @ part.W
            shift = shift @ part.W + (0 if part.b is None else part.b)
            scale = np.ones(W.shape[1])
        else:
            fail(place, "a linear transformer where others stand beside it", f"one with {part.activation!r}")
    return center, W, scale, shift
