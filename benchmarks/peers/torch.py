"""PyTorch: torch.func.jacfwd and jacrev with vmap over the points, plain and through torch.compile.

To compile takes tens of seconds: done for the mode of the shorter sweep only.
"""

import warnings
from functools import partial

import torch

torch.set_num_threads(1)
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda h: h,
               "sigmoid": torch.sigmoid, "silu": torch.nn.functional.silu}


def _value_twice(layers, x):
    a = x
    for W, b, name in layers:
        a = ACTIVATIONS[name](a @ W + b)
    return a, a


def _call(function, x):
    J, y = function(x)
    return y, J


def _calls(case, modes, compile=lambda function: function):
    layers = [(torch.tensor(W), torch.tensor(b), name) for W, b, name in case.layers]
    calls = {}
    for mode in modes:
        function = mode(partial(_value_twice, layers), has_aux=True)
        function = torch.func.vmap(function) if case.x.ndim == 2 else function
        calls[mode.__name__] = partial(_call, compile(function), torch.tensor(case.x))
    return calls


def func(case):
    return _calls(case, (torch.func.jacfwd, torch.func.jacrev))


def compiled(case):
    torch._dynamo.reset()
    warnings.filterwarnings("ignore", module=r"torch\.")  # the compiler's, about itself
    mode = torch.func.jacfwd if case.n_in < case.n_out else torch.func.jacrev
    return _calls(case, [mode], partial(torch.compile, dynamic=False))
