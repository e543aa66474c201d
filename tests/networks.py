"""Random networks for the accuracy tests: one name per activation, with the parameters it gets."""

import zlib
from itertools import pairwise

import numpy as np
from oracles import Plain
from textbook import ROWWISE, TEXTBOOK

# Name of the subject -> (activation, parameters). Parameters are exact in both dtypes.
SUBJECTS = {name: (name, {}) for name in [*TEXTBOOK, *sorted(ROWWISE)]} | {
    "prelu": ("prelu", {"slope": 0.25}),
    "speculator": ("speculator", {"alpha": 0.75, "beta": 0.25}),
    "thresholded_relu": ("thresholded_relu", {"theta": 0.25}),
    "soft_shrink": ("soft_shrink", {"threshold": 0.125}),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}),
    "softplus_beta": ("softplus", {"beta": 2.5}),
    "elu_alpha": ("elu", {"alpha": 0.5}),
    "celu_alpha": ("celu", {"alpha": 2.0}),
    "hard_sigmoid_limits": ("hard_sigmoid", {"slope": 0.25, "offset": 0.5}),
    "hard_tanh_limits": ("hard_tanh", {"min": -0.5, "max": 2.0}),
}

# Composed with themselves these leave the range of a dtype when they are deep, and two of them also
# at a larger gain than the given part of it.
EXPLOSIVE = {"exp": 0.2, "square": 0.2, "log_softmax": 1}

# f' is piecewise constant, so that the only rounding of J is that of its products.
PIECEWISE_LINEAR = {"identity", "relu", "relu6", "leaky_relu", "prelu", "thresholded_relu", "hard_tanh",
                    "hard_tanh_limits", "hard_sigmoid", "hard_sigmoid_limits", "soft_shrink",
                    "hard_shrink", "abs"}


def random_layers(name, widths, dtype, gain, n_points):
    """Layers with the activation of a subject and points to evaluate them at.

    W has entries of variance gain^2 / n_in, so that a layer scales by about `gain`.
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), int(10 * gain), *widths])
    activation, parameters = SUBJECTS[name]
    gain = gain * EXPLOSIVE.get(name, 1)
    layers = [Plain((gain / np.sqrt(n) * rng.standard_normal((n, m))).astype(dtype),
                    (0.3 * rng.standard_normal(m)).astype(dtype), activation, parameters)
              for n, m in pairwise(widths)]
    return layers, rng.standard_normal((n_points, widths[0])).astype(dtype)
