"""A network as C99: compiles without a warning, gives what the network gives, stays within the gates."""

import ctypes
import itertools
import os
import platform
import re
import sys
import threading

import numpy as np
import pytest
from exported import (
    COMPILERS,
    FAST,
    STRICT,
    Exported,
    compile_library,
    export,
    needs_compiler,
    needs_gcc,
    needs_linux,
    run,
)
from gates import assert_within_bounds, examine, needs_extended
from networks import SUBJECTS, random_layers
from oracles_activations import errors, reference
from support import assert_close, make_mixed, make_network, random_array
from test_activations import AT_INFINITY, DIAGONAL, PIECEWISE_LINEAR, parameters_of

import fastjac as fj

DTYPES = ["float64", "float32"]
every_compiler = pytest.mark.parametrize("compiler", COMPILERS)
# As any x86-64 or ARM processor has it; with all that this one has; one number a vector.
FLAGS = {"plain": ("-O2",), "native": FAST, "scalar": ("-O1",)}


def one_unit(name, dtype):
    """A network of one unit, so that y = f(x) and J = f'(x)."""
    values = dict(zip(fj.ACTIVATIONS[name].parameters, parameters_of(name)))
    return fj.Network([fj.Layer([[1.0]], activation=name, **values)], dtype=dtype)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """{(activation, dtype): network of one unit in C}."""
    folder = tmp_path_factory.mktemp("units")
    nets = {(name, dtype): one_unit(name, dtype) for name in DIAGONAL for dtype in DTYPES}
    names = {key: f"unit_{key[0]}_{key[1]}" for key in nets}
    for key, net in nets.items():
        net.export_c(folder / f"{names[key]}.c", name=names[key], functions=("value_and_jacobian",))
    library = compile_library(folder, [folder / f"{name}.c" for name in names.values()])
    return {key: Exported(net, library, names[key]) for key, net in nets.items()}


@needs_gcc
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DIAGONAL)
def test_errors_of_activations_against_textbook(name, dtype, units):
    x, f, slope = reference(name, np.dtype(dtype).type, None)
    a, d = units[name, dtype].value_and_jacobian(x[:, None])
    value, derivative = errors(a[:, 0], f).max(), errors(d[:, 0, 0], slope).max()
    value_goal, slope_goal = (1, 0) if name in PIECEWISE_LINEAR else (2, 4)
    assert value <= value_goal
    assert derivative <= slope_goal


@needs_gcc
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DIAGONAL)
def test_limits_and_nan_of_activations(name, dtype, units):
    a, d = units[name, dtype].value_and_jacobian(np.array([[-np.inf], [np.inf], [np.nan]]))
    expected = AT_INFINITY[name]
    if name == "identity":  # its derivative is nowhere looked at
        assert np.array_equal(d.ravel(), [1, 1, 1])
    else:
        assert np.array_equal(d.ravel(), np.array([*expected[2:], np.nan], dtype), equal_nan=True)
    assert np.array_equal(a.ravel(), np.array([*expected[:2], np.nan], dtype), equal_nan=True)


@needs_gcc
@pytest.mark.parametrize("name", DIAGONAL)
def test_derivatives_at_zero_are_those_of_the_network(name, units):
    net = one_unit(name, "float64")
    for x in (0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 0.5, -0.5):
        _, d = units[name, "float64"].value_and_jacobian(np.array([x]))
        assert_close(d, net.jacobian([x]), factor=4)


INVALID, DIVISION, OVERFLOW = 1, 4, 8  # of <fenv.h> on x86


def flags_raised(exported, function, arguments):
    """Results and the flags raised on the way; the workspace holds infinities, as another program may leave there."""
    libm = ctypes.CDLL("libm.so.6")
    work = np.full(exported.n_work, np.inf, exported.dtype)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*arguments, work)]
    call = getattr(exported.library, f"{exported.name}_{function}")
    libm.feclearexcept(INVALID | DIVISION | OVERFLOW)
    call(*pointers)
    return libm.fetestexcept(INVALID | DIVISION | OVERFLOW)


on_linux_x86 = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"), reason="reads the flags of x86 and glibc")


@needs_gcc
@on_linux_x86
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DIAGONAL)
def test_no_flags_where_results_are_finite_case_40(name, dtype, units):
    n_finite = 0
    huge = 1e300 if dtype == "float64" else 1e30
    for x in (0, 1, -1, 20, -20, 88, -88, 710, -710, 1e5, -1e5, huge, -huge):
        arguments = [np.array([value], dtype) for value in (x, np.nan, np.nan)]
        raised = flags_raised(units[name, dtype], "value_and_jacobian", arguments)
        if np.isfinite(arguments[1:]).all():
            n_finite += 1
            assert raised == 0, x
    assert n_finite >= 5


@needs_gcc
@on_linux_x86
@pytest.mark.parametrize("order", ["forward", "reverse", ((4, 3), (2, 1))], ids=str)
def test_no_flags_whatever_the_workspace_holds(order, tmp_path):
    net = make_network((5, 9, 3, 11, 7), ["relu", "softmax", "tanh", "log_softmax"], order=order)
    exported = export(tmp_path, net)
    for function, shapes in (("value_and_jacobian", [5, 7, (7, 5)]), ("jvp", [5, 5, 7]), ("vjp", [5, 7, 5])):
        arguments = [np.full(shape, 0.5) for shape in shapes]
        assert flags_raised(exported, function, arguments) == 0
        assert np.isfinite(arguments[-1]).all()


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """{(subject, dtype): (network in C, its case)}, widths with tails of every vector length."""
    folder = tmp_path_factory.mktemp("subjects")
    found = {}
    for name, dtype in itertools.product(SUBJECTS, DTYPES):
        case = examine(*random_layers(name, (4, 9, 17, 3), np.dtype(dtype).type, 1, 6))
        net = fj.Network([fj.Layer(layer.W, layer.b, layer.activation, **layer.parameters) for layer in case.layers])
        symbol = f"{name}_{dtype}"
        net.export_c(folder / f"{symbol}.c", name=symbol)
        found[name, dtype] = net, case, symbol
    library = compile_library(folder, [folder / f"{symbol}.c" for _, _, symbol in found.values()])
    return {key: (Exported(net, library, symbol), case) for key, (net, case, symbol) in found.items()}


@pytest.mark.slow
@needs_extended
@needs_gcc
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SUBJECTS)
def test_g1_g2_running_bound(name, dtype, subjects):
    assert_within_bounds(*subjects[name, dtype])


PLANS = {
    "one layer": ((5, 3), ["tanh"], "auto"),
    "forward": ((3, 20, 20, 11), ["tanh", "sigmoid"], "forward"),
    "reverse": ((11, 20, 20, 3), ["tanh", "sigmoid"], "reverse"),
    "meeting": ((9, 12, 3, 12, 9), ["tanh"], ((4, 3), (2, 1))),
    "meeting inside": ((4, 9, 8, 7, 5), ["silu"], (4, ((3, 2), 1))),
    "two meetings": ((6, 5, 4, 5, 6, 3), ["tanh"], (((5, 4), 3), (2, 1))),
    "softmax forward": ((4, 9, 3, 8, 5), ["tanh", "identity", "softmax", "log_softmax"], "forward"),
    "softmax reverse": ((4, 9, 3, 8, 5), ["softmax", "log_softmax", "identity", "softmax"], "reverse"),
    "softmax meeting": ((4, 9, 3, 8, 5), ["softmax", "log_softmax"], ((4, 3), (2, 1))),
    "sparse forward": ((5, 40, 40, 40, 9), ["relu"], "forward"),
    "sparse reverse": ((9, 40, 40, 40, 5), ["relu", "hard_tanh"], "reverse"),
    "sparse meeting": ((20, 30, 4, 30, 20), ["relu"], ((4, 3), (2, 1))),
    "long sums": ((3, 300, 150, 2), ["tanh"], "auto"),
}


@needs_compiler
@every_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("plan", PLANS)
def test_orders_give_what_the_network_gives(plan, dtype, compiler, tmp_path):
    widths, activations, order = PLANS[plan]
    net = make_network(widths, activations, dtype, order=order)
    exported = export(tmp_path, net, compiler=compiler, flags=("-O2", "-march=native"))
    x, v, w = (random_array((4, n), dtype, seed) for seed, n in enumerate((net.n_in, net.n_in, net.n_out)))
    assert_close(exported.value_and_jacobian(x), net.value_and_jacobian(x))
    assert_close(exported(x), net(x))
    assert_close(exported.jacobian(x), net.jacobian(x))
    assert_close(exported.jvp(x, v), net.jvp(x, v))
    assert_close(exported.vjp(x, w), net.vjp(x, w))


@needs_compiler
@every_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("flags", FLAGS)
def test_any_vector_length(flags, dtype, compiler, tmp_path):
    net = make_network((5, 40, 33, 40, 9), ["relu", "tanh", "softmax", "gelu"], dtype)
    if flags == "scalar":  # what a compiler without vector types makes of it
        net.export_c(tmp_path / "net.c")
        text = (tmp_path / "net.c").read_text().replace("__GNUC__", "__NOBODY__").replace("__clang__", "__NOBODY__")
        (tmp_path / "net.c").write_text(text)
        exported = Exported(net, compile_library(tmp_path, [tmp_path / "net.c"], compiler, FLAGS[flags], "net"))
    else:
        exported = export(tmp_path, net, compiler=compiler, flags=FLAGS[flags])
    x = random_array((4, 5), dtype)
    assert_close(exported.value_and_jacobian(x), net.value_and_jacobian(x))
    assert_close(exported.vjp(x, np.ones((4, 9))), net.vjp(x, np.ones((4, 9))))


SELECTIONS = {
    "diagonal": ((7, 20, 9), ["silu", "tanh"], {"wrt": [5, 0, 2], "outputs": [8, 1]}),
    "identity": ((7, 20, 9), ["relu", "identity"], {"outputs": slice(3, None)}),
    "softmax": ((7, 20, 9), ["relu", "softmax"], {"wrt": slice(0, 2), "outputs": [0, 0, 4]}),
    "log_softmax": ((7, 9), ["log_softmax"], {"outputs": slice(None, None, -1)}),
    "one layer": ((7, 9), ["tanh"], {"wrt": [1], "outputs": [2]}),
    "columns": ((30, 20, 9, 20, 30), ["relu"], {"wrt": slice(4, 28)}),
    "many": ((2, 3, 2), ["tanh"], {"wrt": [0, 1] * 30, "outputs": [1, 0] * 40}),
}


@needs_gcc
@pytest.mark.parametrize("dtype", DTYPES)
def test_selections(dtype, tmp_path):
    parts = {name.replace(" ", "_"): make_network(widths, activations, dtype).select(**choice)
             for name, (widths, activations, choice) in SELECTIONS.items()}
    for name, part in parts.items():
        part.export_c(tmp_path / f"{name}.c", name=name)
    library = compile_library(tmp_path, [tmp_path / f"{name}.c" for name in parts])
    for name, part in parts.items():
        exported, x = Exported(part, library, name), random_array((4, part.n_in), dtype)
        v, w = random_array((4, part.n_wrt), dtype), random_array((4, part.n_out), dtype)
        assert_close((exported(x), exported.jacobian(x)), part.value_and_jacobian(x))
        assert_close(exported.value_and_jacobian(x), part.value_and_jacobian(x))
        assert_close((exported.jvp(x, v), exported.vjp(x, w)), (part.jvp(x, v), part.vjp(x, w)))
        assert ("jac_" in (tmp_path / f"{name}.c").read_text()) == (part.wrt is None)


@needs_gcc
def test_selection_in_another_dtype(tmp_path):
    part = make_network((7, 20, 9), ["tanh"]).select([1, 2], [3])
    exported = export(tmp_path, part, dtype="float32")
    x = random_array((4, 7), "float32")
    assert_close(exported.jacobian(x), part.jacobian(x).astype("float32"))


@needs_gcc
@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("strides", [(1, 7), (40, 1), (2, 30), (-5, -1)], ids=str)
def test_strides(strides, order, tmp_path):
    """Column-major, a block of a larger matrix, gaps in both directions, backwards."""
    net = make_network((5, 9, 7), ["tanh"], order=order)
    exported = export(tmp_path, net)
    x = random_array(5)
    expected = np.full(400, np.nan)
    start = 200 if strides[0] < 0 else 0
    got = expected.copy()
    for i, j in np.ndindex(7, 5):
        expected[start + i * strides[0] + j * strides[1]] = exported.jacobian(x)[i, j]
    work = np.empty(exported.n_work)
    exported.library.net_jacobian_strided(
        ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(got[start:].ctypes.data), ctypes.c_ssize_t(strides[0]),
        ctypes.c_ssize_t(strides[1]), ctypes.c_void_p(work.ctypes.data))
    assert np.array_equal(got, expected, equal_nan=True)


@needs_gcc
def test_parameters_for_each_unit(tmp_path):
    rng = np.random.default_rng(0)
    net = fj.Network([
        fj.Layer(rng.normal(size=(3, 11)), rng.normal(size=11), "prelu", slope=rng.normal(size=11)),
        fj.Layer(rng.normal(size=(11, 9)), None, "hard_tanh", min=-rng.uniform(size=9), max=0.75),
        fj.Layer(rng.normal(size=(9, 10)), None, "softplus", beta=rng.uniform(1, 2, 10)),
    ])
    x = rng.normal(size=(5, 3))
    assert_close(export(tmp_path, net).value_and_jacobian(x), net.value_and_jacobian(x))


@needs_gcc
def test_dtype_of_the_file_may_differ(tmp_path):
    net = make_mixed("float64")
    x = random_array((3, 4), "float32")
    exported = export(tmp_path, net, dtype=np.float32)
    assert_close(exported.value_and_jacobian(x), fj.Network(net.layers, dtype="float32").value_and_jacobian(x))


@needs_gcc
def test_integers_are_exact(tmp_path):
    rng = np.random.default_rng(3)
    net = fj.Network([(rng.integers(-2, 3, (n, m)), rng.integers(-3, 4, m), "relu")
                      for n, m in ((4, 9), (9, 17), (17, 6))])
    exported = export(tmp_path, net)
    x = rng.integers(-4, 5, (20, 4)).astype(float)
    y, J = exported.value_and_jacobian(x)
    assert np.array_equal(y, net(x))
    assert np.array_equal(J, net.jacobian(x))


@needs_gcc
def test_nan_counts_as_active(tmp_path):
    """Cases 31 and 34: NaN reaches every output, also where f' = 0 elsewhere."""
    net = make_network((5, 40, 40, 9), ["relu"])
    x = random_array((2, 5))
    x[0, 2] = np.nan
    y, J = export(tmp_path, net).value_and_jacobian(x)
    assert np.isnan(y[0]).all()
    assert np.isnan(J[0]).all()
    assert np.isfinite(J[1]).all()


@needs_gcc
@needs_linux
def test_library_has_no_heap_and_no_variables(tmp_path):
    net = make_network((5, 40, 33, 9), ["relu", "erf", "softmax"])
    net.export_c(tmp_path / "net.c")
    run("gcc", *STRICT, *FAST, "-c", tmp_path / "net.c", "-o", tmp_path / "net.o")
    symbols = [line.split()[-2:] for line in run("nm", tmp_path / "net.o").splitlines()]
    foreign = {name for kind, name in symbols if kind == "U"}
    assert foreign <= {"memcpy", "memmove", "memset", "erf"}
    assert {kind for kind, _ in symbols} <= {"T", "t", "U", "r", "R"}
    public = {name for kind, name in symbols if kind == "T"}
    assert all(re.match(r"(jac_|fwd1_|adj1_)?net", name) for name in public)


@needs_gcc
def test_networks_share_a_program(tmp_path):
    nets = {"first": make_mixed(), "second": make_network((4, 6, 2), ["gelu"], "float32")}
    for name, net in nets.items():
        net.export_c(tmp_path / f"{name}.c", name=name)
    (tmp_path / "both.c").write_text('#include "first.c"\n#include "second.c"\n')
    libraries = [compile_library(tmp_path, [tmp_path / "first.c", tmp_path / "second.c"], name="linked"),
                 compile_library(tmp_path, [tmp_path / "both.c"], name="included")]
    for library, (name, net) in itertools.product(libraries, nets.items()):
        x = random_array((3, 4), net.dtype)
        assert_close(Exported(net, library, name).jacobian(x), net.jacobian(x))


@needs_gcc
def test_threads_share_a_network(tmp_path):
    net = make_mixed()
    exported = export(tmp_path, net)
    points = random_array((8, 4))
    expected, failures = exported.jacobian(points), []

    def work(i):
        for _ in range(300):
            if not np.array_equal(exported.jacobian(points[i]), expected[i]):
                failures.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@needs_gcc
def test_deep_network(tmp_path):
    net = make_network((3,) * 301, ["tanh"], gain=1.5)
    x = random_array((2, 3))
    assert_close(export(tmp_path, net, flags=("-O1",)).value_and_jacobian(x), net.value_and_jacobian(x), 1e4)


@needs_gcc
@pytest.mark.parametrize("functions", [("value",), ("jacobian",), ("jvp",), ("vjp", "value"), ("value_and_jacobian",)])
def test_only_what_was_asked_for(functions, tmp_path):
    net = make_mixed()
    exported = export(tmp_path, net, functions=functions)
    public = set(re.findall(r"^void net_(\w+)\(", (tmp_path / "net.h").read_text(), re.M))
    assert public - {f"{name}_strided" for name in functions} == set(functions)
    for function in functions:
        assert hasattr(exported.library, f"net_{function}")
    assert hasattr(exported.library, "net") == ("value" in functions)


@needs_gcc
def test_header_serves_cxx(tmp_path):
    net = make_mixed()
    net.export_c(tmp_path / "net.c")
    (tmp_path / "main.cpp").write_text("""\
#include "net.h"
#include <cstdio>
int main()
{
    double x[NET_N_IN] = {1, 2, 3, 4}, y[NET_N_OUT], work[NET_N_WORK];
    net_value(x, y, work);
    std::printf("%.17g", y[0]);
    return 0;
}
""")
    run("gcc", *STRICT, "-O1", "-c", tmp_path / "net.c", "-o", tmp_path / "net.o")
    run("g++", "-std=c++98", "-Wall", "-Wextra", "-pedantic", "-Werror", tmp_path / "main.cpp", tmp_path / "net.o",
        "-o", tmp_path / "main")
    assert_close(np.float64(run(tmp_path / "main")), net([1.0, 2, 3, 4])[0])


@needs_gcc
def test_fast_math_is_refused(tmp_path):
    make_mixed().export_c(tmp_path / "net.c")
    with pytest.raises(AssertionError, match="without -ffast-math"):
        run("gcc", "-ffast-math", "-c", tmp_path / "net.c", "-o", tmp_path / "net.o")


# ---------------------------------------------------------------- files and arguments


def texts(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_bytes_every_time(tmp_path):
    net = make_mixed()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        net.export_c(tmp_path / name / "plant.c", name="plant")
    assert texts(tmp_path / "a") == texts(tmp_path / "b")
    assert set(texts(tmp_path / "a")) == {"plant.c", "plant.h", "plant.f90"}
    for text in texts(tmp_path / "a").values():
        assert text.isascii()
        assert fj.__version__.encode() in text or text.startswith(b"! plant")
        assert str(tmp_path).encode() not in text


def test_literals_are_exact():
    from fastjac.export.tables import literal

    values = [0.0, -0.0, 0.1, -1e300, 5e-324, 1.0, 999.0, 1e22, np.pi, float(np.float32(0.1)), 2.0**-149]
    for value in values:
        text = literal(value, np.dtype("float64"))
        assert (float.fromhex(text) if "x" in text else float(text)).hex() == value.hex()


def test_failed_write_leaves_files_alone(tmp_path, monkeypatch):
    net = make_mixed()
    net.export_c(tmp_path / "net.c")
    before = texts(tmp_path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        make_mixed("float32").export_c(tmp_path / "net.c")
    assert texts(tmp_path) == before


@pytest.mark.parametrize("arguments, error, message", [
    ({"functions": ("value", "hessian")}, ValueError, "expected some of 'value', .* got 'hessian'"),
    ({"functions": ()}, ValueError, "got none"),
    ({"functions": 3}, TypeError, "got int"),
    ({"name": "2net"}, ValueError, "expected a letter, .* got '2net'"),
    ({"name": "_net"}, ValueError, "expected a letter"),
    ({"name": "nét"}, ValueError, "expected a letter"),
    ({"name": "while"}, ValueError, "keyword"),
    ({"name": "class"}, ValueError, "keyword"),
    ({"name": "tanh"}, ValueError, "C library"),
    ({"name": "sinf"}, ValueError, "C library"),
    ({"name": "n" * 33}, ValueError, "at most 32 characters, got 33"),
    ({"name": None}, TypeError, "got NoneType"),
    ({"dtype": "int32"}, TypeError, "expected float32 or float64"),
    ({"path": "net.h"}, ValueError, "ends in '.c', got 'net.h'"),
    ({"path": "a b.c"}, ValueError, "got 'a b.c'"),
    ({"path": ""}, IsADirectoryError, "directory"),
    ({"path": "missing/net.c"}, FileNotFoundError, "missing"),
    ({"path": 3}, TypeError, "int"),
])
def test_errors(arguments, error, message, tmp_path):
    path = arguments.pop("path", "net.c")
    with pytest.raises(error, match=message):
        make_mixed().export_c(tmp_path / path if isinstance(path, str) else path, **arguments)
    assert not texts(tmp_path)


def test_weight_too_large_for_dtype(tmp_path):
    with pytest.raises(ValueError, match="finite in float32"):
        fj.Network([([[1e300]],)]).export_c(tmp_path / "net.c", dtype="float32")
