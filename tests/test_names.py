"""Names of inputs and outputs: what they may be, where they go, and that they are found wherever indices are."""

import copy
import pickle
import re
import struct
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import assert_same, make_network

import fastjac as fj
from fastjac import _names, saving
from fastjac.adapters.filterpy import KalmanModel
from fastjac.adapters.optimize import Residual
from fastjac.adapters.sundae import CvodeOde

IN, OUT = ("alcohol", "ash", "Säure"), ("p", "q")
UNITS_IN, UNITS_OUT = ("vol%", "g/l", "g/l"), ("1", "mol/l")
X = np.array([0.1, -0.2, 0.3])


def named(dtype="float64", **options):
    return make_network((3, 5, 2), ["tanh", "identity"], dtype, names_in=IN, names_out=OUT, units_in=UNITS_IN,
                        units_out=UNITS_OUT, **options)


def names_of(net):
    return net.names_in, net.names_out, net.units_in, net.units_out


# ------------------------------------------------------------ what a network is told


def test_names_of_a_network():
    assert names_of(named()) == (IN, OUT, UNITS_IN, UNITS_OUT)
    assert names_of(make_network((3, 2), ["tanh"])) == (None,) * 4
    net = make_network((3, 2), ["tanh"], names_in=np.array(["a", "b", "c"]), names_out=(np.int64(1850), 1900))
    assert names_of(net) == (("a", "b", "c"), (1850, 1900), None, None)
    assert [type(name) for name in (*net.names_in, *net.names_out)] == [str, str, str, int, int]
    with pytest.raises(AttributeError):
        net.names_in = None


def test_other_names():
    net = named(order="reverse", engine="blas", activity=0.5)
    other = net.with_names(names_in=["x", "y", "z"], units_out=None)
    assert names_of(other) == (("x", "y", "z"), OUT, UNITS_IN, None)
    assert names_of(net) == (IN, OUT, UNITS_IN, UNITS_OUT)
    assert (other.order, other.engine, other.activity) == ("reverse", "blas", 0.5)
    assert_same(other.value_and_jacobian(X), net.value_and_jacobian(X))


@pytest.mark.parametrize("kind, given, error, message", [
    ("names_in", ["a", "b"], ValueError, "names_in: expected 3 names, one for each input, got 2: 'a', 'b'"),
    ("units_out", ["m"], ValueError, "units_out: expected 2 units, one for each output, got 1: 'm'"),
    ("names_in", ["a", "b", "a"], ValueError, "names_in: expected names that differ from each other, got 'a' more"),
    ("names_out", [1, "1"], ValueError, "names_out: expected names that differ from each other, got '1' more"),
    ("names_out", "pq", TypeError, "names_out: expected a sequence of texts or integers, got 'pq'"),
    ("names_out", {"p", "q"}, TypeError, "names_out: expected a sequence of texts or integers, got {"),
    ("names_out", 5, TypeError, "names_out: expected a sequence of texts or integers, got 5"),
    ("names_out", ["p", True], TypeError, "names_out: .* got True among them"),
    ("names_out", ["p", 1.5], TypeError, "names_out: .* got 1.5 among them"),
    ("units_in", ["m", 1, "s"], TypeError, "units_in: expected a sequence of texts, got 1 among them"),
])
def test_names_that_do_not_fit(kind, given, error, message):
    with pytest.raises(error, match=message):
        named().with_names(**{kind: given})
    with pytest.raises(error, match=message):
        fj.Network(named().layers, **{kind: given})


def test_units_may_be_alike():
    assert named().with_names(units_in=["m"] * 3).units_in == ("m",) * 3


# ------------------------------------------------------------ where they go


def kept(tmp_path):
    """Ways from a network to one that shall have its names."""
    def through(write, path):
        def way(net):
            write(net, path)
            return fj.load(path)
        return way

    return {
        "pickle": lambda net: pickle.loads(pickle.dumps(net)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "dtype": lambda net: net._in_dtype("float32"),
        "input scaling": lambda net: net.with_input_scaling(1.0, 2.0),
        "output scaling": lambda net: net.with_output_scaling(1.0, [2.0, 3.0]),
        "composing": lambda net: fj.Network([net]),
        "selection": lambda net: net.select(),
        "file": through(fj.Network.save, tmp_path / "net.safetensors"),
        "archive": through(fj.save_npz, tmp_path / "net.npz"),
    }


@pytest.mark.parametrize("way", kept(Path()))
def test_names_are_kept(way, tmp_path):
    assert names_of(kept(tmp_path)[way](named())) == (IN, OUT, UNITS_IN, UNITS_OUT)
    plain = make_network((3, 5, 2), ["tanh"])
    assert names_of(kept(tmp_path)[way](plain)) == (None,) * 4


def test_integers_are_kept_in_files_and_are_text_in_archives(tmp_path):
    net = make_network((3, 2), ["tanh"], names_in=[1850, "x", 1900])
    net.save(tmp_path / "net.safetensors")
    fj.save_npz(net, tmp_path / "net.npz")
    assert fj.load(tmp_path / "net.safetensors").names_in == (1850, "x", 1900)
    assert fj.load(tmp_path / "net.npz").names_in == ("1850", "x", "1900")


def test_names_of_older_files_and_notes_beside_them(tmp_path):
    """Files had names as notes alone; notes that are given go before the names of the network."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    make_network((3, 2), ["tanh"]).save(first, description="a test", names_in=list(IN), units_out=["m", "s"])
    net = fj.load(first)
    assert names_of(net) == (IN, None, None, ("m", "s"))
    net.save(second, **fj.formats.read_notes(first))
    assert first.read_bytes() == second.read_bytes()
    net.save(second, names_in=["a", "b", "c"])
    assert fj.formats.read_notes(second) == {"names_in": ["a", "b", "c"], "units_out": ["m", "s"]}
    for write in (net.save, lambda path, **notes: fj.save_npz(net, path, **notes)):
        with pytest.raises(ValueError, match="names_out: expected names that differ from each other, got 'p' more"):
            write(second, names_out=["p", "p"])


@pytest.mark.parametrize("names, message", [
    (["a", "a", "b"], "names_in: expected names that differ from each other, got 'a' more than once"),
    (["a", 1.5, "b"], "expected text or a list of texts as the note 'names_in'"),
    (["a", True, "b"], "expected text or a list of texts as the note 'names_in'"),
    (["a"], "expected 'names_in' with one text for each of 3 inputs"),
])
def test_files_with_names_that_are_none(tmp_path, names, message):
    path = tmp_path / "net.safetensors"
    net, arrays = make_network((3, 2), ["tanh"]), {}
    header = saving.make_header(saving.describe(net, {"names_in": names}, arrays), arrays)
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"".join(array.tobytes() for array in arrays.values()))
    with pytest.raises(fj.ModelFormatError, match=re.escape(message)):
        fj.load(path)


def test_names_of_a_selection():
    part = named().select(wrt=[2, 0], outputs=["q"])
    assert (part.names_in, part.names_wrt, part.names_out) == (IN, ("Säure", "alcohol"), ("q",))
    assert (part.units_in, part.units_out) == (UNITS_IN, ("mol/l",))
    assert names_of(pickle.loads(pickle.dumps(part))) == names_of(part)


# ------------------------------------------------------------ names in the place of indices


def test_jacobian_by_names(dtype, engine):
    net = named(dtype)
    y = net(X)
    assert_same(net.jacobian(X, wrt=["Säure", "alcohol"], outputs=["q"]), net.jacobian(X, wrt=[2, 0], outputs=[1]))
    assert_same(net.value_and_jacobian(X, outputs=("q", "p"))[0], y[[1, 0]])
    assert_same(net.jacobian(X, wrt=np.array(["ash"])), net.jacobian(X, wrt=[1]))
    assert_same(net.jacobian(X, wrt=["ash", "ash"]), net.jacobian(X, wrt=[1, 1]))


def test_integers_are_indices_and_their_text_is_a_name():
    net = make_network((3, 2), ["tanh"], names_in=[2, 0, 1])
    assert_same(net.jacobian(X, wrt=[0]), net.jacobian(X)[:, :1])
    assert_same(net.jacobian(X, wrt=["0"]), net.jacobian(X)[:, 1:2])


def test_solvers_by_names():
    net = named()
    x = np.array([0.3, -0.2, 0.1])
    ode = net.as_ode(state=["Säure", "alcohol"], held=[-0.2], outputs=["p", "q"])
    assert_same(ode.jac(0, [0.1, 0.3]), net.jacobian(x, wrt=[2, 0]))
    residual = net.as_residual(wrt=["ash"], held=[0.3, 0.1], outputs=["q"])
    assert_same(residual.fun([-0.2]), net(x)[1:])
    model = KalmanModel(net, state=["Säure", "alcohol"], held=[-0.2], outputs=["q"])
    assert_same(model.HJacobian([0.1, 0.3]), net.jacobian(x, wrt=[2, 0], outputs=[1]))
    J = np.empty((2, 2))
    CvodeOde(net, state=["Säure", "alcohol"], held=[-0.2]).jacfn(0, [0.1, 0.3], None, J)
    assert_same(J, net.jacobian(x, wrt=[2, 0]))


@pytest.mark.parametrize("index, error, message", [
    (["wine"], ValueError, "wrt: expected some of the names 'alcohol', 'ash', 'Säure', got 'wine'"),
    (["ALCOHOL", "ash"], ValueError, "wrt: expected some of the names .*, got 'ALCOHOL'"),
    (["Sa\u0308ure"], ValueError, "wrt: expected some of the names .*, got 'Sa\u0308ure'"),  # two characters for one
    (["ash", 1], TypeError, r"wrt: expected a slice, integers or a mask, or a sequence of names, got \['ash', 1\]"),
    ("ash", TypeError, "wrt: expected a slice, integers or a mask, or a sequence of names, got 'ash'"),
    ([["ash"]], TypeError, "wrt: expected a slice, integers or a mask, or a sequence of names"),
    (slice("alcohol", "ash"), TypeError, "wrt: expected a slice, integers or a mask"),
])
def test_names_that_are_not_there(index, error, message):
    net = named()
    for call in (net.jacobian, net.value_and_jacobian):
        with pytest.raises(error, match=message):
            call(X, wrt=index)
    with pytest.raises(error, match=message):
        net.select(wrt=index)


def test_names_of_a_network_without_any():
    with pytest.raises(TypeError, match="outputs: expected a slice, integers or a mask, as there are no names, got"):
        make_network((3, 2), ["tanh"]).jacobian(X, outputs=["p"])


def test_long_lists_in_messages_are_cut():
    assert _names.listed(range(50)).endswith("39, ... (50 in all)")


# ------------------------------------------------------------ what a choice is remembered by


def wide(n=300):
    """J of input k is k + 1."""
    return fj.Network([(np.arange(1.0, n + 1)[:, None], None)]), np.zeros(n)


@pytest.mark.parametrize("dtypes", [("<i2", ">i2"), (">i4", "<i4"), ("<u2", ">u2"), ("<i8", ">i8")])
def test_choices_in_another_byte_order(dtypes):
    net, x = wide()
    for dtype in dtypes:
        for index in (1, 256):
            assert net.jacobian(x, wrt=np.array([index], dtype)) == [[index + 1]]


def test_choice_outside_after_one_inside_with_the_same_bytes():
    net, x = wide(10)
    net.jacobian(x, wrt=np.array([1], ">i2"))
    with pytest.raises(IndexError, match="wrt: expected indices from -10 to 9, got 256"):
        net.jacobian(x, wrt=np.array([256], "<i2"))
    net.jacobian(x, wrt=[-1])
    with pytest.raises(IndexError):
        net.jacobian(x, wrt=np.array([2**64 - 1], np.uint64))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, ">i2"])
def test_small_integers_choose_among_many(dtype):
    net, x = wide()
    last = -1 if np.dtype(dtype).kind == "i" else 255
    assert net.jacobian(x, wrt=np.array([100, last], dtype)).tolist() == [[101, 301 + last if last < 0 else 256]]
    assert net.select(wrt=np.array([100, last], dtype)).wrt.dtype == np.intp


def test_masked_choices_are_refused():
    net = named()
    masked = np.ma.array([0, 1], mask=[False, True])
    for call in (lambda: net.jacobian(X, wrt=masked), lambda: net.select(masked), lambda: net.as_residual(wrt=masked)):
        with pytest.raises(TypeError, match="wrt: expected a plain array, got a masked array"):
            call()


def test_bounds_of_slices_are_taken_when_they_are_given():
    class Bound:
        """An index that may be told to be another one."""

        def __init__(self, n):
            self.n = n

        def __index__(self):
            return self.n

    net, x, bound = *wide(10), Bound(2)
    assert net.jacobian(x, wrt=slice(0, bound)).shape == (1, 2)
    bound.n = 3
    assert net.jacobian(x, wrt=slice(0, bound)).shape == (1, 3)


def test_names_and_masks_of_the_same_bytes_are_apart():
    net = make_network((2, 2), ["tanh"], names_in=["\x00", "\x01"])
    x = X[:2]
    J = net.jacobian(x)
    assert_same(net.jacobian(x, wrt=np.array([False, True])), net.jacobian(x, wrt=[1]))
    assert_same(net.jacobian(x, wrt=np.array([0, 1], np.uint8)), J)
    assert_same(net.jacobian(x, wrt=["\x01"]), net.jacobian(x, wrt=[1]))


def test_choices_by_threads():
    net, x = wide()
    wrong = []

    def work(first):
        for k in range(first, first + 100):
            if net.jacobian(x, wrt=[k]) != [[k + 1]]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 50, 100, 150)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


def test_last_point_of_a_residual_has_a_sign_of_zero():
    """A solver that asks at -0.0 after 0.0 gets the value there, of any network that tells them apart."""
    net = SimpleNamespace(
        n_in=1, n_wrt=1, n_out=1, names_in=None, names_wrt=None, names_out=None,
        value_and_jacobian=lambda v: (np.copysign(1.0, v), np.ones((1, 1))))
    residual = Residual(net)
    assert [residual.fun([zero])[0] for zero in (0.0, -0.0, 0.0)] == [1.0, -1.0, 1.0]
