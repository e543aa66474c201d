"""from_sklearn on objects with the attributes of scikit-learn's estimators, each against its formula in NumPy."""

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step, standin

import fastjac as fj
from fastjac import ModelFormatError

rng = np.random.default_rng(0)
X = rng.normal(size=3)
W1, b1, W2, b2 = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2)), rng.normal(size=2)
MEAN, SCALE = np.array([10.0, -3.0, 0.5]), np.array([2.0, 0.1, 5.0])


def perceptron(name="MLPRegressor", activation="tanh", out="identity", **changes):
    return standin(
        f"sklearn.neural_network.{name}",
        **{"coefs_": [W1, W2], "intercepts_": [b1, b2], "activation": activation, "out_activation_": out} | changes,
    )


def scaler(name, **attributes):
    return standin(f"sklearn.preprocessing.{name}", methods=("transform", "inverse_transform"), **attributes)


def standard(**changes):
    return scaler("StandardScaler", **{"with_mean": True, "with_std": True, "mean_": MEAN, "scale_": SCALE} | changes)


def pipeline(*steps):
    return standin("sklearn.pipeline.Pipeline", methods=("predict", "transform", "inverse_transform"),
                   steps=[(f"step{k}", step) for k, step in enumerate(steps)])


def transformed_target(regressor, transformer):
    return standin("sklearn.compose.TransformedTargetRegressor", regressor_=regressor, transformer_=transformer)


def core(x):
    return np.tanh(x @ W1 + b1) @ W2 + b2


def check(estimator, f, x=X):
    assert_agrees(fj.from_sklearn(estimator), x, f(x), jacobian_by_complex_step(f, x))


def test_regressor():
    check(perceptron(), core)


def test_exponential_output_of_poisson_loss():
    check(perceptron(out="exp"), lambda x: np.exp(core(x)))


def test_multilabel_classifier():
    check(perceptron("MLPClassifier", out="logistic"), lambda x: 1 / (1 + np.exp(-core(x))))


def test_classifier_of_several_classes():
    check(perceptron("MLPClassifier", out="softmax"), lambda x: np.exp(core(x)) / np.exp(core(x)).sum())


def test_no_hidden_layer():
    check(perceptron(coefs_=[W1], intercepts_=[b1]), lambda x: x @ W1 + b1)


SCALERS = {
    "standard": (standard(), lambda x: (x - MEAN) / SCALE),
    # scikit-learn keeps mean_ of a scaler that does not use it.
    "standard without mean": (standard(with_mean=False), lambda x: x / SCALE),
    "standard without scale": (standard(with_std=False, scale_=None), lambda x: x - MEAN),
    "standard without both": (standard(with_mean=False, with_std=False, mean_=None, scale_=None), lambda x: x),
    "robust": (
        scaler("RobustScaler", with_centering=True, with_scaling=True, center_=MEAN, scale_=SCALE),
        lambda x: (x - MEAN) / SCALE,
    ),
    "robust without center": (
        scaler("RobustScaler", with_centering=False, with_scaling=True, center_=None, scale_=SCALE),
        lambda x: x / SCALE,
    ),
    "maximum": (scaler("MaxAbsScaler", scale_=SCALE), lambda x: x / SCALE),
    "minimum and maximum": (scaler("MinMaxScaler", scale_=SCALE, min_=MEAN, clip=False), lambda x: x * SCALE + MEAN),
    "components": (
        standin("sklearn.decomposition.PCA", methods=("transform",), components_=W2.T @ W1.T, mean_=MEAN,
                explained_variance_=np.array([4.0, 0.25]), whiten=True),
        lambda x: (x - MEAN) @ W1 @ W2 / np.array([2.0, 0.5]),
    ),
}


@pytest.mark.parametrize("name", SCALERS)
def test_scaled_inputs(name):
    step, scaled = SCALERS[name]
    W = W1 if name != "components" else W1[:2]
    estimator = pipeline(step, "passthrough", perceptron(coefs_=[W, W2]))
    check(estimator, lambda x: np.tanh(scaled(x) @ W + b1) @ W2 + b2, x=MEAN + SCALE * X)


@pytest.mark.parametrize(
    "transformer, inverse",
    [
        (scaler("StandardScaler", with_mean=True, with_std=True, mean_=MEAN[:2], scale_=SCALE[:2]),
         lambda y: y * SCALE[:2] + MEAN[:2]),
        (scaler("MinMaxScaler", scale_=SCALE[:2], min_=MEAN[:2], clip=True), lambda y: (y - MEAN[:2]) / SCALE[:2]),
        (scaler("MaxAbsScaler", scale_=SCALE[:2], clip=True), lambda y: y * SCALE[:2]),
        (scaler("FunctionTransformer", inverse_func=np.exp, inv_kw_args=None), np.exp),
        (scaler("FunctionTransformer", inverse_func=np.expm1, inv_kw_args=None), np.expm1),
        (scaler("FunctionTransformer", inverse_func=np.exp2, inv_kw_args=None), np.exp2),
        (scaler("FunctionTransformer", inverse_func=None, inv_kw_args=None), lambda y: y),
    ],
)
def test_transformed_target(transformer, inverse):
    check(transformed_target(perceptron(), transformer), lambda x: inverse(core(x)))


def test_pipeline_inverts_its_steps_in_reverse_order():
    steps = (
        scaler("FunctionTransformer", inverse_func=np.sin, inv_kw_args=None),
        scaler("MaxAbsScaler", scale_=SCALE[:2]),
    )
    check(transformed_target(perceptron(), pipeline(*steps)), lambda x: np.sin(core(x) * SCALE[:2]))


def test_pipelines_nest():
    inner = pipeline(standard(), transformed_target(perceptron(), scaler("MaxAbsScaler", scale_=SCALE[:2])))
    check(pipeline(scaler("MaxAbsScaler", scale_=SCALE), inner),
          lambda x: core((x / SCALE - MEAN) / SCALE) * SCALE[:2], x=(MEAN + SCALE * X) * SCALE)


def test_clip_stops_the_derivative_outside():
    step = scaler("MinMaxScaler", scale_=SCALE, min_=np.zeros(3), clip=True, feature_range=(-1, 2))
    net = fj.from_sklearn(pipeline(step, perceptron()))
    x = np.array([2.1, 5.0, -1.0]) / SCALE  # above, above, at the lower bound
    np.testing.assert_array_equal(net.jacobian(x), 0)
    np.testing.assert_allclose(net(x), core(np.array([2.0, 2.0, -1.0])), rtol=1e-14)


def test_function_before_the_first_weights():
    step = scaler("FunctionTransformer", func=np.tanh, kw_args=None)
    check(pipeline(step, perceptron()), lambda x: core(np.tanh(x)))


def linear_model(name, W, b, **attributes):
    coef = W[:, 0] if W.shape[1] == 1 else W.T
    return standin(f"sklearn.linear_model.{name}", methods=("predict", "predict_proba"), coef_=coef, intercept_=b,
                   **attributes)


LINEAR_MODELS = {
    "several targets": (linear_model("Ridge", W1, b1), lambda x: x @ W1 + b1),
    "one target": (linear_model("LinearRegression", W1[:, :1], b1[0]), lambda x: x @ W1[:, :1] + b1[0]),
    "without intercept": (linear_model("Lasso", W1, 0.0), lambda x: x @ W1),
    "logarithmic link": (linear_model("PoissonRegressor", W1[:, :1], b1[0]), lambda x: np.exp(x @ W1[:, :1] + b1[0])),
    "two classes": (linear_model("LogisticRegression", W1[:, :1], b1[:1], classes_=[0, 1], solver="liblinear"),
                    lambda x: 1 / (1 + np.exp(-(x @ W1[:, :1] + b1[0])))),
    "four classes": (linear_model("LogisticRegressionCV", W1, b1, classes_=[0, 1, 2, 3], solver="lbfgs"),
                     lambda x: np.exp(x @ W1 + b1) / np.exp(x @ W1 + b1).sum()),
}


@pytest.mark.parametrize("name", LINEAR_MODELS)
def test_linear_models(name):
    estimator, f = LINEAR_MODELS[name]
    check(pipeline(standard(), estimator), lambda x: f((x - MEAN) / SCALE), x=MEAN + SCALE * X)


def test_partial_least_squares():
    estimator = standin("sklearn.cross_decomposition.PLSRegression", methods=("predict",), x_rotations_=W1[:, :2],
                        y_loadings_=W2, _x_mean=MEAN, _x_std=SCALE, _y_mean=b1, _y_std=np.array([2.0, 3.0, 0.5, 1.0]))
    check(estimator, lambda x: (x - MEAN) / SCALE @ W1[:, :2] @ W2.T * [2.0, 3.0, 0.5, 1.0] + b1)


def test_truncated_singular_values():
    step = standin("sklearn.decomposition.TruncatedSVD", methods=("transform", "inverse_transform"),
                   components_=W1[:2])
    inner = perceptron(coefs_=[W2, W1[:2, :2]], intercepts_=[b2, b1[:2]])
    check(pipeline(standin("sklearn.decomposition.TruncatedSVD", methods=("transform",), components_=W1.T),
                   transformed_target(inner, step)),
          lambda x: (np.tanh(x @ W1 @ W2 + b2) @ W1[:2, :2] + b1[:2]) @ W1[:2])


def test_searches_stand_for_the_best_that_they_found():
    search = standin("sklearn.model_selection.GridSearchCV", methods=("predict",),
                     best_estimator_=pipeline(standard(), perceptron()))
    check(search, lambda x: core((x - MEAN) / SCALE), x=MEAN + SCALE * X)


def columns(weights=None, **branches):
    """A ColumnTransformer of name=(transformer, columns)."""
    return standin("sklearn.compose.ColumnTransformer", methods=("transform",), n_features_in_=3,
                   transformers_=[(name, inner, "as given") for name, (inner, _) in branches.items()],
                   _transformer_to_input_indices={name: indices for name, (_, indices) in branches.items()},
                   transformer_weights=weights)


def union(*steps):
    return standin("sklearn.pipeline.FeatureUnion", methods=("transform",), n_features_in_=3, transformer_weights=None,
                   transformer_list=[(f"part{k}", step) for k, step in enumerate(steps)])


def some(which, name="StandardScaler"):
    return scaler(name, with_mean=True, with_std=True, mean_=MEAN[which], scale_=SCALE[which])


def z(x):
    return (x - MEAN) / SCALE


PCA = standin("sklearn.decomposition.PCA", methods=("transform",), components_=W1.T[:2], mean_=MEAN, whiten=True,
              explained_variance_=np.array([4.0, 0.25]))
FIRST = scaler("FunctionTransformer", func=None, kw_args=None)
SIDE_BY_SIDE = {
    "in another order": (columns(a=(some([2]), [2]), b=(some([1]), [1]), c=("passthrough", [0])),
                         lambda x: [z(x)[2], z(x)[1], x[0]]),
    "dropped": (columns(a=(some([2, 0]), [2, 0]), remainder=("drop", [1])), lambda x: [z(x)[2], z(x)[0]]),
    "remainder": (columns(a=(some([1], "MaxAbsScaler"), [1]), none=("drop", []), remainder=(FIRST, [0, 2])),
                  lambda x: [x[1] / SCALE[1], x[0], x[2]]),
    "a column twice": (columns(a=(some([1]), [1]), b=("passthrough", [1, 1]), c=(some([0, 1]), [0, 1])),
                       lambda x: [z(x)[1], x[1], x[1], z(x)[0], z(x)[1]]),
    "weights": (columns({"a": 3.0}, a=(some([1]), [1]), b=(some([0]), [0])), lambda x: [3 * z(x)[1], z(x)[0]]),
    "a pipeline": (columns(a=(pipeline(some([1, 2]), scaler("MinMaxScaler", scale_=SCALE[:2], min_=b2)), [1, 2])),
                   lambda x: z(x)[1:] * SCALE[:2] + b2),
    "components": (columns(a=(some([1]), [1]), b=(PCA, [0, 1, 2])),
                   lambda x: [z(x)[1], *(((x - MEAN) @ W1[:, :2]) / [2.0, 0.5])]),
    "union": (union(standard(), "passthrough", PCA, "drop"),
              lambda x: [*z(x), *x, *((x - MEAN) @ W1[:, :2] / [2.0, 0.5])]),
}


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_side_by_side(name):
    step, f = SIDE_BY_SIDE[name]
    n = len(f(X))
    V = rng.normal(size=(n, 4))
    check(pipeline(step, perceptron(coefs_=[V, W2])), lambda x: np.tanh(np.stack(f(x)) @ V + b1) @ W2 + b2,
          x=MEAN + SCALE * X)


def test_columns_keep_the_digits_of_a_large_mean():
    far = np.array([0.0, 1e9, 0.0])
    step = scaler("StandardScaler", with_mean=True, with_std=True, mean_=far[[1]], scale_=np.array([1e-3]))
    net = fj.from_sklearn(pipeline(columns(a=(step, [1]), b=("passthrough", [0, 2])), perceptron()))
    x = far + [0.5, 2**-12, -0.25]
    np.testing.assert_allclose(net(x), core(np.array([2**-12 / 1e-3, 0.5, -0.25])), rtol=1e-13)


def test_columns_leave_the_dtype_to_the_weights():
    single = perceptron(coefs_=[W1.astype("f4"), W2.astype("f4")], intercepts_=[b1.astype("f4"), b2.astype("f4")])
    assert fj.from_sklearn(pipeline(columns(a=(standard(), [0, 1, 2])), single)).dtype == np.float32


def test_dtype_is_that_of_the_weights():
    single = perceptron(coefs_=[W1.astype("f4"), W2.astype("f4")], intercepts_=[b1.astype("f4"), b2.astype("f4")])
    assert fj.from_sklearn(pipeline(standard(), single)).dtype == np.float32
    assert fj.from_sklearn(single, dtype=np.float64).dtype == np.float64
    assert fj.from_sklearn(perceptron()).dtype == np.float64


class OwnScaler(type(standard())):
    def transform(self, X):
        return X


@pytest.mark.parametrize(
    "estimator, words",
    [
        (pipeline(scaler("PowerTransformer"), perceptron()), ["step 'step0'", "PowerTransformer", "StandardScaler"]),
        (pipeline(standard(), pipeline(scaler("Normalizer"), perceptron())), ["'step1'", "'step0'", "Normalizer"]),
        (pipeline(standard()), ["step 'step0'", "StandardScaler", "MLPRegressor"]),
        (pipeline("passthrough"), ["at least one step"]),
        (standin("sklearn.ensemble.RandomForestRegressor"), ["RandomForestRegressor"]),
        (standin("sklearn.neural_network.MLPRegressor"), ["fitted MLPRegressor", "coefs_"]),
        (pipeline(scaler("MaxAbsScaler"), perceptron()), ["'step0'", "fitted MaxAbsScaler", "scale_"]),
        (transformed_target(perceptron(), scaler("PowerTransformer")), ["transformer_", "PowerTransformer"]),
        (pipeline(scaler("FunctionTransformer", func=np.log, kw_args=None), perceptron()), ["numpy.exp", "log"]),
        (pipeline(scaler("FunctionTransformer", func=abs, kw_args=None), perceptron()), ["'step0'", "abs"]),
        (pipeline(scaler("FunctionTransformer", func=np.exp, kw_args={"where": 0}), perceptron()), ["options"]),
        (pipeline(columns(a=(scaler("PowerTransformer"), [0])), perceptron()),
         ["step 'step0': transformer 'a'", "PowerTransformer"]),
        (pipeline(columns(a=(scaler("FunctionTransformer", func=np.tanh, kw_args=None), [0])), perceptron()),
         ["transformer 'a'", "linear", "tanh"]),
        (pipeline(columns(a=("drop", [0])), perceptron()), ["'step0'", "at least one transformer"]),
        (transformed_target(perceptron(), columns(a=(standard(), [0]))), ["transformer_", "ColumnTransformer"]),
        (linear_model("LogisticRegression", W1, b1, classes_=[0, 1, 2], solver="liblinear"), ["softmax", "liblinear"]),
        (linear_model("LogisticRegression", W1, b1, classes_=[0, 1, 2], solver="lbfgs", multi_class="ovr"), ["'ovr'"]),
        (linear_model("LogisticRegression", W1, b1, classes_=[0, 1], solver="lbfgs", multi_class="multinomial"),
         ["multinomial"]),
        (standin("sklearn.linear_model.Ridge"), ["fitted Ridge", "coef_"]),
        (pipeline(OwnScaler(), perceptron()), ["OwnScaler", "its own transform"]),
        (perceptron(activation="gauss"), ["layer 1", "'gauss'"]),
        (perceptron(coefs_=[W1, np.full((4, 2), np.nan)]), ["layer 2", "nan"]),
        (perceptron(coefs_=[W1 * 1j, W2]), ["layer 1", "complex128"]),
        (pipeline(standard(mean_=MEAN[:2], scale_=SCALE[:2]), perceptron()),
         ["step 'step1': layer 1", "2 inputs", "shape (3, 4)"]),
        (3, ["sklearn", "int"]),
    ],
)
def test_what_cannot_be_read_is_named(estimator, words):
    with pytest.raises(ModelFormatError) as caught:
        fj.from_sklearn(estimator)
    for word in words:
        assert word in str(caught.value)
