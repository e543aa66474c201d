"""The table of activations: names, parameters and the page of the documentation."""

import copy
import pickle
import re
import runpy
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from oracles_activations import oracles
from scipy.special import ndtri

import fastjac as fj
from fastjac.activations import ACTIVATIONS, find, parameter_rows

DOCS = Path(__file__).parents[1] / "docs"


def test_table_is_public_and_read_only():
    assert fj.ACTIVATIONS is ACTIVATIONS
    with pytest.raises(TypeError):
        ACTIVATIONS["relu"] = None
    with pytest.raises(TypeError):
        find("elu").parameters["alpha"] = 2.0
    with pytest.raises(AttributeError):
        find("elu").name = "other"


@pytest.mark.parametrize("alias, name", [
    ("linear", "identity"), ("swish", "silu"), ("SiLU", "silu"), ("logistic", "sigmoid"),
    ("LeakyReLU", "leaky_relu"), ("leaky ReLU", "leaky_relu"), ("hardtanh", "hard_tanh"),
    ("Hardswish", "hard_swish"), ("hard_silu", "hard_swish"),
    ("hard-sigmoid", "hard_sigmoid"), ("exponential", "exp"), ("atan", "arctan"),
    ("LogSigmoid", "log_sigmoid"),
    ("Softshrink", "soft_shrink"), ("Hardshrink", "hard_shrink"), ("Tanhshrink", "tanh_shrink"),
    ("ReLU6", "relu6"), ("gelu_new", "gelu_tanh"), ("LogSoftmax", "log_softmax"), ("PReLU", "prelu"),
])
def test_find_by_alias(alias, name):
    assert find(alias).name == name


def test_names_and_aliases_are_distinct():
    names = [name for a in ACTIVATIONS.values() for name in (a.name, *a.aliases)]
    folded = [name.replace("_", "") for name in names]
    assert len(set(folded)) == len(folded)
    assert all(find(name) is a for a in ACTIVATIONS.values() for name in (a.name, *a.aliases))


def test_find_unknown_lists_the_nearest_and_all_case_66():
    with pytest.raises(ValueError, match="'sigmiod'; did you mean sigmoid") as caught:
        find("sigmiod")
    assert all(name in str(caught.value) for name in ACTIVATIONS)
    with pytest.raises(ValueError, match="unknown activation 'qqq'; the names are identity"):
        find("qqq")
    with pytest.raises(TypeError, match="expected a name, got int"):
        find(3)


@pytest.mark.parametrize("name", [a.name for a in ACTIVATIONS.values() if a.kind == "diagonal"])
def test_activity_is_the_share_of_normal_points_with_a_slope(name):
    h = ndtri((np.arange(10_000) + 0.5) / 10_000)
    parameters = {key: 0.5 for key, default in find(name).parameters.items() if default is None}
    slopes = fj.Network([fj.Layer(h[None], None, name, **parameters)]).jacobian([1.0])
    assert find(name).activity == pytest.approx(np.count_nonzero(slopes) / 10_000, abs=5e-4)
    assert find(name).vanishes == (np.count_nonzero(slopes) < 10_000)


def test_activations_copy_and_pickle_as_themselves():
    for activation in ACTIVATIONS.values():
        assert pickle.loads(pickle.dumps(activation)) is activation
        assert copy.deepcopy(activation) is activation


def test_parameters_fill_defaults_and_rows():
    name, parameters, rows = parameter_rows(find("hard_tanh"), {"max": [1, 2, 3]}, 3)
    assert name == "hard_tanh"
    assert parameters["min"] == -1.0 and np.array_equal(parameters["max"], [1, 2, 3])
    assert rows.dtype == np.float64 and np.array_equal(rows, [[-1, -1, -1], [1, 2, 3]])
    assert not parameters["max"].flags.writeable


def test_parameters_are_copied():
    alpha = np.array([1.0, 2.0])
    _, parameters, rows = parameter_rows(find("elu"), {"alpha": alpha}, 2)
    alpha[:] = 7
    assert np.array_equal(parameters["alpha"], [1, 2]) and np.array_equal(rows, [[1, 2]])


def test_activation_without_parameters_has_no_rows():
    assert parameter_rows(find("relu"), {}, 4)[2].shape == (0, 4)


def test_gelu_approximate():
    gelu = find("gelu")
    assert parameter_rows(gelu, {}, 1)[0] == "gelu"
    assert parameter_rows(gelu, {"approximate": "none"}, 1)[0] == "gelu"
    assert parameter_rows(gelu, {"approximate": "tanh"}, 1)[:2] == ("gelu_tanh", {})
    for other in ("erf", True, ["tanh"]):
        with pytest.raises(ValueError, match="expected 'none' or 'tanh'"):
            parameter_rows(gelu, {"approximate": other}, 1)


@pytest.mark.parametrize("name, given, error, message", [
    ("prelu", {}, TypeError, "prelu: missing parameter 'slope'; expected parameters: slope"),
    ("speculator", {"alpha": 1}, TypeError, "missing parameter 'beta'; expected parameters: alpha, beta"),
    ("elu", {"a": 1}, TypeError, "elu: unknown parameter 'a'; expected parameters: alpha"),
    ("relu", {"slope": 1}, TypeError, "relu: unknown parameter 'slope'; expected parameters: none"),
    ("gelu", {"beta": 1}, TypeError, "gelu: unknown parameter 'beta'; expected parameters: approximate"),
    ("elu", {"alpha": "x"}, TypeError, "elu: alpha: expected real numbers, got str"),
    ("elu", {"alpha": None}, TypeError, "expected real numbers, got NoneType"),
    ("elu", {"alpha": True}, TypeError, "expected real numbers, got bool"),
    ("elu", {"alpha": 1j}, TypeError, "expected real numbers, got complex"),
    ("elu", {"alpha": [[1], [2, 3]]}, TypeError, "elu: alpha: expected real numbers, got a ragged list"),
    ("elu", {"alpha": [1, 2]}, ValueError, r"alpha: expected a number or shape \(3,\), got shape \(2,\)"),
    ("elu", {"alpha": [[1, 2, 3]]}, ValueError, r"got shape \(1, 3\)"),
    ("elu", {"alpha": np.nan}, ValueError, "elu: alpha: expected finite numbers, got nan"),
    ("elu", {"alpha": [1, np.inf, 1]}, ValueError, "elu: alpha: expected finite numbers, got inf at index 1"),
    ("softplus", {"beta": 0}, ValueError, "softplus: beta: expected numbers greater than 0, got 0"),
    ("celu", {"alpha": [1, -2, 1]}, ValueError, "expected numbers greater than 0, got -2.0 at index 1"),
    ("soft_shrink", {"threshold": -1}, ValueError, "soft_shrink: threshold: expected numbers of at least 0"),
    ("hard_tanh", {"min": 2}, ValueError, "hard_tanh: expected min < max, got min = 2.0, max = 1.0"),
    ("hard_tanh", {"max": [1, -1, 1]}, ValueError, "got min = -1.0, max = -1.0 at index 1"),
])
def test_wrong_parameters(name, given, error, message):
    with pytest.raises(error, match=message):
        parameter_rows(find(name), given, 3)


def test_page_of_the_documentation_holds_the_table():
    page = runpy.run_path(str(DOCS / "make_activations.py"))["page"]()
    assert (DOCS / "activations.md").read_text(encoding="utf-8") == page


def evaluate(text, h, parameters):
    """A formula of the table, "expression, name = expression, ...", as a number."""
    names = {
        "exp": mp.exp, "log": mp.log, "tanh": mp.tanh, "cosh": mp.cosh, "sin": mp.sin, "cos": mp.cos,
        "pi": mp.pi, "arctan": mp.atan, "erf": mp.erf, "sqrt": mp.sqrt, "sign": mp.sign, "max": max,
        "min": min, "abs": abs, "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "h": mp.mpf(h), **parameters,
    }
    expression, *definitions = re.split(r", (?=\w+ = )", text.replace("|h|", "abs(h)"))
    for name, definition in (each.split(" = ") for each in definitions):
        names[name] = eval(definition, names)
    return eval(expression, names)


# The parameters of hard_tanh hide the functions min and max.
@pytest.mark.parametrize("name", [n for n in oracles() if n != "hard_tanh"])
def test_formulas_agree_with_the_oracles(name):
    oracle, activation = oracles()[name], ACTIVATIONS[name]
    parameters = dict(zip(activation.parameters, oracle.parameters))
    for h in (-3.7, -1.3, -0.2, 0.3, 0.7, 1.9, 7.1):
        value = oracle.f(mp.mpf(h), *oracle.parameters)
        slope = mp.diff(lambda x: oracle.f(x, *oracle.parameters), h)
        assert mp.almosteq(evaluate(activation.formula, h, parameters), value, 1e-12, 1e-12)
        assert mp.almosteq(evaluate(activation.derivative, h, parameters), slope, 1e-9, 1e-9)
