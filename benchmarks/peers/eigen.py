"""C++ by hand: Eigen's fixed sizes, weights as constants, one statement a layer, called in a C++ loop."""

import ctypes
from pathlib import Path

import numpy as np

from peers import Absent
from peers.compiler import compile

INCLUDES = [Path("/usr/include/eigen3"), Path("/usr/local/include/eigen3")]
MAX_N_WEIGHTS = 200_000  # beyond, the source is a book of numbers

ACTIVATIONS = {  # a and d of layer #; s is the logistic function of h
    "relu": ("h#.array().max(scalar(0))", "(h#.array() > scalar(0)).template cast<scalar>()"),
    "tanh": ("h#.array().tanh()", "scalar(1) - a#.array().square()"),
    # Eigen 3.4 computes exp of double in vectors, tanh of float only.
    "tanh by exp": ("scalar(1) - scalar(2) * ((scalar(2) * h#.array()).exp() + scalar(1)).inverse()",
                    "scalar(1) - a#.array().square()"),
    "sigmoid": ("s#", "s#.array() * (scalar(1) - s#.array())"),
    "silu": ("h#.array() * s#.array()", "s#.array() + a#.array() * (scalar(1) - s#.array())"),
}

SOURCE = """\
#include <Eigen/Dense>
#include <chrono>
using namespace Eigen;
using Clock = std::chrono::steady_clock;
typedef {scalar} scalar;
typedef Map<const Matrix<scalar, {n_in}, 1>> X;
typedef Map<Matrix<scalar, {n_out}, 1>> Y;
typedef Map<Matrix<scalar, {n_out}, {n_in}, RowMajor>> Jacobian;
{weights}
static __attribute__((noinline)) void forward(const scalar *x_, scalar *y_, scalar *J_) {{
    X x(x_); Y y(y_); Jacobian J(J_);
{forward}
}}
static __attribute__((noinline)) void reverse(const scalar *x_, scalar *y_, scalar *J_) {{
    X x(x_); Y y(y_); Jacobian J(J_);
{reverse}
}}
static void run(int is_forward, const scalar *x, scalar *y, scalar *J, long n_points) {{
    for (long p = 0; p < n_points; p++)
        (is_forward ? forward : reverse)(x + p * {n_in}, y + p * {n_out}, J + p * {n_out} * {n_in});
}}
extern "C" void repeat(int is_forward, const scalar *x, scalar *y, scalar *J, long n_points, long n_calls) {{
    for (long i = 0; i < n_calls; i++) run(is_forward, x, y, J, n_points);
}}
extern "C" void each(int is_forward, const scalar *x, scalar *y, scalar *J, long n_points, long n_calls, double *t) {{
    for (long i = 0; i < n_calls; i++) {{
        const auto start = Clock::now();
        run(is_forward, x, y, J, n_points);
        t[i] = std::chrono::duration<double>(Clock::now() - start).count();
    }}
}}
"""


def _weights(layers):
    lines = []
    for k, (W, b, _) in enumerate(layers, 1):
        n, m = W.shape
        for name, array, shape in (("W", W, (m, n)), ("b", b, (m, 1))):  # column-major: the bytes of Wᵀ
            numbers = ",".join(map(repr, array.ravel().tolist()))
            lines.append(f"alignas(64) static const scalar {name}{k}_[] = {{{numbers}}};")
            matrix = f"Matrix<scalar, {shape[0]}, {shape[1]}>"
            lines.append(f"static const Map<const {matrix}, Aligned64> {name}{k}({name}{k}_);")
    return "\n".join(lines)


def _value(layers):
    """Statements for h_k, a_k and d_k."""
    lines = []
    for k, (W, _, name) in enumerate(layers, 1):
        m, left = W.shape[1], f"a{k - 1}" if k > 1 else "x"
        if name == "identity":
            lines.append(f"    y.noalias() = W{k} * {left} + b{k};")
            continue
        vector = f"Matrix<scalar, {m}, 1>"
        lines.append(f"    {vector} h{k}; h{k}.noalias() = W{k} * {left}; h{k} += b{k};")
        if name in ("sigmoid", "silu"):
            lines.append(f"    {vector} s{k} = (scalar(1) + (-h{k}.array()).exp()).inverse();")
        a, d = ACTIVATIONS[name]
        lines.append(f"    {vector} a{k} = {a.replace('#', str(k))};")
        lines.append(f"    {vector} d{k} = {d.replace('#', str(k))};")
    return lines


def _forward(layers):
    lines, n_in = _value(layers), layers[0][0].shape[0]
    lines.append(f"    Matrix<scalar, {layers[0][0].shape[1]}, {n_in}> T1 = d1.asDiagonal() * W1;")
    for k, (W, _, _) in enumerate(layers[1:-1], 2):
        lines.append(f"    Matrix<scalar, {W.shape[1]}, {n_in}> T{k}; T{k}.noalias() = W{k} * T{k - 1};")
        lines.append(f"    T{k} = d{k}.asDiagonal() * T{k};")
    return "\n".join([*lines, f"    J.noalias() = W{len(layers)} * T{len(layers) - 1};"])


def _reverse(layers):
    lines, n_out, last = _value(layers), layers[-1][0].shape[1], len(layers)
    left = f"W{last}"
    for k in range(last - 1, 0, -1):
        n, m = layers[k - 1][0].shape
        lines.append(f"    Matrix<scalar, {n_out}, {m}> S{k} = {left} * d{k}.asDiagonal();")
        if k > 1:
            lines.append(f"    Matrix<scalar, {n_out}, {n}> R{k}; R{k}.noalias() = S{k} * W{k};")
        left = f"R{k}"
    return "\n".join([*lines, "    J.noalias() = S1 * W1;"])


class _Loop:
    """Calls of one direction, and the clock, in C++."""

    def __init__(self, library, is_forward, case):
        self.library, self.x, (self.y, self.J) = library, case.x, case.empty()
        self.pointers = [ctypes.c_void_p(array.ctypes.data) for array in (self.x, self.y, self.J)]
        self.arguments = [is_forward, *self.pointers, ctypes.c_long(self.x.size // case.n_in)]

    def __call__(self):
        self.repeat(1)
        return self.y, self.J

    def repeat(self, n_calls):
        self.library.repeat(*self.arguments, ctypes.c_long(n_calls))

    def samples(self, n_calls):
        times = np.zeros(n_calls)
        self.library.each(*self.arguments, ctypes.c_long(n_calls), ctypes.c_void_p(times.ctypes.data))
        return times


def _include(case):
    include = next((path for path in INCLUDES if path.is_dir()), None)
    if include is None:
        raise Absent("not installed (Eigen's headers)")
    if case.n_weights > MAX_N_WEIGHTS:
        raise Absent(f"more than {MAX_N_WEIGHTS:,} weights as constants in a source")
    return include


def by_hand(case):
    """With -O3 -march=native and the functions that Eigen has."""
    return _loops(case, case.layers)


def fast(case):
    """With -ffast-math as well, which lets the compiler put tanh into vectors, and tanh written by exp."""
    layers = [(W, b, name.replace("tanh", "tanh by exp")) for W, b, name in case.layers]
    by_exp = _loops(case, layers, "-ffast-math").items() if "tanh" in case.description else ()
    return _loops(case, case.layers, "-ffast-math") | {f"{name}, exp": loop for name, loop in by_exp}


def _loops(case, layers, *more_flags):
    include = _include(case)
    scalar = {"float64": "double", "float32": "float"}[case.dtype.name]
    source = SOURCE.format(
        scalar=scalar, n_in=case.n_in, n_out=case.n_out, weights=_weights(layers),
        forward=_forward(layers), reverse=_reverse(layers),
    )  # fmt: skip
    flags = [f"-I{include}", "-DEIGEN_STACK_ALLOCATION_LIMIT=0", "-DNDEBUG", "-std=c++17", *more_flags]
    library = ctypes.CDLL(str(compile(source, ".cpp", case.folder, *flags)))
    library.repeat.restype = library.each.restype = None
    return {name: _Loop(library, name == "forward", case) for name in ("forward", "reverse")}
