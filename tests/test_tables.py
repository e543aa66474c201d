"""Tables, labelled arrays and arrays that are not in memory: by their protocols, with classes that mimic the originals.

`tests/parity/test_tables.py` has the originals.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from support import assert_same, make_network

import fastjac as fj

IN, OUT = ("alcohol", "ash", 1850), ("p", "q")
POINTS = np.random.default_rng(0).normal(size=(4, 3))


@pytest.fixture
def net():
    return make_network((3, 5, 2), ["tanh", "identity"], names_in=IN, names_out=OUT)


@pytest.fixture
def unnamed(net):
    return fj.Network(net.layers)


class Places:
    """What stands for `iloc`."""

    def __init__(self, table):
        self.table = table

    def __getitem__(self, key):
        rows, columns = key
        labels = [self.table.columns[k] for k in columns]
        rows = np.arange(len(self.table.values))[rows]
        index = None if self.table.index is None else [self.table.index[k] for k in rows]
        return DataFrame(self.table.values[rows][:, columns], labels, index)


class DataFrame:
    """A table as that of pandas: columns with labels of any kind, rows with labels."""

    def __init__(self, values, columns, index=None):
        self.values, self.columns, self.index = np.asarray(values), columns, index
        self.iloc, self.ndim = Places(self), 2

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)


class Series:
    """Numbers with labels."""

    ndim = 1

    def __init__(self, values, index):
        self.values, self.index, self.iloc, self.dtype = np.asarray(values), index, self, np.asarray(values).dtype

    def __getitem__(self, places):
        return self.values[places]

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)


class Frame:
    """A table that says so by the protocol of Arrow, and has no `iloc`."""

    def __init__(self, values, columns):
        self.values, self.columns = np.asarray(values), columns

    def __arrow_c_stream__(self):
        raise AssertionError

    def select(self, columns):
        return Frame(self.values[:, [self.columns.index(column) for column in columns]], columns)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)


@pytest.fixture(autouse=True)
def pandas(monkeypatch):
    module = ModuleType("pandas")
    module.DataFrame, module.Series = DataFrame, Series
    monkeypatch.setitem(sys.modules, "pandas", module)


@pytest.fixture(params=[DataFrame, Frame])
def table(request):
    return request.param


# ------------------------------------------------------------ tables by name


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_points_by_the_names_of_their_columns(net, table, order, dtype, engine):
    net = fj.Network([net], dtype=dtype)
    order = list(order)
    given = table(POINTS[:, order], [IN[k] for k in order])
    assert_same(net.value_and_jacobian(given), net.value_and_jacobian(POINTS))
    assert_same(net.jacobian(given, wrt=["ash"], workers=2), net.jacobian(POINTS, wrt=[1]))
    assert_same(net.jvp(POINTS, given), net.jvp(POINTS, POINTS))
    w = np.array([[1.0, -2.0]])
    assert_same(net.vjp(given, table(w[:, ::-1], list(OUT[::-1]))), net.vjp(POINTS, w))
    part = net.select(wrt=[2, 0])
    v = POINTS[:, :2]
    assert_same(part.jvp(given, table(v[:, ::-1], ["alcohol", "1850"])), part.jvp(POINTS, v))


def test_columns_beyond_those_of_the_network_are_left_out(net, table):
    wide = np.column_stack([np.full(4, 99.0), POINTS[:, ::-1], np.full(4, 99.0)])
    assert_same(net.jacobian(table(wide, ["year", *IN[::-1], "price"])), net.jacobian(POINTS))


@pytest.mark.parametrize("columns, faults", [
    (["alcohol", "ash", "x"], r"'alcohol', 'ash', 'x' \(missing 1850\)"),
    (["alcohol", "ash", "ash", 1850], r"'alcohol', 'ash', 'ash', 1850 \(more than once 'ash'\)"),
    ([0, 1, 2], r"0, 1, 2 \(missing 'alcohol', 'ash', 1850\)"),
    (["ash", "ash"], r"'ash', 'ash' \(missing 'alcohol', 1850; more than once 'ash'\)"),
])
def test_columns_that_are_missing_or_double(net, table, columns, faults):
    given = table(np.zeros((4, len(columns))), columns)
    with pytest.raises(ValueError, match="^x: expected each column of 'alcohol', 'ash', 1850 once, got " + faults):
        net.jacobian(given)


def test_without_names_a_table_is_taken_by_position(unnamed, table):
    given = table(POINTS, ["c", "b", "a"])
    assert_same(unnamed.jacobian(given), unnamed.jacobian(POINTS))
    assert_same(unnamed.jvp(given, given), unnamed.jvp(POINTS, POINTS))


def test_columns_as_names(net):
    assert fj.Network(net.layers, names_in=DataFrame(POINTS, ["a", 2, "c"])).names_in == ("a", 2, "c")


def test_a_point_by_its_labels(net, unnamed):
    given = Series(POINTS[0, ::-1], IN[::-1])
    assert_same(net.jacobian(given), net.jacobian(POINTS[0]))
    assert_same(net.jacobian([given, Series(POINTS[1], IN)]), net.jacobian(POINTS[:2]))
    assert_same(unnamed.jacobian(given), unnamed.jacobian(POINTS[0, ::-1].copy()))
    with pytest.raises(ValueError, match="x: expected each label of 'alcohol', 'ash', 1850 once, got 'alcohol', 'ash'"):
        net.jacobian(Series(POINTS[0, :2], IN[:2]))


def test_matrices_by_both_axes(net, unnamed):
    P = np.diag([1.0, 4.0, 9.0]) + 0.5
    turned = DataFrame(P[::-1, ::-1], list(IN[::-1]), list(IN[::-1]))
    assert_same(net.propagate_covariance(POINTS, turned), net.propagate_covariance(POINTS, P))
    C = np.array([[2.0, 0.1], [0.1, 3.0]])
    turned = DataFrame(C[::-1, ::-1], list(OUT[::-1]), list(OUT[::-1]))
    assert_same(net.fisher(POINTS, turned), net.fisher(POINTS, C))
    assert_same(net.fisher(POINTS, Series([3.0, 2.0], OUT[::-1])), net.fisher(POINTS, np.array([2.0, 3.0])))
    assert_same(net.propagate_covariance(POINTS, P, Q=turned), net.propagate_covariance(POINTS, P, Q=C))
    assert_same(unnamed.fisher(POINTS, turned), unnamed.fisher(POINTS, C[::-1, ::-1]))
    with pytest.raises(ValueError, match="P: expected each row of 'alcohol', 'ash', 1850 once, got 0, 1, 2"):
        net.propagate_covariance(POINTS, DataFrame(P, list(IN), [0, 1, 2]))


def test_other_arguments_by_name(net):
    mean, std = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    by_name = net.with_input_scaling(Series(mean[::-1], IN[::-1]), Series(std[::-1], IN[::-1]))
    assert_same(by_name.jacobian(POINTS), net.with_input_scaling(mean, std).jacobian(POINTS))
    by_name = net.with_output_scaling(Series([1.0, 2.0], OUT[::-1]), Series([3.0, 4.0], OUT[::-1]))
    assert_same(by_name.jacobian(POINTS), net.with_output_scaling([2.0, 1.0], [4.0, 3.0]).jacobian(POINTS))
    held, target = Series([0.3, -0.2], [1850, "ash"]), Series([1.0, 2.0], OUT[::-1])
    residual = net.as_residual(target, wrt=["alcohol"], held=held)
    assert_same(residual.fun(Series([0.1], ["alcohol"])), net([0.1, -0.2, 0.3]) - [2.0, 1.0])
    ode = net.as_ode(state=["alcohol", "ash"], held=lambda t: Series([t], [1850]))
    assert_same(ode.fun(0.3, [0.1, -0.2]), net([0.1, -0.2, 0.3]))


def test_masks_with_labels_are_refused(net):
    x = POINTS[0]
    with pytest.raises(TypeError, match="wrt: expected a mask without labels, got one of 1850, 'ash', 'alcohol'"):
        net.jacobian(x, wrt=Series([True, False, False], IN[::-1]))
    assert_same(net.jacobian(x, wrt=Series([True, False, False], range(3))), net.jacobian(x, wrt=[0]))
    assert_same(net.jacobian(x, wrt=Series([2, 0], "ab")), net.jacobian(x, wrt=[2, 0]))


# ------------------------------------------------------------ not in memory


class Lazy:
    """An array of dask, as far as anyone looks."""

    def __init__(self, values, chunks=None, computed=False):
        self.values, self.ndim, self.computed = values, np.ndim(values), computed
        self.chunks = tuple((n,) for n in np.shape(values)) if chunks is None else chunks

    def __dask_graph__(self):
        return None if self.computed else {"a": "graph"}

    def __array__(self, dtype=None, copy=None):
        assert self.computed, "all of it was computed in this process"
        return np.array(self.values)


def test_lazy_points_are_refused_with_the_line_that_works(net, operand):
    given = Lazy(np.ones((4, operand.width(net))))
    with pytest.raises(TypeError, match=rf"^{operand.name}: expected an array in memory, got a \w+ Lazy that is not "
                                        rf"computed yet; .*{operand.name}.compute\(\) computes all") as error:
        operand(net, given)
    line = ("x.map_blocks(net.jacobian, dtype=net.dtype, new_axis=2, chunks=x.chunks[:-1] + (net.n_out, net.n_in)) "
            "computes it block by block")
    assert (line in str(error.value)) == (operand.name == "x")
    assert_same(operand(net, Lazy(given.values, computed=True)), operand(net, given.values))


def test_lazy_points_whose_inputs_are_in_several_blocks(net):
    with pytest.raises(TypeError, match=r"; x.rechunk\({-1: -1}\).map_blocks\(net.jacobian, "):
        net.jacobian(Lazy(POINTS, chunks=((4,), (2, 1))))
    with pytest.raises(TypeError, match="x: expected an array in memory"):
        net.jacobian([Lazy(POINTS[0])] * 2)


@pytest.mark.parametrize("call, name", [
    (lambda lazy: fj.Layer(lazy), "W"),
    (lambda lazy: fj.Layer(np.ones((3, 2)), lazy), "b"),
    (lambda lazy: fj.Layer(np.ones((3, 2)), activation="prelu", slope=lazy), "prelu: slope"),
    (lambda lazy: fj.Affine(center=lazy), "center"),
    (lambda lazy: NET.propagate_covariance(POINTS, lazy), "P"),
    (lambda lazy: NET.fisher(POINTS, lazy), "precision"),
    (lambda lazy: NET.with_input_scaling(lazy, 1.0), "mean"),
    (lambda lazy: NET.with_output_scaling(1.0, lazy), "std"),
    (lambda lazy: NET.as_residual(lazy), "target"),
    (lambda lazy: NET.as_residual(wrt=[0], held=lazy), "held"),
    (lambda lazy: NET.as_residual().fun(lazy), "v"),
    (lambda lazy: NET.jacobian(POINTS, wrt=lazy), "wrt"),
])
def test_other_lazy_arguments(call, name):
    with pytest.raises(TypeError, match=rf"^{name}: expected an array in memory.*; {name}.compute\(\)"):
        call(Lazy(np.ones((3, 3))))


NET = make_network((3, 5, 2), ["tanh", "identity"])


@pytest.mark.parametrize("module, cls", [("h5py", "Dataset"), ("zarr", "Array"), ("netCDF4", "Variable")])
def test_arrays_in_files(net, monkeypatch, module, cls):
    stored = type(cls, (), {"__array__": lambda self: POINTS, "__module__": f"{module}.core"})()
    assert_same(net.jacobian(stored), net.jacobian(POINTS))  # a class that is only called so
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{cls: type(stored)}))
    with pytest.raises(TypeError, match=rf"x: expected an array in memory, got a {module} {cls}, which is in a file; "
                                        r"x\[...\] reads all of it, x\[i:j\] a part"):
        net.jacobian(stored)


def test_dataset_of_a_file(net, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "points.h5", "w") as file:
        file["x"] = POINTS
        with pytest.raises(TypeError, match="x: expected an array in memory, got a h5py Dataset"):
            net.jacobian(file["x"])
        assert_same(net.jacobian(file["x"][...]), net.jacobian(POINTS))


class OnDevice:
    def __init__(self, device):
        self.number, self.device = device, "meta" if device is None else f"cuda:{device}"

    def __dlpack_device__(self):
        if self.number is None:
            raise ValueError("unknown to DLPack")
        return self.number, 0

    def __array__(self, dtype=None, copy=None):
        return POINTS


def test_arrays_on_another_device(net):
    for device in (2, 8, None):
        with pytest.raises(TypeError, match="x: expected an array in the memory of the processor, got a .* OnDevice on "
                                            "the device (cuda|meta)"):
            net.jacobian(OnDevice(device))
    assert_same(net.jacobian(OnDevice(1)), net.jacobian(POINTS))


def test_what_an_array_says_against_being_read_is_said(net):
    class Stubborn:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("it records a gradient")

    with pytest.raises(TypeError, match="x: expected an array of numbers, got a Stubborn: it records a gradient"):
        net.jacobian(Stubborn())


# ------------------------------------------------------------ arrays with labels


class DataArray:
    """An array as that of xarray: dimensions with names, some with labels."""

    def __init__(self, data, dims=None, in_memory=True, **labels):
        self.data, self.dims = data, tuple(f"dim_{i}" for i in range(np.ndim(data))) if dims is None else dims
        self.indexes, self.variable = labels, SimpleNamespace(_in_memory=in_memory)
        self.ndim = len(self.dims)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data)


@pytest.fixture
def xarray(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", SimpleNamespace(DataArray=DataArray))


@pytest.mark.usefixtures("xarray")
def test_labelled_points_that_lose_nothing(net, unnamed):
    at = ("time", "feature")
    for given in (DataArray(POINTS), DataArray(POINTS, at), DataArray(POINTS, at, time=[1, 2, 3, 4])):
        for either in (net, unnamed):
            assert_same(either.jacobian(given), either.jacobian(POINTS))
    labelled = DataArray(POINTS, at, time=["a", "b", "c", "d"], feature=["alcohol", "ash", "1850"])
    assert_same(net.jacobian(labelled), net.jacobian(POINTS))
    square = DataArray(POINTS[:3], ("other", "feature"), other=IN, feature=IN)
    assert_same(net.jacobian(square), net.jacobian(POINTS[:3]))
    assert_same(unnamed.jacobian(DataArray(POINTS, at, feature=[0, 1, 2])), unnamed.jacobian(POINTS))
    P = np.eye(3)
    assert_same(net.propagate_covariance(POINTS, DataArray(P, ("i", "j"), i=IN, j=IN)),
                net.propagate_covariance(POINTS, P))
    assert_same(fj.Layer(DataArray(np.eye(3))).W, np.eye(3))


@pytest.mark.usefixtures("xarray")
@pytest.mark.parametrize("is_named, given, error, message", [
    (True, DataArray(POINTS, ("t", "f"), f=["ash", "alcohol", 1850]), TypeError,
     r"x: expected the labels 'alcohol', 'ash', 1850 along 'f' in this order, .*; x.isel\({'f': \[1, 0, 2\]}"),
    (True, DataArray(POINTS, ("t", "f"), f=[0, 1, 2]), ValueError,
     "x, along 'f': expected each label of 'alcohol', .* got 0, 1, 2 .*; x.values is taken by position"),
    (True, DataArray(POINTS[:3], ("f", "t"), f=IN), TypeError,
     r"x: expected the labels .* along the last dimension, 't', got them along 'f'; x.transpose\(..., 'f'\) has"),
    (False, DataArray(POINTS[:3], ("f", "t"), f=list("abc"), t=[5, 6, 7]), TypeError,
     r"x.transpose\(..., 'f'\) has them there"),
    (False, DataArray(POINTS, ("t", "f"), f=list("abc")), TypeError,
     "x: expected an array without labels, as there are no names to hold them against, got 'a', 'b', 'c' along 'f'; "
     "x.values is taken by position"),
    (True, DataArray(POINTS, in_memory=False), TypeError, r"x: expected an array in memory, .* x.load\(\) reads it"),
    (True, DataArray(Lazy(POINTS)), TypeError, "x: expected an array in memory, got a test_tables Lazy"),
    (True, DataArray(np.ma.masked_less(POINTS, 0)), TypeError, "x: expected a plain array, got a masked array"),
])
def test_labelled_points_that_are_refused(net, unnamed, is_named, given, error, message):
    with pytest.raises(error, match=message):
        (net if is_named else unnamed).jacobian(given)


@pytest.mark.usefixtures("xarray")
def test_labelled_weights_are_refused():
    with pytest.raises(TypeError, match="W: expected an array without labels, .* along 'i'; W.values is taken by"):
        fj.Layer(DataArray(np.eye(3), ("i", "j"), i=list("abc")))


def test_masked_parameters_are_refused():
    with pytest.raises(TypeError, match="prelu: slope: expected a plain array, got a masked array"):
        fj.Layer(np.eye(2), activation="prelu", slope=np.ma.masked_less([-1.0, 1.0], 0))
