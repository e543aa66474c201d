"""Tables of pandas, labelled arrays of xarray and lazy ones of dask, by the packages themselves."""

import numpy as np
import pytest

import fastjac as fj

pandas = pytest.importorskip("pandas")

IN = ["alcohol", "ash", "Säure"]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3))


@pytest.fixture
def net():
    return fj.Network([(RANDOM.normal(size=(3, 5)), None, "tanh"), (RANDOM.normal(size=(5, 2)),)], names_in=IN)


def test_pandas(net):
    table = pandas.DataFrame(X, columns=IN)
    wide = table.assign(year=2000, colour="red")[["colour", "Säure", "alcohol", "year", "ash"]]
    for given in (table, wide, table[IN[::-1]]):
        assert np.array_equal(net.jacobian(given), net.jacobian(X))
    assert np.array_equal(net.jacobian(table.iloc[3][IN[::-1]]), net.jacobian(X[3]))
    assert np.array_equal(net.jacobian(X, wrt=table.columns[1:]), net.jacobian(X, wrt=[1, 2]))
    scaled = net.with_input_scaling(table.mean()[::-1], table.std()[::-1])
    assert np.array_equal(scaled(X), net.with_input_scaling(table.mean().values, table.std().values)(X))
    assert np.array_equal(net.jacobian(wide.assign(column_names=1.0, columns=2.0, iloc=3.0)), net.jacobian(X))
    P = wide[IN].cov()
    assert np.array_equal(net.propagate_covariance(X, P.iloc[::-1, [1, 0, 2]]), net.propagate_covariance(X, P.values))
    assert fj.Network(net.layers, names_in=table.columns).names_in == tuple(IN)
    assert fj.Network(net.layers, names_in=pandas.DataFrame(X).columns).names_in == (0, 1, 2)
    with pytest.raises(ValueError, match=r"missing 'ash'; more than once 'Säure'"):
        net.jacobian(table[["alcohol", "Säure", "Säure"]])
    with pytest.raises(TypeError, match="x: expected real numbers, got dtype object"):
        net.jacobian(table.assign(ash="a"))


def test_integers_as_labels(net):
    spectra = fj.Network([net], names_in=[1850, 1900, 1950])
    table = pandas.DataFrame(X, columns=[1850, 1900, 1950])
    assert np.array_equal(spectra.jacobian(table[[1950, 1850, 1900]]), net.jacobian(X))
    with pytest.raises(ValueError, match="got 0, 1, 2"):
        spectra.jacobian(pandas.DataFrame(X))


def test_xarray(net, tmp_path):
    xarray = pytest.importorskip("xarray")
    labelled = xarray.DataArray(X, dims=("bottle", "part"), coords={"bottle": range(20), "part": IN})
    for given in (labelled, xarray.DataArray(X)):
        assert np.array_equal(net.jacobian(given), net.jacobian(X))
    with pytest.raises(TypeError) as error:
        net.jacobian(labelled.isel(part=[2, 0, 1]))
    line = str(error.value).rpartition("; ")[2].removesuffix(" has them so")
    assert np.array_equal(net.jacobian(eval(line, {"x": labelled.isel(part=[2, 0, 1])})), net.jacobian(X))
    with pytest.raises(TypeError) as error:
        net.jacobian(labelled.T)
    line = str(error.value).rpartition("; ")[2].removesuffix(" has them there")
    assert np.array_equal(net.jacobian(eval(line, {"x": labelled.T})), net.jacobian(X))


@pytest.mark.parametrize("shape, chunks", [((20, 3), (7, 3)), ((20, 3), (6, 2)), ((3,), (3,)), ((4, 5, 3), (2, 2, 3))])
def test_dask(net, shape, chunks):
    """The line that the message gives is the Jacobian, block by block."""
    array = pytest.importorskip("dask.array")
    x = array.from_array(RANDOM.normal(size=shape), chunks=chunks)
    with pytest.raises(TypeError, match="x: expected an array in memory, got a dask Array that is not") as error:
        net.jacobian(x)
    line = str(error.value).partition("; ")[2].partition(" computes it block by block")[0]
    J = eval(line, {"x": x, "net": net})
    assert J.shape == (*shape[:-1], 2, 3)
    assert np.array_equal(J.compute(), net.jacobian(x.compute()))
    with pytest.raises(TypeError, match="W: expected an array in memory"):
        fj.Layer(x)


def test_lazy_xarray(net):
    xarray, array = pytest.importorskip("xarray"), pytest.importorskip("dask.array")
    x = xarray.DataArray(array.from_array(X, chunks=(7, 3)), dims=("bottle", "part"), coords={"part": IN})
    with pytest.raises(TypeError, match="x: expected an array in memory, got a xarray DataArray") as error:
        net.jacobian(x)
    line = str(error.value).partition("; ")[2].partition(" computes it block by block")[0]
    assert np.array_equal(eval(line, {"x": x, "net": net}).compute(), net.jacobian(X))
    assert np.array_equal(net.jacobian(x.compute()), net.jacobian(X))


def test_scikit_learn(net):
    pytest.importorskip("sklearn")
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table, y = pandas.DataFrame(X, columns=IN), X[:, 0]
    columns = ColumnTransformer([("scaled", StandardScaler(), ["Säure", "alcohol"])], remainder="passthrough")
    for estimator in (
        Ridge(), make_pipeline(StandardScaler(), Ridge()), make_pipeline("passthrough", Ridge()),
        make_pipeline(columns, Ridge()), TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1, 2]}),
    ):
        read = fj.from_sklearn(estimator.fit(table, y))
        assert read.names_in == tuple(IN)
        np.testing.assert_allclose(read(table[IN[::-1]])[:, 0], estimator.predict(table), rtol=1e-9, atol=1e-12)
        assert fj.from_sklearn(estimator.fit(table, y)).names_in == tuple(IN)
    assert fj.from_sklearn(Ridge().fit(X, y)).names_in is None


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_torch(net, device):
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, device=device)
    if device == "cpu":
        assert np.array_equal(net.jacobian(x), net.jacobian(X))
        with pytest.raises(TypeError, match=r"x: expected an array of numbers, got a Tensor: .*detach\(\)"):
            net.jacobian(x.requires_grad_())
    else:
        with pytest.raises(TypeError, match=r"on the device meta; x.cpu\(\)"):
            net.jacobian(x)
