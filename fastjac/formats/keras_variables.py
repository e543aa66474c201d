"""The variables of Keras models in HDF5 files, by h5py.

Links to other files are not followed, and no more is read than the file holds.
"""

import re
from collections import Counter
from contextlib import contextmanager

from fastjac.formats.errors import ModelFormatError
from fastjac.formats.strict_json import fail

MAX_DEPTH = 8  # of groups in groups: links may make a ring


@contextmanager
def open_hdf5(path, file, n_bytes):
    """The root `Group` of an open file of that size; what h5py says about damage becomes ModelFormatError."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"{path}: expected h5py, which reads it, to be installed, got: {error}") from error
    try:
        with h5py.File(file, "r") as root:
            yield Group(path, root, [n_bytes])
    except ModelFormatError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ModelFormatError(f"{path}: expected an HDF5 file of Keras, got: {error!s:.200}") from error


class Group:
    """A group of the file.

    Parameters
    ----------
    where : str
        The place, for messages.
    group : h5py.Group
    n_left : list of one int
        Bytes that may still be read, shared by all groups.
    """

    def __init__(self, where, group, n_left):
        self.where, self.group, self.n_left = where, group, n_left

    def names(self):
        return list(self.group)

    def child(self, name):
        """The group, or the array, of that name; None if there is none."""
        import h5py

        where = f"{self.where}: {name!r}"
        if not isinstance(name, str) or "/" in name or name in ("", "."):
            fail(where, "the name of a group", "that")
        link = self.group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            fail(where, "what lies in the file itself", "a link")
        found = self.group[name]
        return Group(where, found, self.n_left) if isinstance(found, h5py.Group) else self.array(where, found)

    def array(self, where, dataset):
        n_bytes = dataset.size * dataset.dtype.itemsize
        if dataset.dtype.kind not in "fiu" or dataset.external or dataset.is_virtual or dataset.chunks:
            got = dataset.attrs.get("dtype", dataset.dtype)  # Keras says what NumPy has no name for, as bfloat16
            fail(where, "real numbers, not compressed", f"{got}" + ", chunked" * bool(dataset.chunks))
        self.n_left[0] -= n_bytes
        if dataset.id.get_storage_size() != n_bytes or self.n_left[0] < 0:
            fail(where, f"{n_bytes} bytes of {dataset.dtype}", "fewer")
        return dataset[()]

    def text(self, name):
        """The text of an attribute, None if there is none."""
        value = self.group.attrs.get(name)
        if isinstance(value, bytes):
            value = value.decode()
        return value if isinstance(value, str) else None


class ByPlace:
    """Variables of an archive: a group for each layer, named after its class and numbered, with 0, 1, ... in `vars`.

    Parameters
    ----------
    group : Group or None
        Of a model or a layer; a layer without variables need not have one.
    name : str
        Of the layer.
    """

    def __init__(self, group, name=None):
        self.group, self.name, self.n_of = group, name, Counter()

    def of_layer(self, class_name, name):
        """Those of the next layer of a model."""
        key = _snake_case(class_name)
        n = self.n_of[key]
        self.n_of[key] += 1
        return ByPlace(_descendant(self.group, "layers", f"{key}_{n}" if n else key), name)

    def of_activation(self, name):
        """Those of a layer that is the activation of this one."""
        return ByPlace(_descendant(self.group, "activation"), name)

    def arrays(self, where, names):
        """The variables of this layer, which has those names."""
        group = _descendant(self.group, "vars")
        found = [] if group is None else group.names()
        if sorted(found) != sorted(str(i) for i in range(len(names))):
            fail(where, f"{len(names)} variables, {', '.join(names)}", f"{len(found)}")
        if group.text("name") not in (None, self.name):
            fail(where, "its own variables", f"those of {group.text('name')!r:.80}")
        return {name: group.child(str(i)) for i, name in enumerate(names)}


class ByName:
    """Variables of a legacy file: a group for each layer of the outer model, and in it paths that end in their names.

    Parameters
    ----------
    group : Group
        Of the outer model.
    arrays : dict, optional
        (name of a layer, name of a variable) -> array, for a layer of the outer model and all that it contains.
    name : str
        Of the layer.
    """

    def __init__(self, group, arrays=None, name=None):
        self.group, self.found, self.name = group, arrays, name

    def of_layer(self, class_name, name):
        """Those of a layer of a model."""
        if self.found is not None:
            return ByName(None, self.found, name)
        group, found = _descendant(self.group, name), {}
        if isinstance(group, Group):
            _collect(group, (name,), found)
        return ByName(None, found, name)

    def of_activation(self, name):
        """Those of a layer that is the activation of this one."""
        return ByName(None, self.found, name)

    def arrays(self, where, names):
        """The variables of this layer, which has those names."""
        for name in names:
            if (self.name, name) not in self.found:
                fail(where, f"a variable {name!r}", "none")
        return {name: self.found[self.name, name] for name in names}


def _collect(group, path, found):
    if len(path) > MAX_DEPTH:
        fail(group.where, f"groups at most {MAX_DEPTH} deep", "more")
    for name in group.names():
        child = group.child(name)
        if isinstance(child, Group):
            _collect(child, (*path, name), found)
        elif found.setdefault((path[-1], name.removesuffix(":0")), child) is not child:
            fail(group.where, f"one variable {name!r} of {path[-1]!r}", "two")


def _descendant(group, *names):
    for name in names:
        group = group.child(name) if isinstance(group, Group) else None
    return group


def _snake_case(name):
    """As Keras writes names of classes: BatchNormalization is batch_normalization, PReLU p_re_lu."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
