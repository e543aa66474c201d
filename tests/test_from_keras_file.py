"""`from_keras_file`: archives and legacy files written by hand as Keras writes them, and what is no such file."""

import io
import json
import os
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step

import fastjac as fj
from fastjac.formats import ModelFormatError

h5py = pytest.importorskip("h5py")
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


class Layer:
    """A layer for both kinds of file."""

    def __init__(self, class_name, arrays=(), group=None, **config):
        self.class_name, self.config, self.arrays = class_name, config, dict(arrays)
        self.group = group or class_name.lower()


def dense(name, n_in, n_out, activation="linear", group="dense", **config):
    arrays = {"kernel": normal(n_in, n_out), "bias": normal(n_out)}
    return Layer("Dense", arrays, group, name=name, units=n_out, activation=activation, **{"use_bias": True} | config)


def entry(layer, **more):
    return {"module": "keras.layers", "class_name": layer.class_name, "config": layer.config, "registered_name": None,
            **more}


def sequential(layers, name="model", n_in=3):
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, n_in], "name": "input_layer"}}
    return {"module": "keras", "class_name": "Sequential", "registered_name": None,
            "config": {"name": name, "layers": [start, *map(entry, layers)]}}


def functional(layers, joined=None):
    """Layers one after the other; `joined` names those whose outputs the last one takes as well."""
    def tensor(name):
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": [name, 0, 0]}}

    entries = [{"class_name": "InputLayer", "name": "in", "inbound_nodes": [],
                "config": {"batch_shape": [None, 3], "name": "in"}}]
    before = "in"
    for layer in layers:
        inputs = [tensor(before)]
        if joined and layer is layers[-1]:
            inputs = [[tensor(name) for name in (*joined, before)]]
        before = layer.config["name"]
        entries.append(entry(layer, name=before, inbound_nodes=[{"args": inputs, "kwargs": {}}]))
    return {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
            "config": {"name": "model", "layers": entries, "input_layers": ["in", 0, 0],
                       "output_layers": [before, 0, 0]}}


def write_variables(group, layers):
    for layer in layers:
        variables = group.create_group(f"layers/{layer.group}/vars")
        variables.attrs["name"] = layer.config.get("name", "")
        for i, array in enumerate(layer.arrays.values()):
            variables[str(i)] = array


def archive(path, model, layers, change=None, **members):
    """Write a `.keras` file; `change` is called with the group of the weights."""
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_variables(file, layers)
        if change:
            change(file)
    model = model if isinstance(model, str) else json.dumps(model)
    content = {"metadata.json": '{"keras_version": "3.5.0"}', "config.json": model,
               "model.weights.h5": weights.getvalue()} | members
    with zipfile.ZipFile(path, "w") as file:
        for name, member in content.items():
            if member is not None:
                file.writestr(name, member)


def legacy(path, model, layers, change=None, version="3.5.0", suffix=""):
    """Write an `.h5` file."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(model)
        for layer in layers:
            group = file.create_group(f"model_weights/{layer.config['name']}")
            for name, array in layer.arrays.items():
                group[f"model/{layer.config['name']}/{name}{suffix}"] = array
        if change:
            change(file)


WRITERS = {".keras": archive, ".h5": legacy}


@pytest.fixture(params=WRITERS)
def saved(request, tmp_path):
    """Write a model to one of the two kinds of file; its path."""
    def saved(model, layers, **options):
        path = tmp_path / f"net{request.param}"
        WRITERS[request.param](path, model, layers, **options)
        return path

    return saved


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.keras"


def refused(path):
    with pytest.raises(ModelFormatError) as raised:
        fj.from_keras_file(path)
    assert str(path) in str(raised.value)
    return str(raised.value)


# ---------------------------------------------------------------- what is read


def assert_is(net, x, y, J):
    got_y, got_J = net.value_and_jacobian(x)
    np.testing.assert_allclose(got_y, y, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(got_J, J, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("make", [sequential, functional])
def test_dense_layers(saved, make):
    first, second = dense("first", 3, 4, "tanh"), dense("dense_1", 4, 2, group="dense_1", use_bias=False)
    del second.arrays["bias"]
    net = fj.load(saved(make([first, second]), [first, second]))
    assert net.dtype == np.float32 and tuple(net.widths) == (3, 4, 2)
    x, W = normal(3), first.arrays["kernel"]
    h = x @ W + first.arrays["bias"]
    V = second.arrays["kernel"]
    assert_is(net, x, np.tanh(h) @ V, V.T @ np.diag(1 / np.cosh(h) ** 2) @ W.T)


def test_dtype(saved):
    layer = dense("d", 3, 2)
    layer.arrays = {name: array.astype(np.float64) for name, array in layer.arrays.items()}
    path = saved(sequential([layer]), [layer])
    assert fj.load(path).dtype == np.float64 and fj.load(path, dtype="float32").dtype == np.float32
    layer.arrays = {name: array.astype(np.float16) for name, array in layer.arrays.items()}
    net = fj.load(saved(sequential([layer]), [layer]))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.jacobian(np.zeros(3)), layer.arrays["kernel"].T)


def test_every_kind_of_layer(saved):
    mean, variance = np.array([1, -2, 3], "f4"), np.array([4, 1, 9], "f4")
    scale, shift, moving_mean, slope = normal(4), normal(4), normal(4), rng.uniform(0.1, 0.4, 4).astype("f4")
    moving_variance = rng.uniform(0.5, 2, 4).astype("f4")
    layers = [
        Layer("Normalization", {"mean": mean[None], "variance": variance[None], "count": np.array(5)},
              name="normalization", axis=[-1], invert=False, mean=None, variance=None),
        dense("d", 3, 4),
        Layer("BatchNormalization", {"gamma": scale, "beta": shift, "moving_mean": moving_mean,
                                     "moving_variance": moving_variance}, "batch_normalization",
              name="bn", axis=-1, epsilon=0.01, center=True, scale=True),
        Layer("PReLU", {"alpha": slope}, "p_re_lu", name="p"),
        Layer("Dropout", name="drop", rate=0.5),
        dense("e", 4, 4, {"module": "keras.layers", "class_name": "LeakyReLU", "registered_name": None,
                          "config": {"name": "l", "negative_slope": 0.125}}, group="dense_1"),
        Layer("Activation", name="a", activation="swish"),
        Layer("Rescaling", name="r", scale=2.0, offset=1.0),
    ]
    net = fj.load(saved(sequential(layers), layers))
    x = normal(3)
    first, second = layers[1].arrays, layers[5].arrays
    a = (x - mean) / np.sqrt(variance) @ first["kernel"] + first["bias"]
    a = scale * (a - moving_mean) / np.sqrt(moving_variance + 0.01) + shift
    d = np.where(a > 0, 1, slope)
    J = (d * scale / np.sqrt(moving_variance + 0.01))[:, None] * (first["kernel"].T / np.sqrt(variance))
    h = (d * a) @ second["kernel"] + second["bias"]
    d = np.where(h > 0, 1, 0.125)
    h, J = d * h, d[:, None] * (second["kernel"].T @ J)
    s = 1 / (1 + np.exp(-h))
    assert_is(net, x, 2 * h * s + 1, (2 * s * (1 + h * (1 - s)))[:, None] * J)


def test_normalization_with_given_statistics(saved):
    layers = [Layer("Normalization", name="n", invert=False, mean=[1, 2, 3], variance=[4, 4, 16]), dense("d", 3, 2)]
    net = fj.load(saved(sequential(layers), layers))
    W, b = layers[1].arrays.values()
    x = normal(3)
    assert_is(net, x, (x - [1, 2, 3]) / [2, 2, 4] @ W + b, W.T / [2, 2, 4])


def test_models_in_models(path):
    inner, outer = dense("dense", 3, 4, "relu"), dense("dense", 4, 2)
    model = sequential([outer])
    model["config"]["layers"].insert(1, sequential([inner], name="inner"))

    def change(file):
        write_variables(file.create_group("layers/sequential"), [inner])

    archive(path, model, [outer], change)
    net = fj.from_keras_file(path)
    np.testing.assert_array_equal(net.layers[0].W, inner.arrays["kernel"])
    np.testing.assert_array_equal(net.layers[1].W, outer.arrays["kernel"])


def test_models_in_models_of_legacy_file(tmp_path):
    inner, outer = dense("dense", 3, 4, "relu"), dense("dense_1", 4, 2)
    model = sequential([outer])
    model["config"]["layers"].insert(1, sequential([inner], name="inner"))

    def change(file):
        for name, array in inner.arrays.items():
            file[f"model_weights/inner/inner/dense/{name}"] = array

    legacy(tmp_path / "net.h5", model, [outer], change)
    np.testing.assert_array_equal(fj.load(tmp_path / "net.h5").layers[0].W, inner.arrays["kernel"])


def test_layer_that_is_called_twice(path):
    """Its weights are those of its first place; the chain goes through it by the number of the call."""
    shared, between = dense("shared", 3, 3, "tanh"), dense("between", 3, 3, group="dense_1")
    model = functional([shared, between])
    layers = model["config"]["layers"]
    second_call = json.dumps(layers[2]["inbound_nodes"][0]).replace("shared", "between")
    layers[1]["inbound_nodes"].append(json.loads(second_call))
    model["config"]["output_layers"] = [["shared", 1, 0]]
    archive(path, model, [shared, between])
    net = fj.from_keras_file(path)
    for layer, written in zip(net.layers, (shared, between, shared), strict=True):
        np.testing.assert_array_equal(layer.W, written.arrays["kernel"])


def test_skips_and_normalisation(saved):
    layers = [
        dense("a", 3, 3, "tanh"),
        Layer("LayerNormalization", {"gamma": normal(3), "beta": normal(3)}, "layer_normalization", name="ln",
              scale=True, center=True, axis=[-1], epsilon=0.1),
        Layer("RMSNormalization", {"scale": normal(3)}, "rms_normalization", name="rms", axis=[-1], epsilon=0.1),
        dense("b", 3, 3, "tanh", group="dense_1"),
        Layer("Subtract", name="skip", trainable=True),
    ]
    net = fj.load(saved(functional(layers, joined=["a"]), layers), dtype="float64")
    (W, b), (gamma, beta), (scale,), (V, c) = (
        [array.astype(float) for array in layer.arrays.values()] for layer in layers[:-1])

    def f(x):
        a = np.tanh(x @ W + b)
        h = (a - a.mean()) / np.sqrt(((a - a.mean()) ** 2).mean() + 0.1) * gamma + beta
        return a - np.tanh(h / np.sqrt((h**2).mean() + 0.1) * scale @ V + c)

    x = normal(3).astype(float)
    assert_agrees(net, x, f(x), jacobian_by_complex_step(f, x))


@pytest.mark.parametrize("shape", [[None, "3"], [None, 3.0], [None, -1], [None, 2**40], [3], {"a": 1}])
def test_shapes_that_are_none(saved, shape):
    layers = [dense("a", 3, 3)]
    model = functional(layers)
    model["config"]["layers"][0]["config"]["batch_shape"] = shape
    assert "expected the shape of a batch of points" in refused(saved(model, layers))


def test_file_of_keras_2(tmp_path):
    layers = [dense("dense", 3, 4, batch_input_shape=[None, 3]), Layer("LeakyReLU", name="leaky", alpha=0.25),
              dense("dense_1", 4, 2)]
    model = {"class_name": "Functional", "config": {
        "name": "model", "input_layers": [["in", 0, 0]], "output_layers": [["dense_1", 0, 0]],
        "layers": [{"class_name": "InputLayer", "name": "in", "inbound_nodes": [],
                    "config": {"batch_input_shape": [None, 3], "name": "in"}}] + [
            {"class_name": layer.class_name, "name": layer.config["name"], "config": layer.config,
             "inbound_nodes": [[[before, 0, 0, {}]]]}
            for before, layer in zip(("in", "dense", "leaky"), layers)
        ],
    }}
    path = tmp_path / "net.h5"
    legacy(path, model, layers, version="2.15.0", suffix=":0")
    net = fj.load(path)
    assert net.layers[0].activation == "leaky_relu" and net.layers[0].parameters["negative_slope"] == 0.25
    np.testing.assert_array_equal(net.layers[1].W, layers[2].arrays["kernel"])
    layers[0].config["activation"] = "hard_sigmoid"
    legacy(path, model, layers, version="2.15.0", suffix=":0")
    assert "layer 'dense' (Dense): expected an activation that Keras 3 defines alike, got hard_sigmoid" in refused(path)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer("GroupNormalization", name="gn"), "layer 'gn' (GroupNormalization): expected one of"),
        (Layer("LayerNormalization", name="ln", scale=False, center=False, axis=[1, 2], epsilon=1e-3),
         "layer 'ln' (LayerNormalization): expected axis=-1, over the units, got axis=[1, 2]"),
        (Layer("Lambda", name="f", function={"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}),
         "layer 'f' (Lambda): expected one of"),
        (dense("d", 3, 3, "my_activation"), "layer 'd' (Dense): expected an activation of keras.activations"),
        (dense("d", 3, 3, {"module": "builtins", "class_name": "function", "config": "relu",
                           "registered_name": "function"}),
         "layer 'd' (Dense): expected layers and activations of Keras"),
        (dense("d", 3, 3, {"module": "os", "class_name": "function", "config": "system"}), "function of 'os'"),
        (dense("d", 3, 3, 5), "expected the name of an activation, got 5"),
        (Layer("Re\0LU", name="z"), "expected the name of a class"),
        (Layer("LeakyReLU", name="l"), "has no attribute 'negative_slope'"),
        (Layer("LeakyReLU", name="l", negative_slope="steep"), "layer 'l' (LeakyReLU): could not convert"),
        (Layer("Normalization", name="n", mean=["a"], variance=[1], invert=False), "numbers as mean and variance"),
        (Layer("Normalization", name="n", mean=[0, 0, 0], variance=[-1, 1, 1], invert=False), "layer 'n'"),
    ],
)
def test_layer_that_is_not_read(saved, layer, message):
    first = dense("first", 3, 3)
    if layer.class_name == "Dense":
        layer.group = "dense_1"
    assert message in refused(saved(sequential([first, layer]), [first, layer]))


def test_custom_classes(saved):
    """Case 93: names of modules in a file are compared, never imported."""
    layer = dense("d", 3, 3)
    for change in ({"module": "evil.module"}, {"registered_name": "evil>Dense"}):
        model = sequential([layer])
        model["config"]["layers"][1] |= change
        message = refused(saved(model, [layer]))
        assert "layer 2 of 2: expected layers and activations of Keras, got Dense of " in message


@pytest.mark.parametrize("layer", [Layer("Multiply", name="join"), Layer("Average", name="join")])
def test_branches_that_are_not_read(saved, layer):
    """Average without "trainable" in its settings is the operation on tensors, which has weights."""
    layers = [dense("a", 3, 3), dense("b", 3, 3, group="dense_1"), layer]
    message = refused(saved(functional(layers, joined=["a"]), layers))
    assert f"layer 'join' ({layer.class_name}): expected a layer with one input, or one of Add, " in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(output_layers=[["a", 0, 0], ["b", 0, 0]]), "expected one output, got 2"),
        (lambda config: config.update(input_layers=None), "expected one input, got 0"),
        (lambda config: config.update(output_layers=["none", 0, 0]), "are calls of others, got 'none', call 0"),
        (lambda config: config.update(output_layers=["b", 7, 0]), "are calls of others, got 'b', call 7"),
        (lambda config: config["layers"][2].update(inbound_nodes=[]),
         "layer 'b' (Dense): expected a layer with one input"),
        (lambda config: config["layers"][2].update(inbound_nodes=None),
         "layer 'b': expected a list of inbound_nodes"),
        (lambda config: config["layers"][1].update(inbound_nodes=[[[["b", 0, 0, {}]]]]),
         "layer 'b': expected layers that do not wait"),
        (lambda config: config.update(layers={}), "expected a list of layers, got {}"),
        (lambda config: config.update(layers=[1]), "layer 1 of 1: expected an object as a layer, got int"),
        (lambda config: config.update(layers=[{"class_name": "Dense"}]), "a layer with class_name and config"),
    ],
)
def test_graphs_that_do_not_fit(saved, change, message):
    layers = [dense("a", 3, 3), dense("b", 3, 3, group="dense_1")]
    model = functional(layers)
    change(model["config"])
    assert message in refused(saved(model, layers))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda group: group.pop("0"), "expected 2 variables, kernel, bias, got 1"),  # case 88
        (lambda group: group.create_dataset("2", data=[1.0]), "expected 2 variables, kernel, bias, got 3"),
        (lambda group: group.attrs.update(name="other"), "layer 'd' (Dense): expected its own variables, got those of"),
        (lambda group: replace(group, h5py.ExternalLink("x.h5", "/x")), "in the file itself, got a link"),  # case 93
        (lambda group: replace(group, h5py.SoftLink("/layers/dense/vars/1")), "in the file itself, got a link"),
        (lambda group: replace(group, np.ones((3, 2), complex)), "real numbers, not compressed, got complex128"),
        (lambda group: replace(group, np.array([b"a"])), "expected real numbers, not compressed, got |S1"),
        (lambda group: replace(group, np.ones((3, 2), int)), "weights: expected float16, bfloat16, float32 or float64"),
        (lambda group: replace(group, np.full((3, 2), np.nan, "f4")), "expected finite numbers, got nan"),
        (lambda group: replace(group, np.ones((3, 2, 1), "f4")), "W: expected 2 dimensions"),
        (lambda group: huge(group), "expected 8000000000000 bytes of float64, got fewer"),  # case 84
        (lambda group: huge(group, chunks=(100, 100)), "expected real numbers, not compressed, got float64, chunked"),
        (lambda group: huge(group, external=[("secret", 0, 8 * 10**12)]), "expected real numbers, not compressed"),
    ],
)
def test_variable_that_is_wrong(path, tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    layer = dense("d", 3, 2)
    archive(path, sequential([layer]), [layer], lambda file: change(file["layers/dense/vars"]))
    assert message in refused(path)


def replace(group, value):
    del group["0"]
    group["0"] = value


def huge(group, **options):
    del group["0"]
    group.create_dataset("0", (10**6, 10**6), "f8", **options)


def test_one_array_for_many_layers(path):
    """Case 85: hard links to one array do not make a small file a large network."""
    layers = [Layer("Dense", {}, f"dense_{k}" if k else "dense", name=f"d{k}", activation="relu", use_bias=False)
              for k in range(50)]

    def change(file):
        file["layers/dense/vars/0"] = normal(64, 64)
        for layer in layers[1:]:
            file[f"layers/{layer.group}/vars/0"] = file["layers/dense/vars/0"]

    archive(path, sequential(layers, n_in=64), layers, change)
    assert "expected 16384 bytes of float32, got fewer" in refused(path)


def test_groups_that_make_a_ring(tmp_path):
    layer = dense("d", 3, 2)

    def change(file):
        ring = file.create_group("model_weights/d/ring")
        ring["ring"] = ring

    legacy(tmp_path / "net.h5", sequential([layer]), [layer], change)
    assert "groups at most 8 deep" in refused(tmp_path / "net.h5")


def test_archive_that_lacks_or_doubles(path):
    layer = dense("d", 3, 2)
    for name in ("config.json", "model.weights.h5"):
        archive(path, sequential([layer]), [layer], **{name: None})
        assert f"expected one member '{name}', got 0" in refused(path)
    archive(path, sequential([layer]), [layer])
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr("config.json", "{}")
    assert "expected one member 'config.json', got 2" in refused(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),  # case 91
        ('{"class_name": %s}' % ("1" * 5000), "an integer of 5000 digits"),
        ('{"class_name": "Sequential", "class_name": "Model"}', "the key 'class_name' twice"),  # case 88
        ("[]", "an object as JSON, got list"),
        ("{}", "a layer with class_name and config"),
        ('{"class_name": "Dense", "config": {}}', "expected a Sequential or functional model, got Dense"),
        ('{"class_name": "Sequential", "config": {"layers": []}}', "expected a list of layers, got []"),
    ],
)
def test_description_that_is_none(path, text, message):
    archive(path, text, [])
    assert message in refused(path)


def test_weights_alone(tmp_path):
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2))
    assert "got no 'model_config', as in files of weights alone" in refused(path)


def test_bomb(path):
    """Case 85."""
    layer = dense("d", 3, 2)
    archive(path, sequential([layer]), [layer])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("assets", bytes(30 * 2**20))
    assert "compressed at most 100 times" in refused(path)


def test_truncated(saved):
    """Case 81, at a hundred places: the library behind h5py takes long to refuse."""
    layer = dense("d", 3, 2)
    path = saved(sequential([layer]), [layer])
    data = path.read_bytes()
    for n in [*range(12), *rng.integers(12, len(data), 100)]:
        path.write_bytes(data[:n])
        refused(path)


def test_no_file_of_keras(tmp_path):
    for data in (b"", b"text", b"PK\3\4", b"\x89HDF\r\n\x1a\n", b"\x80\x04pickle"):
        (tmp_path / "net.keras").write_bytes(data)
        refused(tmp_path / "net.keras")


def test_operating_system_errors(tmp_path):
    """Case 92."""
    with pytest.raises(FileNotFoundError):
        fj.from_keras_file(tmp_path / "missing.keras")
    with pytest.raises(IsADirectoryError if os.name == "posix" else PermissionError):
        fj.from_keras_file(tmp_path)


def test_without_h5py(saved, monkeypatch):
    layer = dense("d", 3, 2)
    path = saved(sequential([layer]), [layer])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="expected h5py, which reads it, to be installed"):
        fj.from_keras_file(path)


def test_description_that_unpacks_to_more_than_it_says(path):
    """The size in the archive's directory is believed, and the rest of the stream is left alone."""
    layer = dense("d", 3, 2)
    description = json.dumps(sequential([layer])).encode()
    bomb = description + b" " * 2**27
    archive(path, "{}", [layer])
    with zipfile.ZipFile(path) as written:
        weights = written.read("model.weights.h5")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", bomb)
        file.writestr("model.weights.h5", weights, zipfile.ZIP_STORED)
        info = file.getinfo("config.json")
        info.file_size, info.CRC = len(description), zipfile.crc32(description)  # as the directory says it at the end
    tracemalloc.start()
    try:
        assert fj.load(path).widths == (3, 2)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n, name, names", [
    (1, "temperature", ("temperature",)), (3, "temperature", None), (1, "input_layer_2", None),
    (1, "keras_tensor", None),
])
@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
def test_name_of_an_input_of_one_unit(tmp_path, n, name, names, kind):
    """The name of a wider input is none of a column, and what Keras makes up is no name."""
    layers = [dense("dense", n, 2)]
    model = sequential(layers, n_in=n) if kind == "Sequential" else functional(layers)
    start = model["config"]["layers"][0]
    start["config"] |= {"batch_shape": [None, n], "name": name}
    if kind == "Functional":
        start["name"] = name
        model["config"]["input_layers"] = [name, 0, 0]
        model["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = name
    archive(tmp_path / "net.keras", model, layers)
    assert fj.load(tmp_path / "net.keras").names_in == names
