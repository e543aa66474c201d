"""Objects with the attributes of those of a framework, and Jacobians of functions that are written down."""

import numpy as np

SEEN = []  # pairs (network, errors of value and J) of the comparisons so far


def standin(qualified_name, bases=(), methods=(), **attributes):
    """An object whose class has this name, for example "torch.nn.modules.linear.Linear"."""
    module, _, name = qualified_name.rpartition(".")
    inherited = tuple(type(base) for base in bases)
    cls = type(name, inherited, {"__module__": module} | {method: lambda self: None for method in methods})
    x = cls.__new__(cls)
    x.__dict__.update(attributes)
    return x


def jacobian_by_complex_step(f, x):
    """J of an analytic f at one point, exact but for rounding."""
    steps = 1e-200j * np.eye(x.size)
    return np.stack([f(x + step).imag / 1e-200 for step in steps], axis=1)


def jacobian_by_differences(f, x, h=1e-2):
    """J of f at one point, by central differences of the eighth order."""
    weights = [(1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)]
    return np.stack(
        [sum(c * (f(x + k * step) - f(x - k * step)) for k, c in weights) / h for step in h * np.eye(x.size)], axis=1
    )


def assert_agrees(net, x, value, jacobian, tolerance=1e-12):
    """Value and J at one point, relative to their largest element, in the network's dtype."""
    errors = []
    for result, expected in zip(net.value_and_jacobian(x), (value, jacobian)):
        expected = np.asarray(expected, np.float64)
        assert result.shape == expected.shape
        error, scale = np.abs(result - expected).max(), np.abs(expected).max()
        assert error <= tolerance * scale
        errors.append(error / scale if scale else 0.0)
    SEEN.append((net, errors))
