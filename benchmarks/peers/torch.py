"""PyTorch: torch.func.jacfwd and jacrev with vmap over the points, plain and through torch.compile."""

from functools import partial

import torch

torch.set_num_threads(1)
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda h: h}


def _value_twice(layers, x):
    a = x
    for W, b, name in layers:
        a = ACTIVATIONS[name](a @ W + b)
    return a, a


def _call(function, x):
    J, y = function(x)
    return y, J


def _calls(case, compile):
    layers = [(torch.tensor(W), torch.tensor(b), name) for W, b, name in case.layers]
    calls = {}
    for mode in (torch.func.jacfwd, torch.func.jacrev):
        function = mode(partial(_value_twice, layers), has_aux=True)
        function = torch.func.vmap(function) if case.x.ndim == 2 else function
        calls[mode.__name__] = partial(_call, compile(function), torch.tensor(case.x))
    return calls


def func(case):
    return _calls(case, compile=lambda function: function)


def compiled(case):
    torch._dynamo.reset()
    return _calls(case, compile=partial(torch.compile, dynamic=False))
