"""Networks of scikit-learn: perceptrons and linear models, with the transformations before and after them."""

import numpy as np

from fastjac.formats.objects import as_array, as_row, fail, library_class, make_dense, make_network
from fastjac.formats.sklearn_transformers import fitted, steps_of, transformed_by
from fastjac.parts import Affine

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "softmax", "exp")

# Linear model -> the function of W x + b that it predicts.
LINEAR_MODELS = {
    "LinearRegression": "identity",
    "Ridge": "identity",
    "RidgeCV": "identity",
    "Lasso": "identity",
    "LassoCV": "identity",
    "ElasticNet": "identity",
    "ElasticNetCV": "identity",
    "BayesianRidge": "identity",
    "HuberRegressor": "identity",
    "PoissonRegressor": "exp",
    "GammaRegressor": "exp",
}
PREDICTORS = (
    "MLPRegressor", "MLPClassifier", *LINEAR_MODELS, "LogisticRegression", "LogisticRegressionCV", "PLSRegression",
    "Pipeline", "TransformedTargetRegressor", "GridSearchCV", "RandomizedSearchCV",
)

def from_sklearn(estimator, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a fitted estimator of scikit-learn.

    Parameters
    ----------
    estimator : object
        Fitted: `MLPRegressor`, `MLPClassifier`, a linear model (`LinearRegression`, `Ridge`, `LogisticRegression`,
        ...), `PLSRegression`; or a `Pipeline` that ends in one, after scalers, `PCA`, `TruncatedSVD`,
        `FunctionTransformer` with a NumPy function, `ColumnTransformer` and `FeatureUnion` of these, or
        "passthrough"; or a `TransformedTargetRegressor`, `GridSearchCV` or `RandomizedSearchCV` of one.
    dtype : float32, float64 or None
        Of the network; None means that of the weights.

    Returns
    -------
    Network
        Its value is `predict` of a regressor, `predict_proba` of a classifier: one output for each class; for two
        classes one output, the probability of ``classes_[1]``; for several labels one output for each. J[i, j] is in
        units of the target i per unit of the feature j, as they were before any scaling. What was fitted to a table
        has the names of its columns as ``names_in``.

    Raises
    ------
    ModelFormatError
        If the estimator is not fitted or a step is none of those above; the message names it.
    """
    parts = _predictor(estimator, "from_sklearn")
    return make_network(parts, "from_sklearn", dtype, _names_of_features(estimator))


def _names_of_features(estimator):
    """The columns of the table that it was fitted to, or None."""
    while not hasattr(estimator, "feature_names_in_") and getattr(estimator, "steps", None):
        # A pipeline has them from its first step, but not from a step that passes tables on.
        estimator = next(step for _, step in estimator.steps if step not in (None, "passthrough"))
    return getattr(estimator, "feature_names_in_", None)


def _predictor(estimator, place):
    """Pairs (place, part) of what has `predict`."""
    name = library_class(estimator, "sklearn", ("predict", "predict_proba"), place)
    if name in ("MLPRegressor", "MLPClassifier"):
        return _perceptron(estimator, place)
    if name in ("LogisticRegression", "LogisticRegressionCV"):
        return [(place, _logistic(estimator, place))]
    if name in LINEAR_MODELS:
        return [(place, _linear_model(estimator, LINEAR_MODELS[name], place))]
    if name == "PLSRegression":
        return [(place, part) for part in _partial_least_squares(estimator, place)]
    if name in ("GridSearchCV", "RandomizedSearchCV"):
        return _predictor(fitted(estimator, "best_estimator_", place), f"{place}: best_estimator_")
    if name == "Pipeline":
        *steps, (last_name, last) = steps_of(estimator, place)
        parts = [part for key, step in steps for part in transformed_by(step, "transform", f"{place}: step {key!r}")]
        return [*parts, *_predictor(last, f"{place}: step {last_name!r}")]
    if name == "TransformedTargetRegressor":
        regressor = _predictor(fitted(estimator, "regressor_", place), f"{place}: regressor_")
        return [*regressor, *transformed_by(estimator.transformer_, "inverse_transform", f"{place}: transformer_")]
    return fail(place, f"one of {', '.join(PREDICTORS)}", name)


def _perceptron(estimator, place):
    weights = list(zip(fitted(estimator, "coefs_", place), estimator.intercepts_))
    names = [estimator.activation] * (len(weights) - 1) + [estimator.out_activation_]
    layers = []
    for k, ((W, b), name) in enumerate(zip(weights, names), start=1):
        at = f"{place}: layer {k}"
        if name not in ACTIVATIONS:
            fail(at, f"one of the activations {', '.join(ACTIVATIONS)}", repr(name))
        layers.append((at, make_dense(W, b, at, name)))
    return layers


def _linear_model(estimator, activation, place):
    W = np.atleast_2d(as_array(fitted(estimator, "coef_", place), f"{place}: coef_")).T
    b = as_array(np.asarray(estimator.intercept_, W.dtype), f"{place}: intercept_")
    return make_dense(W, np.broadcast_to(b, W.shape[1:]), place, activation)


def _logistic(estimator, place):
    scheme = getattr(estimator, "multi_class", "auto")  # gone since scikit-learn 1.8
    n_classes = len(fitted(estimator, "classes_", place))
    if n_classes > 2 and (scheme == "ovr" or estimator.solver == "liblinear"):
        fail(place, "one softmax for all classes", f"one class against the rest, by {scheme!r}, {estimator.solver!r}")
    if n_classes == 2 and scheme == "multinomial":
        fail(place, "a sigmoid for two classes", "multi_class='multinomial'")
    return _linear_model(estimator, "sigmoid" if n_classes == 2 else "softmax", place)


def _partial_least_squares(estimator, place):
    """(x - mean)/std of the features, and the inverse for the targets; coef_ was transposed before scikit-learn 1.3."""
    W = as_array(fitted(estimator, "x_rotations_", place), f"{place}: x_rotations_")
    to_targets = as_array(estimator.y_loadings_, f"{place}: y_loadings_").T
    (mean_x, std_x), (mean_y, std_y) = (
        [as_row(fitted(estimator, f"_{letter}_{what}", place), place) for what in ("mean", "std")] for letter in "xy")
    return [Affine(scale=1 / np.asarray(std_x), center=mean_x), make_dense(W @ to_targets, None, place),
            Affine(scale=std_y, shift=mean_y)]
