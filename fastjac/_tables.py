"""Arrays that are more than their values: tables and arrays with labels, and arrays that are not in memory.

Nothing is imported: a class is looked for in the module that defines it, if that is loaded.
"""

import sys

import numpy as np

from fastjac import _names

# Arrays in files, which `np.asarray` would read as a whole: the module and the class.
IN_FILES = (("h5py", "Dataset"), ("zarr", "Array"), ("netCDF4", "Variable"))

# What tables have that hand on their columns: the protocols of the DataFrame interchange and of Arrow.
TABLES = ("__dataframe__", "__arrow_c_stream__")

# Devices of DLPack whose memory is that of the processor: the processor itself, and memory that is pinned or managed.
IN_MEMORY = (1, 3, 11, 13)


def is_a(x, module, name):
    """Whether x is an instance of a class of a module; False if that is not loaded."""
    return isinstance(x, getattr(sys.modules.get(module), name, ()))


def plain(x, name, names=None, n=None, n_axes=1):
    """`x` without labels: the columns of a table, or the entries of a series, in the order of `names`.

    Parameters
    ----------
    x : object
        What the caller passed. What has no labels and is in memory is returned as it is.
    name : str
        Of the argument, for messages.
    names : tuple or None
        Of the places along the last axes; None where there are none, and position decides.
    n : int or None
        Length of the last axes of an argument whose other axes hold many of the same kind, such as points.
    n_axes : int
        How many of the last axes have these names and this length: 2 for a matrix such as a covariance.

    Raises
    ------
    TypeError
        If `x` is not in memory, or its labels say something else than the order of its axes.
    ValueError
        If a label is missing or stands there twice.
    """
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected a plain array, got a masked array; fill or drop its masked entries")
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, list | tuple):
        if not x or isinstance(x[0], int | float | list | tuple | np.ndarray | np.generic):
            return x
        return [plain(each, name, names, n, n_axes) for each in x]
    _check_memory(x, name)
    if is_a(x, "xarray", "DataArray"):
        return _values(x, name, names, n, n_axes)
    if names is None:
        return x
    if is_a(x, "pandas", "Series"):
        return np.asarray(x.iloc[_names.places(names, x.index, name, "label")])
    if labels_of(x) is not None:
        return _by_name(x, name, names, n_axes)
    return x


def plain_index(index, name):
    """Indices, names or a mask without labels of their own; raises as `plain`."""
    if is_a(index, "pandas", "Series"):
        if index.dtype == bool and list(index.index) != list(range(len(index))):
            raise TypeError(f"{name}: expected a mask without labels, got one of {_names.listed(index.index)}; "
                            f"a sequence of names says which are meant")
        return list(index)
    return plain(index, name)


def labels_of(x):
    """Labels of the columns of a table, None of what is none."""
    if is_a(x, "pandas", "DataFrame") or any(hasattr(x, protocol) for protocol in TABLES):
        # Asked of the class: of an instance it may be the column of that name.
        labels = x.column_names if hasattr(type(x), "column_names") else getattr(x, "columns", None)
        return None if labels is None else list(labels)
    return None


def _by_name(table, name, names, n_axes):
    labels = labels_of(table)
    columns = _names.places(names, labels, name)
    if hasattr(table, "iloc"):
        if n_axes == 2:
            return np.asarray(table.iloc[_names.places(names, table.index, name, "row"), columns])
        return np.asarray(table if _names.same(names, labels) else table.iloc[:, columns])
    return np.asarray(table.select([labels[k] for k in columns]))


# ---------------------------------------------------------------- what is not in memory


def _check_memory(x, name):
    graph = getattr(x, "__dask_graph__", None)
    if callable(graph) and graph() is not None:
        raise TypeError(f"{name}: expected an array in memory, got a {_kind(x)} that is not computed yet; "
                        f"{_blocks(x) if name == 'x' else ''}{name}.compute() computes all of it here")
    if is_a(x, "xarray", "DataArray") and not getattr(x.variable, "_in_memory", True):
        raise TypeError(f"{name}: expected an array in memory, got a {_kind(x)} in a file; {name}.load() reads it")
    for module, cls in IN_FILES:
        if is_a(x, module, cls):
            raise TypeError(f"{name}: expected an array in memory, got a {_kind(x)}, which is in a file; "
                            f"{name}[...] reads all of it, {name}[i:j] a part")
    if hasattr(x, "__dlpack_device__"):
        _check_device(x, name)


def _blocks(x):
    """The line that computes the Jacobians at lazy points x piece by piece."""
    if hasattr(x, "map_partitions"):
        return "x.map_partitions(net.jacobian) computes it part by part, "
    if not getattr(x, "chunks", None):
        return ""
    array = "x.data" if is_a(x, "xarray", "DataArray") else "x"
    whole = ".rechunk({-1: -1})" * (len(x.chunks[-1]) > 1)  # the inputs of a point in one block
    return (f"{array}{whole}.map_blocks(net.jacobian, dtype=net.dtype, new_axis={x.ndim}, "
            f"chunks={array}.chunks[:-1] + (net.n_out, net.n_in)) computes it block by block, ")


def _check_device(x, name):
    try:
        device = int(x.__dlpack_device__()[0])
    except (BufferError, RuntimeError, TypeError, ValueError):  # a device that DLPack has no number for
        device = None
    if device not in IN_MEMORY:
        how = f"{name}.cpu() brings it there" if is_a(x, "torch", "Tensor") else "bring it there first"
        raise TypeError(f"{name}: expected an array in the memory of the processor, got a {_kind(x)} on the device "
                        f"{getattr(x, 'device', device)}; {how}")


def _kind(x):
    return f"{type(x).__module__.partition('.')[0]} {type(x).__name__}"


# ---------------------------------------------------------------- xarray


def _values(x, name, names, n, n_axes):
    """The values of a DataArray, if its labels say nothing but what the order of its axes says, too."""
    labels = {dim: x.indexes[dim] for dim in x.dims if dim in x.indexes}
    ours = x.dims if n is None else x.dims[-n_axes:]
    wrong = [dim for dim in ours if dim in labels and not _are_in_order(labels[dim], names)]
    are_known = names is not None and not wrong and set(ours) <= set(labels)
    for dim in labels:
        if dim not in ours and not are_known and _are_names(labels[dim], names, n):
            raise TypeError(f"{name}: expected the labels {_names.listed(labels[dim])} along the last dimension, "
                            f"{ours[-1]!r}, got them along {dim!r}; {name}.transpose(..., {dim!r}) has them there")
    if wrong:
        _refuse(name, names, wrong[0], labels[wrong[0]])
    return plain(x.data, name)


def _are_in_order(labels, names):
    return list(labels) == list(range(len(labels))) if names is None else _names.same(names, labels)


def _are_names(labels, names, n):
    """Whether a dimension holds the inputs: as its labels say or, without names, as text labels suggest."""
    if names is None:
        return len(labels) == n and all(isinstance(label, str) for label in labels)
    return {str(name) for name in names} <= {str(label) for label in labels}


def _refuse(name, names, dim, labels):
    if names is None:
        raise TypeError(f"{name}: expected an array without labels, as there are no names to hold them against, got "
                        f"{_names.listed(labels)} along {dim!r}; {name}.values is taken by position")
    try:
        places = _names.places(names, labels, f"{name}, along {dim!r}", "label")
    except ValueError as error:
        raise ValueError(f"{error}; {name}.values is taken by position") from None
    raise TypeError(f"{name}: expected the labels {_names.listed(names)} along {dim!r} in this order, got "
                    f"{_names.listed(labels)}; {name}.isel({{{dim!r}: {places.tolist()}}}) has them so")
