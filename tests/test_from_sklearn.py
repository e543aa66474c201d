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
