"""from_torch on objects with the attributes of PyTorch's modules, each against its formula in NumPy."""

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step, standin

import fastjac as fj
from fastjac import ModelFormatError

rng = np.random.default_rng(0)
X = rng.normal(size=3)
W1, b1, W2, b2 = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2)), rng.normal(size=2)


def module(name, *bases, training=False, **attributes):
    attributes = {"training": training, "_forward_hooks": {}, "_forward_pre_hooks": {}} | attributes
    return standin(f"torch.nn.modules.{name}", bases, methods=("forward", "__call__"), **attributes)


def linear(W, b=None, **changes):
    return module("Linear", weight=W.T, bias=b, **changes)


def sequential(*children):
    return module("Sequential", _modules={str(k): child for k, child in enumerate(children)})


def around(*children):
    """A network with modules between its two layers."""
    return sequential(linear(W1, b1), *children, linear(W2, b2))


def check(model, f, x=X):
    assert_agrees(fj.from_torch(model), x, f(x), jacobian_by_complex_step(f, x))


def test_one_linear_module():
    check(linear(W1, b1), lambda x: x @ W1 + b1)


def test_nested_sequentials():
    model = sequential(sequential(linear(W1)), sequential(), sequential(module("Tanh"), sequential(linear(W2, b2))))
    check(model, lambda x: np.tanh(x @ W1) @ W2 + b2)


def positive(f, slope):
    """A function with a slope below 0, for complex numbers."""
    return lambda h: np.where(h.real > 0, h, slope(h) if callable(slope) else slope * h) if f is None else f(h)


def sigmoid(h):
    return 1 / (1 + np.exp(-h))


SLOPES = np.array([0.1, -0.2, 0.3, 0.0])
DEFAULT_GELU = module("GELU", approximate="none")
MODULES = {
    "ReLU": (module("ReLU"), positive(None, 0)),
    "LeakyReLU": (module("LeakyReLU", negative_slope=0.2), positive(None, 0.2)),
    "PReLU": (module("PReLU", weight=np.array([0.3])), positive(None, 0.3)),
    "PReLU of each unit": (module("PReLU", weight=SLOPES), positive(None, SLOPES)),
    "ELU": (module("ELU", alpha=0.7), positive(None, lambda h: 0.7 * np.expm1(h))),
    "CELU": (module("CELU", alpha=0.7), positive(None, lambda h: 0.7 * np.expm1(h / 0.7))),
    "RReLU": (module("RReLU", lower=0.1, upper=0.3), positive(None, 0.2)),
    "Hardtanh": (module("Hardtanh", min_val=-0.5, max_val=2.0),
                 lambda h: np.where(h.real < -0.5, -0.5, np.where(h.real > 2, 2.0, h))),
    "Threshold": (module("Threshold", threshold=0.4, value=0), lambda h: np.where(h.real > 0.4, h, 0)),
    "Softshrink": (module("Softshrink", lambd=0.3),
                   lambda h: np.where(np.abs(h.real) > 0.3, h - 0.3 * np.sign(h.real), 0)),
    "Hardshrink": (module("Hardshrink", lambd=0.3), lambda h: np.where(np.abs(h.real) > 0.3, h, 0)),
    "Sigmoid": (module("Sigmoid"), sigmoid),
    "SiLU": (module("SiLU"), lambda h: h * sigmoid(h)),
    "Softplus": (module("Softplus", beta=2.0, threshold=20), lambda h: np.log(1 + np.exp(2 * h)) / 2),
    "GELU with tanh": (module("GELU", approximate="tanh"),
                       lambda h: h / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))),
    "Softmax": (module("Softmax", dim=-1), lambda h: np.exp(h) / np.exp(h).sum()),
    "LogSoftmax": (module("LogSoftmax", dim=None), lambda h: h - np.log(np.exp(h).sum())),
    "Dropout": (module("Dropout", p=0.5), lambda h: h),
    "Dropout of nothing": (module("Dropout", p=0.0, training=True), lambda h: h),
    "Flatten": (module("Flatten", start_dim=1, end_dim=-1), lambda h: h),
    "Identity": (module("Identity"), lambda h: h),
    "LayerNorm": (module("LayerNorm", normalized_shape=(4,), eps=0.5, weight=SLOPES, bias=b1),
                  lambda h: (h - h.mean()) / np.sqrt(((h - h.mean()) ** 2).mean() + 0.5) * SLOPES + b1),
    "LayerNorm without weights": (module("LayerNorm", normalized_shape=(4,), eps=1e-5, weight=None, bias=None),
                                  lambda h: (h - h.mean()) / np.sqrt(((h - h.mean()) ** 2).mean() + 1e-5)),
    "RMSNorm": (module("RMSNorm", normalized_shape=(4,), eps=None, weight=SLOPES),
                lambda h: h / np.sqrt((h**2).mean() + 2.0**-52) * SLOPES),
    "RMSNorm without weights": (module("RMSNorm", normalized_shape=(4,), eps=0.1, weight=None),
                                lambda h: h / np.sqrt((h**2).mean() + 0.1)),
    "BatchNorm1d": (
        module("BatchNorm1d", running_mean=b1 + 1, running_var=np.arange(1.0, 5.0), eps=0.5, weight=SLOPES, bias=-b1),
        lambda h: (h - b1 - 1) / np.sqrt(np.arange(1.0, 5.0) + 0.5) * SLOPES - b1,
    ),
    "BatchNorm1d without weights": (
        module("BatchNorm1d", running_mean=b1, running_var=np.ones(4), eps=1e-5, weight=None, bias=None),
        lambda h: (h - b1) / np.sqrt(1 + 1e-5),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    child, f = MODULES[name]
    check(around(child), lambda x: f(x @ W1 + b1) @ W2 + b2)


def test_activation_before_the_first_weights():
    check(sequential(module("Sigmoid"), linear(W1, b1)), lambda x: sigmoid(x) @ W1 + b1)


def test_subclasses_that_change_nothing_are_what_they_inherit_from():
    own = standin("mine.Own", (linear(W1),), **vars(linear(W1, b1)))
    check(own, lambda x: x @ W1 + b1)


def test_normalisation_before_the_first_weights():
    norm = module("RMSNorm", normalized_shape=(3,), eps=0.1, weight=None)
    check(sequential(norm, linear(W1, b1)), lambda x: x / np.sqrt((x**2).mean() + 0.1) @ W1 + b1)


def test_half_precision_is_widened():
    net = fj.from_torch(linear(W1.astype(np.float16), b1.astype(np.float16)))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.layers[0].W, W1.astype(np.float16))
    assert fj.from_torch(linear(W1.astype("f4")), dtype=np.float64).dtype == np.float64


def test_softplus_says_no_to_a_low_threshold():
    with pytest.raises(ModelFormatError, match="'1' \\(Softplus\\): expected a threshold of at least 20.* got 5"):
        fj.from_torch(around(module("Softplus", beta=1.0, threshold=5)))


BATCH_NORM = {"running_mean": b1, "running_var": np.ones(4), "eps": 1e-5, "weight": None, "bias": None}


@pytest.mark.parametrize(
    "child, words",
    [
        (module("Conv2d"), ["Conv2d", "Linear", "Sequential"]),
        (module("GroupNorm"), ["GroupNorm", "LayerNorm"]),
        (module("LayerNorm", normalized_shape=(2, 2), eps=1e-5, weight=None, bias=None), ["(LayerNorm)", "(2, 2)"]),
        (module("LayerNorm", normalized_shape=(3,), eps=1e-5, weight=None, bias=None), ["(LayerNorm)", "4 units", "3"]),
        (module("LayerNorm", normalized_shape=(4,), eps=-1.0, weight=None, bias=None), ["(LayerNorm)", "epsilon"]),
        (module("RMSNorm", normalized_shape=(4,), eps=None, weight=None), ["(RMSNorm)", "eps=None"]),
        (module("RMSNorm", normalized_shape=(4,), eps=None, weight=np.ones(4, "f2")), ["(RMSNorm)", "float16"]),
        (module("Dropout", p=0.1, training=True), ["(Dropout)", "evaluation", "training"]),
        (module("RReLU", lower=0.1, upper=0.3, training=True), ["(RReLU)", "evaluation"]),
        (module("BatchNorm1d", training=True, **BATCH_NORM), ["(BatchNorm1d)", "evaluation", "training"]),
        (module("BatchNorm1d", **BATCH_NORM | {"running_mean": None}), ["(BatchNorm1d)", "running statistics"]),
        (module("BatchNorm1d", **BATCH_NORM | {"running_var": -np.ones(4)}),
         ["(BatchNorm1d)", "variances above 0", "-0.9"]),
        (module("Threshold", threshold=0.1, value=3), ["(Threshold)", "value 0", "got 3"]),
        (module("Softmax", dim=0), ["(Softmax)", "dim=0"]),
        (module("Flatten", start_dim=0, end_dim=-1), ["(Flatten)", "start_dim=0"]),
        (module("PReLU", weight=np.zeros((2, 2))), ["(PReLU)", "(2, 2)"]),
        (module("ReLU", _forward_hooks={1: print}), ["without hooks", "forward hooks"]),
        (module("ReLU", _forward_pre_hooks={1: print}), ["without hooks", "forward pre hooks"]),
        (module("Linear", parametrizations={}, weight=W1, bias=None), ["parametrizations"]),
        (module("Linear", weight=W1.T.astype(np.int8), bias=None), ["(Linear)", "int8"]),
        (linear(np.full((4, 4), np.inf)), ["(Linear)", "inf"]),
        (standin("mine.Own", (module("Module"),), methods=("forward",)),
         ["Own", "its own forward", "from_onnx", "Residual"]),
        (module("Linear", weight=W1, bias=None, forward=print), ["Linear", "its own forward"]),
        (3, ["torch", "int"]),
    ],
)
def test_what_cannot_be_read_is_named(child, words):
    with pytest.raises(ModelFormatError) as caught:
        fj.from_torch(around(sequential(child)))
    assert str(caught.value).startswith("from_torch: module '1.0'")
    for word in words:
        assert word in str(caught.value)


def test_widths_that_do_not_fit():
    with pytest.raises(ModelFormatError, match="module '1' .Linear.: expected 4 inputs.* shape \\(3, 4\\)"):
        fj.from_torch(sequential(linear(W1), linear(W1)))


def test_no_weights():
    with pytest.raises(ModelFormatError, match="at least one dense layer"):
        fj.from_torch(sequential(module("ReLU")))
