"""CasADi: its virtual machine, and the C that it generates, compiled and called through `external`.

Calls go through a function buffer, CasADi's cheapest way in from Python. Scalar graphs (SX, straight-line
code) and matrix graphs (MX, loops) are variants; scalar graphs of larger networks take too long to compile.
"""

import casadi as ca
import numpy as np

from peers import Absent
from peers.compiler import compile

ACTIVATIONS = {
    "tanh": ca.tanh,
    "relu": lambda h: ca.fmax(h, 0),
    "sigmoid": lambda h: 1 / (1 + ca.exp(-h)),
    "silu": lambda h: h / (1 + ca.exp(-h)),
    "identity": lambda h: h,
}
MAX_N_WEIGHTS_SX = 6_000
MAX_N_WEIGHTS = 200_000  # beyond, one point takes more than 10 ms


def _function(case, kind):
    x = kind.sym("x", case.n_in)
    a = x
    for W, b, name in case.layers:
        a = ACTIVATIONS[name](ca.mtimes(ca.DM(W.T), a) + ca.DM(b))
    function = ca.Function("f", [x], [ca.densify(a), ca.densify(ca.jacobian(a, x))])
    return function if case.x.ndim == 1 else function.map(len(case.x), "serial")


def _call(case, function):
    y, _ = case.empty()
    Jt = np.zeros(case.x.shape + (case.n_out,))  # CasADi's matrices are column-major
    J = Jt.swapaxes(-1, -2)
    buffer, evaluate = function.buffer()
    for set_memory, index, array in ((buffer.set_arg, 0, case.x), (buffer.set_res, 0, y), (buffer.set_res, 1, Jt)):
        set_memory(index, memoryview(array))

    def call(keep=(buffer, function)):
        evaluate()
        return y, J

    return call


def _compiled(case, function, flags):
    generator = ca.CodeGenerator("f.c")
    generator.add(function)
    return ca.external(function.name(), str(compile(generator.dump(), ".c", case.folder, *flags)))


def _functions(case):
    """{kind: function}."""
    if case.dtype != np.float64:
        raise Absent("computes in float64 only")
    if case.n_weights > MAX_N_WEIGHTS:
        raise Absent(f"more than {MAX_N_WEIGHTS:,} weights")
    kinds = {"MX": ca.MX} if case.n_weights > MAX_N_WEIGHTS_SX else {"SX": ca.SX, "MX": ca.MX}
    return {name: _function(case, kind) for name, kind in kinds.items()}


def virtual_machine(case):
    return {kind: _call(case, function) for kind, function in _functions(case).items()}


def generated_c(case):
    """With and without -ffast-math, which lets the compiler put tanh into vectors."""
    return {
        kind + more: _call(case, _compiled(case, function, flags))
        for kind, function in _functions(case).items()
        for more, flags in (("", ()), (", fast", ("-ffast-math",)))
    }
