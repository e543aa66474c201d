"""from_sklearn against scikit-learn: predict and predict_proba, and central differences of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import assert_agrees, jacobian_by_differences

import fastjac as fj
from fastjac.formats.sklearn import LINEAR_MODELS

pytest.importorskip("sklearn")
from sklearn import linear_model
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)

SCALERS = st.sampled_from([
    StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False), RobustScaler(), RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False), MaxAbsScaler(), MinMaxScaler(), MinMaxScaler((-3, 2)),
    MinMaxScaler((-3, 3), clip=True), PCA(2), PCA(whiten=True), FunctionTransformer(np.tanh), "passthrough",
    TruncatedSVD(2), make_union(StandardScaler(), PCA(2), "passthrough"),
    ColumnTransformer([("a", StandardScaler(), [1]), ("b", "passthrough", slice(0, 1))], remainder=RobustScaler()),
    ColumnTransformer([("a", make_pipeline(MinMaxScaler(), PCA()), [-1, 0]), ("b", "drop", [1])],
                      remainder="passthrough", transformer_weights={"a": 0.5}),
])
TARGETS = st.sampled_from([
    StandardScaler(), RobustScaler(), MinMaxScaler(), MaxAbsScaler(), PCA(),
    make_pipeline(MinMaxScaler(), StandardScaler()),
    FunctionTransformer(np.log1p, np.expm1), FunctionTransformer(np.log, np.exp), FunctionTransformer(np.log2, np.exp2),
    None,
])


def data(rng, n_in, n_out):
    X = rng.normal(size=(40, n_in)) * rng.uniform(0.5, 3, n_in) + rng.uniform(-2, 2, n_in)
    Y = np.exp(0.3 * np.tanh(X @ rng.normal(size=(n_in, n_out)))) + 1
    return X, Y[:, 0] if n_out == 1 else Y


def check(estimator, predict, X, dtype=np.float64):
    net = fj.from_sklearn(estimator)
    assert net.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-9
    for x in (X[:8].mean(axis=0), X[8:16].mean(axis=0)):
        def f(x):
            return predict(x[None]).reshape(-1)

        # Differences of a function in float32 say nothing: its network in float64 stands in for it.
        g = f if dtype == np.float64 else fj.from_sklearn(estimator, dtype=np.float64)
        assert_agrees(net, x.astype(dtype), f(x), jacobian_by_differences(g, x, h=2e-3), tolerance)


@settings(max_examples=15, derandomize=True)
@given(
    widths=st.lists(st.integers(1, 9), max_size=3), n_in=st.integers(2, 5), n_out=st.integers(1, 3),
    activation=st.sampled_from(["identity", "logistic", "tanh"]), scalers=st.lists(SCALERS, max_size=3),
    target=TARGETS, seed=st.integers(0, 99), single=st.booleans(),
)
def test_regressor(widths, n_in, n_out, activation, scalers, target, seed, single):
    rng = np.random.default_rng(seed)
    X, Y = data(rng, n_in, n_out)
    regressor = MLPRegressor(hidden_layer_sizes=widths, activation=activation, max_iter=5, random_state=seed)
    estimator = TransformedTargetRegressor(make_pipeline(*scalers, regressor), transformer=target)
    estimator.fit(X, Y)
    check(estimator, estimator.predict, X)
    if single:
        regressor.fit(X.astype("f4"), Y.astype("f4"))
        check(regressor, lambda x: regressor.predict(x.astype("f4")), X, np.float32)


def test_relu_away_from_its_kinks():
    X, Y = data(np.random.default_rng(1), 4, 2)
    regressor = MLPRegressor(hidden_layer_sizes=[20, 20], max_iter=20, random_state=0)
    estimator = make_pipeline(StandardScaler(), regressor).fit(X, Y)
    net = fj.from_sklearn(estimator)
    for x in X:
        # On a piece of F, which the step must not leave, differences are exact but for rounding.
        expected = jacobian_by_differences(lambda x: estimator.predict(x[None])[0], x, h=1e-8)
        assert_agrees(net, x, estimator.predict(x[None])[0], expected, 1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_classifier(n_classes):
    X, _ = data(np.random.default_rng(n_classes), 4, 1)
    classifier = MLPClassifier(hidden_layer_sizes=[8], activation="tanh", max_iter=30, random_state=0)
    estimator = make_pipeline(StandardScaler(), classifier).fit(X, np.arange(40) % n_classes)
    columns = slice(1, None) if n_classes == 2 else slice(None)
    check(estimator, lambda x: estimator.predict_proba(x)[:, columns], X)


def test_classifier_of_several_labels():
    X, Y = data(np.random.default_rng(0), 4, 3)
    classifier = MLPClassifier(hidden_layer_sizes=[8, 4], activation="logistic", max_iter=30, random_state=0)
    classifier.fit(X, Y > 2)
    check(classifier, classifier.predict_proba, X)


def test_functions_of_the_target():
    X, y = data(np.random.default_rng(2), 3, 1)
    regressor = MLPRegressor(hidden_layer_sizes=[6], activation="tanh", max_iter=5, random_state=0)
    estimator = TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp).fit(X, y)
    check(estimator, estimator.predict, X)


def test_poisson_loss():
    X, y = data(np.random.default_rng(2), 3, 1)
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no other losses")
    estimator = MLPRegressor(hidden_layer_sizes=[6], activation="tanh", loss="poisson", max_iter=5, random_state=0)
    estimator.fit(X, y)
    check(estimator, estimator.predict, X)


@settings(max_examples=15, derandomize=True)
@given(name=st.sampled_from(sorted(LINEAR_MODELS)), scalers=st.lists(SCALERS, max_size=2), n_in=st.integers(2, 5),
       seed=st.integers(0, 99))
def test_linear_models(name, scalers, n_in, seed):
    X, y = data(np.random.default_rng(seed), n_in, 1)
    estimator = make_pipeline(*scalers, getattr(linear_model, name)()).fit(X, y)
    check(estimator, estimator.predict, X)


@pytest.mark.parametrize("n_out", [1, 3])
def test_partial_least_squares(n_out):
    X, Y = data(np.random.default_rng(0), 4, n_out)
    estimator = PLSRegression(2).fit(X, Y)
    check(estimator, estimator.predict, X)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_logistic_regression(n_classes):
    X, _ = data(np.random.default_rng(0), 4, 1)
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, np.arange(40) % n_classes)
    columns = slice(1, None) if n_classes == 2 else slice(None)
    check(estimator, lambda x: estimator.predict_proba(x)[:, columns], X)


@pytest.mark.parametrize("encoder", [PCA(2), TruncatedSVD(2)])
def test_reduced_targets(encoder):
    X, Y = data(np.random.default_rng(1), 3, 4)
    regressor = MLPRegressor(hidden_layer_sizes=[6], activation="tanh", max_iter=5, random_state=0)
    estimator = TransformedTargetRegressor(regressor, transformer=encoder, check_inverse=False).fit(X, Y)
    check(estimator, estimator.predict, X)


def test_search():
    X, y = data(np.random.default_rng(2), 3, 1)
    regressor = MLPRegressor(hidden_layer_sizes=[6], activation="tanh", max_iter=5, random_state=0)
    estimator = GridSearchCV(make_pipeline(StandardScaler(), regressor), {"mlpregressor__alpha": [1e-4, 1.0]}, cv=2)
    estimator.fit(X, y)
    check(estimator, estimator.predict, X)
