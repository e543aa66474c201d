"""The table of activations: names, parameters, formulas, behaviour at kinks.

The kernels themselves stand in fastjac/kernels/activations.pxi; a name here is a name there.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np

from fastjac._tables import plain

__all__ = ["ACTIVATIONS", "Activation", "find", "parameter_rows"]


@dataclass(frozen=True)
class Activation:
    """One activation a = f(h), with derivative d = f'(h), as documented facts.

    Attributes
    ----------
    name : str
        Canonical name.
    aliases : tuple of str
        Other names; case, underscores, hyphens and spaces never matter.
    parameters : mapping of str to float or None
        Default of each parameter, None where the user must give it. A parameter is a number or one
        number per unit.
    formula, derivative : str
        f and f' in plain text, in h.
    latex, latex_derivative : str
        The same in LaTeX.
    kinks : str
        The derivative where there are two one-sided ones; empty where f is smooth.
    kind : {"diagonal", "softmax", "log_softmax", "rms_norm", "layer_norm"}
        Shape of the derivative: elementwise, or the dense matrix of one of the others.
    activity : float
        Share of units with f' ≠ 0 that is expected: for h of the standard normal distribution and the
        default parameters. Below 1 where f' is exactly zero on an interval.
    c : tuple of str
        f and f' as expressions of C, of an activation that a user registered; empty if there are none.
    custom : object
        How an activation that a user registered is computed; None for those of the library.
    """

    name: str
    formula: str
    derivative: str
    latex: str
    latex_derivative: str
    aliases: tuple = ()
    parameters: dict = field(default_factory=dict)
    kinks: str = ""
    kind: str = "diagonal"
    activity: float = 1.0
    c: tuple = ()
    custom: object = None

    def __post_init__(self):
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def vanishes(self):
        """Whether f' is exactly zero on an interval, so that units drop out of the chain."""
        return self.activity < 1

    def __reduce__(self):
        return find, (self.name,)


_TABLE = (
    Activation("identity", "h", "1", r"h", r"1", ("linear", "none")),
    Activation(
        "relu", "max(h, 0)", "1 if h > 0 else 0",
        r"\max(h, 0)", r"\mathbf{1}_{h > 0}", kinks="f'(0) = 0", activity=0.5),
    Activation(
        "relu6", "min(max(h, 0), 6)", "1 if 0 < h < 6 else 0",
        r"\min(\max(h, 0), 6)", r"\mathbf{1}_{0 < h < 6}", kinks="f'(0) = f'(6) = 0", activity=0.5),
    Activation(
        "leaky_relu", "h if h > 0 else negative_slope*h", "1 if h > 0 else negative_slope",
        r"\max(h, 0) + s \min(h, 0)", r"\mathbf{1}_{h > 0} + s \, \mathbf{1}_{h \le 0}",
        ("lrelu",), {"negative_slope": 0.01}, "f'(0) = negative_slope"),
    Activation(
        "prelu", "h if h > 0 else slope*h", "1 if h > 0 else slope",
        r"\max(h, 0) + s \min(h, 0)", r"\mathbf{1}_{h > 0} + s \, \mathbf{1}_{h \le 0}",
        ("parametric_relu",), {"slope": None}, "f'(0) = slope"),
    Activation(
        "thresholded_relu", "h if h > theta else 0", "1 if h > theta else 0",
        r"h \, \mathbf{1}_{h > \theta}", r"\mathbf{1}_{h > \theta}",
        (), {"theta": 1.0}, "f'(theta) = 0; f itself jumps there", activity=0.159),
    Activation(
        "elu", "h if h > 0 else alpha*(exp(h) - 1)", "1 if h > 0 else alpha*exp(h)",
        r"\max(h, 0) + \alpha (e^{\min(h, 0)} - 1)",
        r"\mathbf{1}_{h > 0} + \alpha e^{h} \mathbf{1}_{h \le 0}",
        (), {"alpha": 1.0}, "f'(0) = alpha"),
    Activation(
        "selu", "c*(h if h > 0 else alpha*(exp(h) - 1)), c = 1.0507009873554805, alpha = 1.6732632423543772",
        "c*(1 if h > 0 else alpha*exp(h)), c = 1.0507009873554805, alpha = 1.6732632423543772",
        r"c (\max(h, 0) + \alpha (e^{\min(h, 0)} - 1))",
        r"c (\mathbf{1}_{h > 0} + \alpha e^{h} \mathbf{1}_{h \le 0})",
        kinks="f'(0) = c*alpha"),
    Activation(
        "celu", "h if h > 0 else alpha*(exp(h/alpha) - 1)", "1 if h > 0 else exp(h/alpha)",
        r"\max(h, 0) + \alpha (e^{\min(h, 0)/\alpha} - 1)", r"e^{\min(h, 0)/\alpha}",
        (), {"alpha": 1.0}),
    Activation(
        "hard_tanh", "min(max(h, min), max)", "1 if min < h < max else 0",
        r"\min(\max(h, l), u)", r"\mathbf{1}_{l < h < u}",
        (), {"min": -1.0, "max": 1.0}, "f'(min) = f'(max) = 0", activity=0.683),
    Activation(
        "hard_sigmoid", "min(max(slope*h + offset, 0), 1)", "slope if 0 < slope*h + offset < 1 else 0",
        r"\min(\max(s h + o, 0), 1)", r"s \, \mathbf{1}_{0 < s h + o < 1}",
        (), {"slope": 1 / 6, "offset": 0.5}, "f' = 0 at both ends (h = -3 and h = 3 by default)", activity=0.997),
    Activation(
        "hard_swish", "h*min(max(h + 3, 0), 6)/6", "0 if h <= -3 else 1 if h >= 3 else (2*h + 3)/6",
        r"h \min(\max(h + 3, 0), 6) / 6",
        r"\mathbf{1}_{h \ge 3} + \tfrac{2 h + 3}{6} \mathbf{1}_{-3 < h < 3}",
        ("hard_silu",), kinks="f'(-3) = 0, f'(3) = 1", activity=0.999),
    Activation("tanh", "tanh(h)", "1/cosh(h)**2", r"\tanh h", r"\operatorname{sech}^2 h"),
    Activation(
        "sigmoid", "1/(1 + exp(-h))", "sigmoid(h)*sigmoid(-h)",
        r"\sigma(h)", r"\sigma(h) \, \sigma(-h)", ("logistic",)),
    Activation(
        "log_sigmoid", "-log(1 + exp(-h))", "sigmoid(-h)", r"\log \sigma(h)", r"\sigma(-h)"),
    Activation(
        "softplus", "log(1 + exp(beta*h))/beta", "sigmoid(beta*h)",
        r"\tfrac{1}{\beta} \log(1 + e^{\beta h})", r"\sigma(\beta h)", (), {"beta": 1.0}),
    Activation(
        "softsign", "h/(1 + |h|)", "1/(1 + |h|)**2", r"\frac{h}{1 + |h|}", r"\frac{1}{(1 + |h|)^2}"),
    Activation(
        "silu", "h*sigmoid(h)", "sigmoid(h)*(1 + h*sigmoid(-h))",
        r"h \, \sigma(h)", r"\sigma(h) (1 + h \, \sigma(-h))", ("swish",)),
    Activation(
        "mish", "h*tanh(log(1 + exp(h)))", "T + h*(1 - T**2)*sigmoid(h), T = tanh(log(1 + exp(h)))",
        r"h \tanh(\log(1 + e^{h}))",
        r"T + h (1 - T^2) \sigma(h), \; T = \tanh(\log(1 + e^{h}))"),
    Activation(
        "gelu", "h*P, P = (1 + erf(h/sqrt(2)))/2",
        "P + h*exp(-h**2/2)/sqrt(2*pi), P = (1 + erf(h/sqrt(2)))/2",
        r"h \, \Phi(h)", r"\Phi(h) + \frac{h}{\sqrt{2 \pi}} e^{-h^2/2}"),
    Activation(
        "gelu_tanh", "h*sigmoid(v), v = sqrt(8/pi)*(h + 0.044715*h**3)",
        "s*(1 + h*u*(1 - s)), u = sqrt(8/pi)*(1 + 0.134145*h**2), "
        "s = sigmoid(sqrt(8/pi)*(h + 0.044715*h**3))",
        r"h \, \sigma(v), \; v = \sqrt{8/\pi} \, (h + 0.044715 \, h^3)",
        r"\sigma(v) (1 + h v' \sigma(-v)), \; v' = \sqrt{8/\pi} \, (1 + 0.134145 \, h^2)",
        ("gelu_pytorch_tanh", "gelu_new")),
    Activation(
        "tanh_shrink", "h - tanh(h)", "tanh(h)**2", r"h - \tanh h", r"\tanh^2 h"),
    Activation(
        "soft_shrink", "sign(h)*max(|h| - threshold, 0)", "1 if |h| > threshold else 0",
        r"\operatorname{sign}(h) \max(|h| - t, 0)", r"\mathbf{1}_{|h| > t}",
        (), {"threshold": 0.5}, "f'(-threshold) = f'(threshold) = 0", activity=0.617),
    Activation(
        "hard_shrink", "h if |h| > threshold else 0", "1 if |h| > threshold else 0",
        r"h \, \mathbf{1}_{|h| > t}", r"\mathbf{1}_{|h| > t}",
        (), {"threshold": 0.5}, "f'(-threshold) = f'(threshold) = 0; f itself jumps there", activity=0.617),
    Activation("exp", "exp(h)", "exp(h)", r"e^{h}", r"e^{h}", ("exponential",)),
    Activation("sin", "sin(h)", "cos(h)", r"\sin h", r"\cos h", ("sine",)),
    Activation("cos", "cos(h)", "-sin(h)", r"\cos h", r"-\sin h", ("cosine",)),
    Activation(
        "arctan", "arctan(h)", "1/(1 + h**2)", r"\arctan h", r"\frac{1}{1 + h^2}", ("atan",)),
    Activation(
        "erf", "erf(h)", "2*exp(-h**2)/sqrt(pi)",
        r"\operatorname{erf} h", r"\tfrac{2}{\sqrt{\pi}} e^{-h^2}"),
    Activation(
        "gaussian", "exp(-h**2)", "-2*h*exp(-h**2)", r"e^{-h^2}", r"-2 h e^{-h^2}", ("gauss",)),
    Activation("square", "h**2", "2*h", r"h^2", r"2 h"),
    Activation(
        "abs", "|h|", "sign(h)", r"|h|", r"\operatorname{sign} h", ("absolute",), kinks="f'(0) = 0"),
    Activation(
        "speculator", "(beta + sigmoid(alpha*h)*(1 - beta))*h",
        "beta*(1 - s) + s*(1 + (1 - beta)*alpha*h*(1 - s)), s = sigmoid(alpha*h)",
        r"(\beta + \sigma(\alpha h) (1 - \beta)) h",
        r"\beta (1 - s) + s (1 + (1 - \beta) \alpha h (1 - s)), \; s = \sigma(\alpha h)",
        (), {"alpha": None, "beta": None}),
    Activation(
        "softmax", "exp(h)/sum(exp(h))", "diag(s) - s s^T, s = softmax(h)",
        r"\operatorname{softmax}(h)", r"\operatorname{diag}(s) - s s^\top, \; s = \operatorname{softmax}(h)",
        kind="softmax"),
    Activation(
        "log_softmax", "h - log(sum(exp(h)))", "I - 1 s^T, s = softmax(h)",
        r"\log \operatorname{softmax}(h)", r"I - \mathbf{1} s^\top, \; s = \operatorname{softmax}(h)",
        kind="log_softmax"),
    Activation(
        "rms_norm", "h/sqrt(mean(h**2) + epsilon)", "r*(I - z z^T/n), r = 1/sqrt(mean(h**2) + epsilon), z = r*h",
        r"h / \sqrt{\overline{h^2} + \epsilon}",
        r"r (I - z z^\top / n), \; r = 1 / \sqrt{\overline{h^2} + \epsilon}, \; z = r h",
        (), {"epsilon": 1e-5}, kind="rms_norm"),
    Activation(
        "layer_norm", "(h - mean(h))/sqrt(var(h) + epsilon)",
        "r*(I - 1 1^T/n - z z^T/n), r = 1/sqrt(var(h) + epsilon), z = r*(h - mean(h))",
        r"(h - \overline{h}) / \sqrt{\operatorname{var} h + \epsilon}",
        r"r (I - \mathbf{1} \mathbf{1}^\top / n - z z^\top / n), "
        r"\; r = 1 / \sqrt{\operatorname{var} h + \epsilon}, \; z = r (h - \overline{h})",
        (), {"epsilon": 1e-5}, kind="layer_norm"),
)

_BY_NAME = {activation.name: activation for activation in _TABLE}
ACTIVATIONS = MappingProxyType(_BY_NAME)


def _folded(name):
    return "".join(c for c in name.lower() if c not in "_- ")


_BY_FOLDED_NAME = {_folded(name): a for a in _TABLE for name in (a.name, *a.aliases)}



def register(activation):
    """Make an activation known by its name; ValueError if there is one of this name."""
    known = _BY_FOLDED_NAME.setdefault(_folded(activation.name), activation)
    if known is not activation:
        raise ValueError(f"name: expected one that no activation has, got {activation.name!r}, which is {known.name}")
    _BY_NAME[activation.name] = activation


def forget(activation):
    """Take back what `register` did."""
    del _BY_NAME[activation.name], _BY_FOLDED_NAME[_folded(activation.name)]


# (activation, parameter) -> what it must satisfy beyond being finite, in words and as a predicate.
_DOMAINS = {
    ("softplus", "beta"): [("numbers greater than 0", lambda v: v > 0)],
    ("celu", "alpha"): [("numbers greater than 0", lambda v: v > 0)],
    ("soft_shrink", "threshold"): [("numbers of at least 0", lambda v: v >= 0)],
    ("hard_shrink", "threshold"): [("numbers of at least 0", lambda v: v >= 0)],
    ("rms_norm", "epsilon"): [("a number of at least 0", lambda v: v >= 0)],
    ("layer_norm", "epsilon"): [("a number of at least 0", lambda v: v >= 0)],
}


def find(name):
    """The activation called `name`.

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If there is none of this name; the message lists the nearest names and all names.
    """
    if not isinstance(name, str):
        raise TypeError(f"activation: expected a name, got {type(name).__name__}")
    folded = _folded(name)
    if folded not in _BY_FOLDED_NAME:
        near = get_close_matches(folded, _BY_FOLDED_NAME, n=3)
        names = dict.fromkeys(_BY_FOLDED_NAME[match].name for match in near)
        hint = f"did you mean {' or '.join(names)}? The" if names else "the"
        raise ValueError(f"unknown activation {name!r}; {hint} names are {', '.join(ACTIVATIONS)}")
    return _BY_FOLDED_NAME[folded]


def parameter_rows(activation, given, n_units):
    """Check the parameters of a layer's activation and lay them out for the kernels.

    Parameters
    ----------
    activation : Activation
    given : mapping of str to number or array
        What the user gave: numbers, or arrays of shape (n_units,). For "gelu" also
        approximate="none" or "tanh".
    n_units : int

    Returns
    -------
    kernel_name : str
        A key of `ACTIVATIONS`: the activation's name, or "gelu_tanh" for gelu(approximate="tanh").
    parameters : dict of str to float or read-only (n_units,) float64 array
        All parameters, defaults filled in.
    rows : ndarray, (n_parameters, n_units), float64
        The same, one row per parameter.

    Raises
    ------
    TypeError
        If a parameter is unknown, missing or not real numbers.
    ValueError
        If one has the wrong shape, is not finite, or lies outside its domain.
    """
    name, given = activation.name, dict(given)
    if name == "gelu" and "approximate" in given:
        approximate = given.pop("approximate")
        if approximate not in ("none", "tanh"):
            raise ValueError(f"gelu: approximate: expected 'none' or 'tanh', got {approximate!r}")
        name = "gelu_tanh" if approximate == "tanh" else "gelu"

    expected = activation.parameters
    listed = ", ".join(expected) or ("approximate" if activation.name == "gelu" else "none")
    unknown = [key for key in given if key not in expected]
    if unknown:
        raise TypeError(f"{name}: unknown parameter {unknown[0]!r}; expected parameters: {listed}")
    missing = [key for key, default in expected.items() if default is None and key not in given]
    if missing:
        raise TypeError(f"{name}: missing parameter {missing[0]!r}; expected parameters: {listed}")

    # Units that depend on each other have their parameters in common.
    length = n_units if activation.kind == "diagonal" else None
    parameters = {
        key: _checked(name, key, given.get(key, default), length) for key, default in expected.items()}
    rows = np.empty((len(parameters), n_units))
    for row, value in zip(rows, parameters.values()):
        row[:] = value
    if name == "hard_tanh" and not np.all(rows[0] < rows[1]):
        at = int(np.argmin(rows[0] < rows[1]))
        low, high = rows[:, at]
        raise ValueError(f"hard_tanh: expected min < max, got min = {low}, max = {high} at index {at}")
    return name, parameters, rows


def _checked(name, key, value, n_units):
    """One parameter as a float or, unless `n_units` is None, a read-only float64 array of shape (n_units,)."""
    try:
        array = np.asarray(plain(value, f"{name}: {key}"))
    except ValueError:
        got = f"a ragged {type(value).__name__}"
        raise TypeError(f"{name}: {key}: expected real numbers, got {got}") from None
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        got = f"{type(value).__name__} of dtype {array.dtype}"
        raise TypeError(f"{name}: {key}: expected real numbers, got {got}")
    if array.shape not in ((), (n_units,)):
        shape = "" if n_units is None else f" or shape ({n_units},)"
        raise ValueError(f"{name}: {key}: expected a number{shape}, got shape {array.shape}")
    array = array.astype(np.float64)
    checks = [("finite numbers", np.isfinite), *_DOMAINS.get((name, key), ())]
    for words, holds in checks:
        right = holds(array)
        if not np.all(right):
            at = f" at index {np.argmin(right)}" if array.shape else ""
            raise ValueError(f"{name}: {key}: expected {words}, got {array.flat[np.argmin(right)]}{at}")
    if array.shape == ():
        return float(array)
    array.flags.writeable = False
    return array
