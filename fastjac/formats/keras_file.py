"""Keras models in files, without Keras: `.keras` archives and legacy `.h5`.

A file says which layers there are and holds their variables. For each layer an object with the attributes of the
layer of Keras is made, and `from_keras` reads those: what it says of a layer holds here, too.
"""

from types import SimpleNamespace

import numpy as np

from fastjac.formats.archive import check_sizes, damage_as_error
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.keras import from_keras
from fastjac.formats.keras_variables import ByName, ByPlace, open_hdf5
from fastjac.formats.strict_json import as_object, fail, parse

MODELS = ("Sequential", "Functional", "Model")  # Model: a functional one of Keras 2
OTHER_NAMES = {"swish": "silu", "hard_swish": "hard_silu"}


def from_keras_file(path, *, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a file that Keras wrote.

    Parameters
    ----------
    path : str or path-like
        What ``model.save`` made of a model that `from_keras` takes: a ``.keras`` archive of Keras 3, or a legacy
        ``.h5`` file. It is read by h5py; Keras is not needed.
    dtype : float32, float64 or None
        Of the network; None means that of the weights, float32 for half precision.

    Returns
    -------
    Network
        The model as ``predict`` computes it, as a function of flat points. J[i, j] is in units of output i per unit
        of input j.

    Raises
    ------
    ModelFormatError
        If the content is no such file, or a layer or an activation is of another kind; the message names it. What
        else is in the file, such as the code of a `Lambda` layer, is never executed.
    ImportError
        If h5py is missing.
    OSError
        If the file cannot be opened.

    Notes
    -----
    The library behind h5py was not made for files that somebody tampered with.
    """
    with open(path, "rb") as file:
        begin = file.read(4)
        if begin == b"PK\3\4":
            model = _from_archive(path, file)
        elif begin == b"\x89HDF":
            with open_hdf5(path, file, file.seek(0, 2)) as root:
                model = _from_legacy(path, root)
        else:
            fail(path, "a .keras archive or an HDF5 file", f"one that begins with {begin!r}")
    try:
        with np.errstate(all="ignore"):  # what is not finite is found in the layers
            return from_keras(model, dtype=dtype)
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {str(error).removeprefix('from_keras: '):.1000}") from error
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path}: expected the settings of layers of Keras, got: {error!s:.200}") from error


def _from_archive(path, file):
    import zipfile  # not at import: it costs as much as a tenth of NumPy

    with damage_as_error(path, "a .keras archive"), zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        for name in ("config.json", "model.weights.h5"):
            if names.count(name) != 1:
                fail(path, f"one member {name!r}", f"{names.count(name)}")
        check_sizes(path, archive.infolist())
        with archive.open("config.json") as member:
            # As much as it says, and not all that it can be unpacked to.
            text = member.read(archive.getinfo("config.json").file_size)
        description = parse(f"{path}: config.json", text)
        with archive.open("model.weights.h5") as weights, \
                open_hdf5(path, weights, archive.getinfo("model.weights.h5").file_size) as root:
            return _model(f"{path}", description, ByPlace(root), False)


def _from_legacy(path, root):
    description = root.text("model_config")
    if description is None:
        fail(path, "a model, as model.save writes it", "no 'model_config', as in files of weights alone")
    version = root.text("keras_version") or "1"
    is_older = not version.startswith("3")
    return _model(f"{path}", parse(path, description), ByName(root.child("model_weights")), is_older)


# ---------------------------------------------------------------- models and layers


def _model(where, entry, variables, is_older):
    """What `from_keras` takes for a model, of its entry in the file."""
    class_name, config = _class_and_config(where, entry)
    if class_name not in MODELS:
        fail(where, "a Sequential or functional model", class_name)
    entries = config.get("layers")
    if not (isinstance(entries, list) and entries):
        fail(where, "a list of layers", f"{entries!r:.40}")
    layers = []
    for k, layer in enumerate(entries, 1):
        kind, settings = _class_and_config(f"{where}: layer {k} of {len(entries)}", layer)
        own = variables.of_layer(kind, settings.get("name"))
        layers.append(_layer(where, layer, own, is_older))
    if class_name != "Sequential":
        return _functional(where, config, entries, layers)
    shape = _shape(layers[0]) or config.get("build_input_shape")
    history = (layers[0] if type(layers[0]).__name__ == "InputLayer" else None, 0, 0)
    inputs = [SimpleNamespace(shape=_checked_shape(where, shape), _keras_history=history)] if shape else None
    return _made(where, "Sequential", name=config.get("name"), layers=layers, inputs=inputs)


def _layer(where, entry, variables, is_older):
    """What `from_keras` takes for a layer."""
    class_name, config = _class_and_config(where, entry)
    where = f"{where}: layer {config.get('name')!r:.80} ({class_name})"
    if class_name in MODELS:
        return _model(where, entry, variables, is_older)
    attributes = {"built": True, "quantization_mode": None, "gamma": None, "beta": None, "bias": None} | config
    if class_name == "LeakyReLU" and "alpha" in config:  # Keras 2
        attributes["negative_slope"] = config["alpha"]
    if class_name == "Normalization" and config.get("mean") is not None:
        try:
            attributes |= {key: np.asarray(config.get(key), np.float32) for key in ("mean", "variance")}
        except (TypeError, ValueError) as error:
            fail(where, "numbers as mean and variance", error)
    names = _variables_of(class_name, config)
    if names:
        attributes |= variables.arrays(where, names)
    if config.get("activation") is not None:
        attributes["activation"] = _activation(where, config["activation"], variables, is_older)
    # Operations on tensors, as of x + y, stand among the layers; in a .h5 file they have no module.
    is_operation = ".ops." in str(entry.get("module")) or "trainable" not in config
    package = "keras.ops" if is_operation else "keras.layers"
    return _made(where, class_name, package, **attributes)


def _variables_of(class_name, config):
    """Names of the variables of a layer, in the order of Keras; none for a layer that is not read."""
    if class_name == "Dense":
        return ["kernel"] + ["bias"] * bool(config.get("use_bias", True))
    if class_name == "BatchNormalization":
        scale, shift = ["gamma"] * bool(config.get("scale", True)), ["beta"] * bool(config.get("center", True))
        return [*scale, *shift, "moving_mean", "moving_variance"]
    if class_name == "Normalization" and config.get("mean") is None:
        return ["mean", "variance", "count"]
    if class_name == "LayerNormalization":
        return ["gamma"] * bool(config.get("scale", True)) + ["beta"] * bool(config.get("center", True))
    return {"PReLU": ["alpha"], "RMSNormalization": ["scale"]}.get(class_name, [])


def _activation(where, value, variables, is_older):
    """What `from_keras` takes for an activation: a function by its name, or a layer."""
    if isinstance(value, dict):
        if value.get("class_name") != "function":
            _, config = _class_and_config(where, value)
            return _layer(where, value, variables.of_activation(config.get("name")), is_older)
        _, value = _class_and_config(where, value, str)
    if not isinstance(value, str):
        fail(where, "the name of an activation", f"{value!r:.40}")
    if is_older and value == "hard_sigmoid":
        fail(where, "an activation that Keras 3 defines alike", "hard_sigmoid of Keras 2")
    return SimpleNamespace(__name__=OTHER_NAMES.get(value, value), __module__="keras.activations")


def _class_and_config(where, entry, kind=dict):
    """Of a layer, or of a function, whose configuration is its name."""
    class_name, config = (as_object(where, entry, "a layer").get(key) for key in ("class_name", "config"))
    if not (isinstance(class_name, str) and isinstance(config, kind)):
        fail(where, "a layer with class_name and config", f"{entry!r:.80}")
    module, registered = entry.get("module"), entry.get("registered_name")
    if str(module or "keras").partition(".")[0] != "keras" or registered not in (None, class_name):
        fail(where, "layers and activations of Keras", f"{class_name} of {registered or module!r:.80}")
    return class_name, config


def _made(where, class_name, package="keras.layers", **attributes):
    """An object that `from_keras` takes for one of that class of Keras."""
    try:
        return type(class_name, (SimpleNamespace,), {"__module__": f"{package}.of_a_file"})(**attributes)
    except ValueError:  # of what can be no name of a class
        fail(where, "the name of a class", f"{class_name!r:.80}")


# ---------------------------------------------------------------- functional models


def _functional(where, config, entries, layers):
    """What `from_keras` takes for a functional model: tensors know the layer and the call that they come from."""
    layer_of = {entry.get("name", entry["config"].get("name")): layer for entry, layer in zip(entries, layers)}
    nodes_of = {}
    for entry, layer in zip(entries, layers):
        nodes = entry.get("inbound_nodes")
        if not isinstance(nodes, list):
            fail(f"{where}: layer {entry['config'].get('name')!r:.80}", "a list of inbound_nodes", f"{nodes!r:.80}")
        nodes_of[id(layer)] = nodes or [[]]  # an InputLayer has none
    tensors = {}

    def tensor(name, node):
        layer = layer_of.get(name)
        if layer is None or not 0 <= node < len(nodes_of[id(layer)]):
            fail(where, "layers whose inputs are calls of others", f"{name!r:.80}, call {node}")
        return tensors.setdefault((name, node), SimpleNamespace(_keras_history=(layer, node, 0)))

    for layer in layers:
        layer._inbound_nodes = [
            SimpleNamespace(input_tensors=[tensor(*history) for history in _histories(node)])
            for node in nodes_of[id(layer)]
        ]
    ends = [[tensor(*end) for end in _histories(config.get(f"{kind}_layers"))] for kind in ("input", "output")]
    for one in ends[0]:
        one.shape = _checked_shape(where, _shape(one._keras_history[0]))
    return _made(where, "Functional", name=config.get("name"), inputs=ends[0], outputs=ends[1])


def _shape(layer):
    """Of a batch of points, as a layer that begins a model says it."""
    return getattr(layer, "batch_shape", None) or getattr(layer, "batch_input_shape", None)


def _checked_shape(where, shape):
    shape = [None, None] if shape is None else shape
    good = isinstance(shape, list) and all(n is None or (type(n) is int and 0 < n < 2**31) for n in shape)
    if not (good and len(shape) > 1):
        fail(where, "the shape of a batch of points", f"{shape!r:.80}")
    return shape


def _histories(value):
    """Pairs (name of a layer, number of its call) in what stands for tensors."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _histories(part if key != "keras_history" else [part])
    elif isinstance(value, list):
        if len(value) >= 2 and isinstance(value[0], str) and type(value[1]) is int:
            yield value[0], value[1]
        else:
            for part in value:
                yield from _histories(part)
