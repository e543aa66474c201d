"""register_activation: activations of users, checked before they are believed."""

import ctypes

import numpy as np

from fastjac import activations
from fastjac._custom import Custom
from fastjac.activations import Activation
from fastjac.layer import Layer
from fastjac.network import Network

# Distance from a kink within which differences of f say nothing.
NEAR_A_KINK = 1e-2


def register_activation(name, f=None, derivative=None, *, address=None, address_f32=None, parameters=None,
                        kinks=(), formula="", derivative_formula="", c=None):
    """Make an activation of one's own known by name, for layers of this process.

    Give either two Python callables or the address of a compiled function. The derivative is compared with
    differences of f at many points before the name is known.

    Parameters
    ----------
    name : str
        An identifier that no activation has.
    f, derivative : callable, optional
        f(h, *parameters) and f'(h, *parameters) for arrays of shape (n,), with parameters of the same shape.
        They are called with Python's lock.
    address, address_f32 : int, numba cfunc, or ctypes function, optional
        ``void function(ptrdiff_t n, const double *h, double *a, double *d, const double *parameters)`` writes
        a = f(h), d = f'(h); a may be h. Parameters are one row of n numbers each. It runs without Python's lock,
        in any thread. `address_f32` is the same for float; if it is not given, floats are converted.
    parameters : mapping of str to float or None, optional
        Names of the parameters and their defaults; None where the user must give it.
    kinks : sequence of float
        Where f has no derivative; not compared there.
    formula, derivative_formula : str
        f and f' in text, for `fastjac.ACTIVATIONS`.
    c : tuple of two str, optional
        f and f' as expressions of C in h, the parameters, and a = f(h), for `Network.export_c`; for example
        ``("h / (1 + fabs(h))", "1 / ((1 + fabs(h)) * (1 + fabs(h)))")``.

    Returns
    -------
    Activation

    Raises
    ------
    TypeError
        If neither or both of callables and addresses are given, or something is of another kind.
    ValueError
        If the name is taken or no identifier, or the derivative is wrong; the message names the worst point.

    Notes
    -----
    The functions must work unit by unit: the result for one unit may not depend on the others. What a Python
    callable raises reaches the caller of the network's method; in a call from C the results are NaN.
    Networks are pickled and saved by the names of their activations.

    Examples
    --------
    >>> import numpy as np
    >>> import fastjac as fj
    >>> _ = fj.register_activation("wave", lambda h: np.sin(h) / 2, lambda h: np.cos(h) / 2)
    >>> fj.Network([([[2.0]], None, "wave")]).jacobian([0.0])
    array([[1.]])
    """
    if not (isinstance(name, str) and name.isidentifier() and name.isascii()):
        raise ValueError(f"name: expected an identifier of ASCII letters, as `export_c` writes it, got {name!r}")
    parameters = dict(parameters or {})
    latex = rf"\mathrm{{{name}}}".replace("_", r"\_")
    entry = Activation(
        name, formula or f"{name}(h)", derivative_formula or f"{name}'(h)", f"{latex}(h)", f"{latex}'(h)",
        parameters=parameters,
        kinks=", ".join(f"f' at {kink} as given" for kink in kinks), c=_as_c(c),
        custom=_as_custom(f, derivative, address, address_f32, len(parameters)))
    activations.register(entry)
    try:
        for dtype in (np.float64, np.float32):
            _check_derivative(entry, kinks, dtype)
    except BaseException:
        activations.forget(entry)
        raise
    return entry


def _as_custom(f, derivative, address, address_f32, n_parameters):
    if address is None and address_f32 is None:
        if not (callable(f) and callable(derivative)):
            raise TypeError("f, derivative: expected two callables, or an address")
        return Custom((0, 0), f, derivative, n_parameters)
    if f is not None or derivative is not None:
        raise TypeError("f, derivative: expected none beside an address")
    if address is None:
        raise TypeError("address: expected the function for float64 beside address_f32, got None")
    return Custom((_as_address(address, "address"), _as_address(address_f32, "address_f32")), None, None, n_parameters)


def _as_address(function, name):
    """The address of a function as a number, 0 for None."""
    if function is None:
        return 0
    if isinstance(function, ctypes._CFuncPtr):
        function = ctypes.cast(function, ctypes.c_void_p).value
    number = getattr(function, "address", function)
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise TypeError(f"{name}: expected an address, a numba cfunc or a ctypes function, got {function!r}")
    return number


def _as_c(c):
    if c is None:
        return ()
    if not (isinstance(c, tuple) and len(c) == 2 and all(isinstance(text, str) and text.isascii() for text in c)):
        raise TypeError(f"c: expected two expressions of C, for f and f', got {c!r}")
    return c


# ---------------------------------------------------------------- whether the derivative is right


def _check_derivative(entry, kinks, dtype):
    """Raise ValueError where f' differs from differences of f by more than these can be wrong."""
    is_f64 = dtype == np.float64
    h = np.linspace(-12, 12, 4801)
    if is_f64:
        h = np.concatenate([h, *(sign * np.logspace(-4, 2, 61) for sign in (-1, 1))])
    for kink in kinks:
        h = h[np.abs(h - kink) > NEAR_A_KINK * max(1, abs(kink))]
    h = h.astype(dtype).astype(np.float64)
    slopes, errors, found = _evaluate(entry, h, dtype)[1], np.full(h.shape, np.inf), np.zeros_like(h)
    # Of several steps the best: short ones suffer from rounding, long ones from curvature.
    for step in (1e-3, 1e-4, 1e-5) if is_f64 else (1e-2, 3e-3, 1e-3):
        above, below = ((h + sign * step).astype(dtype).astype(np.float64) for sign in (1, -1))
        f_above, f_below = (_evaluate(entry, points, dtype)[0] for points in (above, below))
        with np.errstate(all="ignore"):
            difference = (f_above - f_below) / (above - below)
            rounding = 8 * np.finfo(dtype).eps * (np.abs(f_above) + np.abs(f_below)) / (above - below)
            error = np.abs(difference - slopes) - rounding
        better = error < errors
        errors[better], found[better] = error[better], difference[better]
        found[errors == np.inf] = difference[errors == np.inf]
    is_known = np.isfinite(found)
    largest = np.max(np.abs(found[is_known]), initial=0)
    allowed = (1e-5 if is_f64 else 1e-2) * np.maximum(np.abs(found), 1e-3 * largest)
    wrong = np.where(is_known, errors - allowed, -np.inf)
    worst = int(np.argmax(wrong))
    if wrong[worst] > 0:
        raise ValueError(
            f"derivative of {entry.name}: expected about {found[worst]:.6g} at h = {h[worst]:.6g}, as differences of f "
            f"say, got {slopes[worst]:.6g} ({np.dtype(dtype).name})")


def _evaluate(entry, h, dtype):
    """f and f' at the points h, as a layer computes them whose units have these biases."""
    given = {key: 0.5 for key, default in entry.parameters.items() if default is None}
    net = Network([Layer(np.ones((1, len(h))), h, entry.name, **given)], dtype=dtype)
    with np.errstate(all="ignore"):
        y, J = net.value_and_jacobian(np.zeros(1, dtype))
    return y.astype(np.float64), J[:, 0].astype(np.float64)
