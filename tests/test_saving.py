"""`Network.save` and `fastjac.load`: round trip, and what a damaged or hostile file leads to."""

import json
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from fuzz_formats import WRITERS, check, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, run_python

import fastjac as fj
from fastjac import activations, saving
from fastjac.formats import ModelFormatError, read_notes

rng = np.random.default_rng(0)
MEBIBYTE = 2**20


def make_network(dtype=np.float64, **options):
    layers = [
        fj.Layer(rng.normal(size=(3, 4)).astype(dtype), None, "prelu", slope=rng.uniform(0.1, 0.3, 4)),
        fj.Layer(rng.normal(size=(4, 4)).astype(dtype), rng.normal(size=4).astype(dtype), "leaky_relu",
                 negative_slope=0.1),
        fj.Layer(rng.normal(size=(4, 2)).astype(dtype), rng.normal(size=2).astype(dtype)),
    ]
    return fj.Network(layers, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def parts_of(data):
    """Header as a dictionary, description as a dictionary, arrays as bytes."""
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    return header, json.loads(header["__metadata__"]["network"]), data[8 + n :]


def joined(header, arrays, description=None):
    """The file of a header, which is a dictionary, text or bytes."""
    if description is not None:
        header["__metadata__"]["network"] = description if isinstance(description, str) else json.dumps(description)
    if isinstance(header, dict):
        header = json.dumps(header, ensure_ascii=False)
    header = header.encode() if isinstance(header, str) else header
    return len(header).to_bytes(8, "little") + header + arrays


@pytest.fixture
def good(path):
    """Header, description and arrays of a good file."""
    make_network().save(path)
    return parts_of(path.read_bytes())


@pytest.fixture
def refused(path):
    """Write bytes to a file that must be refused within twice their size and 10 MiB; returns the message."""
    def refused(data):
        path.write_bytes(data)
        tracemalloc.start()
        try:
            with pytest.raises(ModelFormatError) as raised:
                fj.load(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= 2 * len(data) + 10 * MEBIBYTE
        assert str(path) in str(raised.value)
        return str(raised.value)

    return refused


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize("options", [
    {}, {"engine": "blas"}, {"order": "forward"}, {"order": ((3, 2), 1)}, {"activity": 0.25},
    {"activity": (0.5, None, 1)},
])
def test_network_and_options_are_kept(path, dtype, options):
    net = make_network(dtype, **options)
    net.save(path)
    again = fj.load(path)
    for name in ("widths", "dtype", "engine", "order", "activity"):
        assert getattr(again, name) == getattr(net, name)
    assert [layer.activation for layer in again.layers] == ["prelu", "leaky_relu", "identity"]
    assert [layer.b is None for layer in again.layers] == [True, False, False]
    x = rng.normal(size=(5, 3))
    assert_same(again.value_and_jacobian(x), net.value_and_jacobian(x))


def test_what_is_saved_is_what_computes(path):
    """Weights of a float32 network are float32 in the file, whatever they were made of."""
    net = fj.Network(make_network().layers, dtype="float32")
    net.save(path)
    again = fj.load(path)
    assert again.dtype == np.float32 and {layer.W.dtype.name for layer in again.layers} == {"float32"}
    x = rng.normal(size=(5, 3))
    assert_same(again.value_and_jacobian(x), net.value_and_jacobian(x))


@pytest.mark.parametrize("activation", fj.ACTIVATIONS)
def test_every_activation_is_kept(path, activation):
    defaults = fj.ACTIVATIONS[activation].parameters
    parameters = {name: 0.5 if value is None else value for name, value in defaults.items()}
    net = fj.Network([fj.Layer(rng.normal(size=(3, 4)), None, activation, **parameters)])
    net.save(path)
    x = rng.normal(size=(5, 3))
    assert_same(fj.load(path).value_and_jacobian(x), net.value_and_jacobian(x))


def test_activation_of_the_user_is_kept_by_name(path):
    activation = fj.register_activation("saved_wave", lambda h, k: np.sin(k * h), lambda h, k: k * np.cos(k * h),
                                        parameters={"k": 2.0})
    try:
        net = fj.Network([fj.Layer(rng.normal(size=(3, 2)), None, "saved_wave", k=np.array([1.0, 3.0]))])
        net.save(path)
        x = rng.normal(size=3)
        assert_same(fj.load(path).value_and_jacobian(x), net.value_and_jacobian(x))
    finally:
        activations.forget(activation)
    with pytest.raises(ModelFormatError, match="layer 1 of 1: unknown activation 'saved_wave'"):
        fj.load(path)


def test_center_and_skip_are_kept(path, dtype):
    """What becomes of an Affine before the network, and units that carry a skip past an activation."""
    W, b = rng.normal(size=(3, 3)).astype(dtype), rng.normal(size=3).astype(dtype)
    center = np.array([1e3, -1e3, 0.5], dtype)
    net = fj.Network([fj.Affine(scale=np.full(3, 0.5, dtype), center=center), fj.Residual([fj.Layer(W, b, "tanh")])])
    net.save(path)
    again = fj.load(path)
    assert_same(again.center, center)
    assert [layer.n_carried for layer in again.layers] == [layer.n_carried for layer in net.layers] == [3, 0]
    x = center + rng.normal(size=(5, 3)).astype(dtype)
    assert_same(again.value_and_jacobian(x), net.value_and_jacobian(x))
    again.save(path.with_name("again.safetensors"))
    assert path.read_bytes() == path.with_name("again.safetensors").read_bytes()


def test_save_load_save_gives_same_bytes(tmp_path, dtype):
    """Case 95, with parameters of one unit each, and notes."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.SafeTensors"
    make_network(dtype).save(first, description="one unit: µm", units_in=("m", "s", "kg"), file="any", net="any")
    fj.load(first).save(second, **read_notes(first))
    assert first.read_bytes() == second.read_bytes()
    assert read_notes(second) == {
        "description": "one unit: µm", "units_in": ["m", "s", "kg"], "file": "any", "net": "any"}
    assert sorted(os.listdir(tmp_path)) == [first.name, second.name]


def test_other_dtype(path):
    net = make_network()
    net.save(path)
    x = rng.normal(size=3)
    assert_same(fj.load(path, dtype="float32").jacobian(x), fj.Network(net.layers, dtype="float32").jacobian(x))
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got 'float16'"):
        fj.load(path, dtype="float16")
    fj.Network([([[1e300]],)]).save(path)
    with pytest.raises(ModelFormatError, match="finite in float32, got 1e"):
        fj.load(path, dtype="float32")


def test_package_safetensors_reads_the_file(path, dtype):
    safetensors = pytest.importorskip("safetensors")
    net = make_network(dtype)
    net.save(path, description="µ")
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["format"] == "fastjac"
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    assert_same(arrays.pop("1.slope"), net.layers[0].parameters["slope"])
    for k, layer in enumerate(net.layers, 1):
        assert_same(arrays.pop(f"{k}.W"), layer.W)
        if layer.b is not None:
            assert_same(arrays.pop(f"{k}.b"), layer.b)
    assert not arrays


def test_files_of_that_package_are_told_apart(path):
    pytest.importorskip("safetensors")
    from safetensors.numpy import save_file

    save_file({"0.weight": np.ones((2, 3))}, path)
    with pytest.raises(ModelFormatError, match=r"a file that Network.save wrote, got format None in its metadata"):
        fj.load(path)


def test_arrays_are_aligned(path):
    make_network(np.float32).save(path)
    header, _, _ = parts_of(path.read_bytes())
    n_header = int.from_bytes(path.read_bytes()[:8], "little")
    assert n_header % 8 == 0
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % {"F64": 8, "F32": 4}[entry["dtype"]] == 0


def test_load_goes_by_suffix(tmp_path):
    net = make_network()
    fj.save_npz(net, tmp_path / "net.NPZ", description="a test")
    x = rng.normal(size=3)
    assert_same(fj.load(tmp_path / "net.NPZ").jacobian(x), net.jacobian(x))
    assert read_notes(str(tmp_path / "net.NPZ")) == {"description": "a test"}
    (tmp_path / "net.nnet").write_text("broken")
    with pytest.raises(ModelFormatError, match="line 1"):
        fj.load(tmp_path / "net.nnet", normalize=False)
    assert read_notes(tmp_path / "net.nnet") == {}
    with pytest.raises(ModelFormatError, match=r"net.pt: expected a file .safetensors, .npz, .* got .pt"):
        fj.load(tmp_path / "net.pt")
    with pytest.raises(ModelFormatError, match="got no suffix"):
        fj.load(tmp_path / "net")


# ---------------------------------------------------------------- saving


@pytest.mark.parametrize(
    ("name", "notes", "error", "message"),
    [
        ("net.npz", {}, ValueError, r"path: expected a file .safetensors, got .*net.npz'"),
        ("net.safetensors", {"scale": 1.5}, TypeError, "text or a sequence of texts for the note 'scale', got 1.5"),
        ("net.safetensors", {"scale": [1.5]}, TypeError, "for the note 'scale', got .1.5."),
        ("net.safetensors", {"units_in": ["m"]}, ValueError, r"one text for each of 3 inputs, got shape \(1,\)"),
        ("net.safetensors", {"names_out": "y"}, ValueError, r"one text for each of 2 outputs, got shape \(\)"),
        ("net.safetensors", {"description": "\ud800"}, ValueError, "notes that UTF-8 can hold"),
        ("net.safetensors", {"description": "x" * MEBIBYTE}, ValueError, "at most 1048576 bytes, got 10"),
    ],
)
def test_save_rejects(tmp_path, name, notes, error, message):
    with pytest.raises(error, match=message):
        make_network().save(tmp_path / name, **notes)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_while_saving_leaves_old_file(path):
    """Case 94: killed without warning between two arrays."""
    net = fj.Network([(rng.normal(size=(100, 100)), None, "tanh")] * 20)
    net.save(path)
    before = path.read_bytes()
    code = """
import os, signal, sys
import fastjac as fj
from fastjac import activations, saving

class Array:
    nbytes, itemsize, dtype, shape = 8, 0, saving.DTYPES["F64"], (1,)

    @property
    def data(self):
        os.kill(os.getpid(), signal.SIGKILL)

def put(array, dtype, name, arrays, put=saving.put):
    arrays["last"] = Array()
    return put(array, dtype, name, arrays)

saving.put = put
fj.load(sys.argv[1]).save(sys.argv[1])
"""
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    left = [name for name in os.listdir(path.parent) if name != path.name]
    assert len(left) == 1 and (path.parent / left[0]).stat().st_size > 0  # it was on the way


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_failure_while_saving_leaves_old_file(path, monkeypatch, failure):
    """Case 94."""
    net = make_network()
    net.save(path)
    before = path.read_bytes()

    class Array(np.ndarray):
        @property
        def data(self):
            raise failure

    put = saving.put

    def put_array(array, dtype, name, arrays):
        put(array, dtype, name, arrays)
        arrays[name] = arrays[name].view(Array)
        return name

    monkeypatch.setattr(saving, "put", put_array)
    with pytest.raises(type(failure) if isinstance(failure, OSError) else failure):
        net.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


# ---------------------------------------------------------------- damage


class Bomb:
    """Leaves a trace where it is unpickled."""

    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


def test_pickle_is_not_executed(path, refused, good):
    """Case 80: in place of the file, of its arrays, of its metadata."""
    header, _, arrays = good
    bomb = pickle.dumps(Bomb())
    refused(bomb)
    refused(joined(header, arrays + bomb))
    header["__metadata__"]["network"] = bomb.decode("latin-1")
    refused(joined(header, arrays))
    assert not Bomb.exploded
    assert pickle.loads(bomb) is None and Bomb.exploded  # it was a live one
    Bomb.exploded = False


def test_truncated_at_every_byte(path, refused):
    """Case 81."""
    fj.Network([([[1.0], [2.0]], [3.0], "tanh")]).save(path)
    data = path.read_bytes()
    for n in range(len(data)):
        path.write_bytes(data[:n])
        with pytest.raises(ModelFormatError):
            fj.load(path)


@pytest.mark.parametrize("flip", [0x01, 0x5A, 0x80])
def test_every_byte_flipped(path, flip):
    """Case 82: an error or a network of finite numbers, nothing else."""
    fj.Network([([[1.0], [2.0]], [3.0], "tanh")]).save(path)
    data = bytearray(path.read_bytes())
    n_errors = 0
    for n in range(len(data)):
        data[n] ^= flip
        path.write_bytes(data)
        try:
            net = fj.load(path)
        except ModelFormatError:
            n_errors += 1
        else:
            assert np.isfinite(net.layers[0].W).all() and np.isfinite(net.jacobian(np.zeros(net.n_in))).all()
        data[n] ^= flip
    assert n_errors > len(data) // 2


@pytest.mark.parametrize("n", [saving.MAX_HEADER_NBYTES + 1, 2**31, 2**63, 2**64 - 1])
def test_header_that_is_too_long(refused, n):
    """Case 83."""
    assert "a header of at most 92 bytes" in refused(struct.pack("<Q", n) + bytes(92))
    big = struct.pack("<Q", n) + bytes(2 * MEBIBYTE)
    assert f"a header of at most 1048576 bytes, got {n}" in refused(big)


def test_header_past_the_end(refused):
    """Case 83."""
    assert "a header of at most 9 bytes, got 10" in refused(struct.pack("<Q", 10) + b"{}       ")
    assert "a header of at most 0 bytes" in refused(struct.pack("<Q", 10)[:3])


@pytest.mark.parametrize("shape", [[10**9, 10**9], [2**40, 2**40], [2**62, 2], [9223372036854775807] * 2])
def test_huge_shape_with_little_data(refused, good, shape):
    """Cases 84 and 86: sizes that overflow, with offsets that fit them or the data."""
    header, _, arrays = good
    n_bytes = 8 * shape[0] * shape[1]
    header["1.W"]["shape"] = shape
    assert f"expected data_offsets {n_bytes} bytes apart" in refused(joined(header, arrays))
    header["1.W"]["data_offsets"][1] = header["1.W"]["data_offsets"][0] + n_bytes
    assert "expected" in refused(joined(header, arrays))


def test_array_is_used_once(refused, good):
    """Case 85: one array that a thousand layers name would be a bomb."""
    header, description, arrays = good
    description["layers"] += [description["layers"][1]] * 1000
    assert "layer 4 of 1003: expected the name of an array that no other entry names, got '2.W'" in refused(
        joined(header, arrays, description))


@pytest.mark.parametrize("shape", [[-3, 4], [3.0, 4], [3, 0], [True, 12], [12], [3, 4, 1], [], "34", None, [[3], 4]])
def test_dimensions_that_are_none(refused, good, shape):
    """Case 86."""
    header, _, arrays = good
    header["1.W"]["shape"] = shape
    refused(joined(header, arrays))


@pytest.mark.parametrize("offsets", [[-8, 88], [0.0, 96], [0, 96, 96], [96], [96, 0], [2**63, 2**63 + 96], "0", None,
                                     [False, 96]])
def test_offsets_that_are_none(refused, good, offsets):
    """Case 86."""
    header, _, arrays = good
    header["1.W"]["data_offsets"] = offsets
    assert "array '1." in refused(joined(header, arrays))


def test_overlap_gap_and_what_follows(refused, good):
    """Case 87."""
    header, _, arrays = good
    first, second = sorted((name for name in header if name != "__metadata__"),
                           key=lambda name: header[name]["data_offsets"])[:2]
    end = header[first]["data_offsets"][1]
    for move, message in ((-8, "data_offsets from"), (8, "data_offsets from")):
        moved = json.loads(json.dumps(header))
        moved[second]["data_offsets"] = [offset + move for offset in header[second]["data_offsets"]]
        assert f"{message} {end} on" in refused(joined(moved, arrays + bytes(8)))
    assert "bytes of arrays, got" in refused(joined(header, arrays + b"\0"))
    assert "bytes of arrays, got" in refused(joined(header, b"\0" + arrays))
    assert "bytes of arrays, got" in refused(joined(header, arrays[:-1]))


def test_duplicate_key(refused, good):
    """Case 88: an array, a key of an array, and a key of the description."""
    header, description, arrays = good
    text = json.dumps(header)
    assert "the key '1.W' twice" in refused(joined(text[:-1] + ', "1.W": {}}', arrays))
    assert "the key 'shape' twice" in refused(joined(text.replace('"shape"', '"shape": [1], "shape"', 1), arrays))
    twice = json.dumps(description)[:-1] + ', "dtype": "float32"}'
    assert "the key 'dtype' twice" in refused(joined(header, arrays, twice))


def test_missing_array(refused, good):
    """Case 88."""
    header, description, arrays = good
    description["layers"][0]["b"] = "1.b"
    assert "layer 1 of 3: expected the name of an array that no other entry names, got '1.b'" in refused(
        joined(header, arrays, description))


def test_extra_array(refused, good):
    """Case 88."""
    header, _, arrays = good
    header["extra"] = {"dtype": "F64", "shape": [1], "data_offsets": [len(arrays), len(arrays) + 8]}
    assert "expected arrays that the layers name, got 'extra' beside them" in refused(joined(header, arrays + bytes(8)))


@pytest.mark.parametrize("version", ["2", "999999999", "0", "", "1.0", "-1", "one", "1" * 5000])
def test_unknown_version(refused, good, version):
    """Case 89."""
    header, _, arrays = good
    header["__metadata__"]["version"] = version
    message = refused(joined(header, arrays))
    assert f"expected version 1 of the format or older, got '{version[:20]}'" in message


@pytest.mark.parametrize("dtype", ["BF16", "F16", "I64", "U8", "BOOL", "F64 ", ">f8", "object", None, 8, ["F64"]])
def test_dtype_that_is_not_read(refused, good, dtype):
    """Cases 80 and 90."""
    header, _, arrays = good
    header["1.W"]["dtype"] = dtype
    assert f"array '1.W': expected dtype F64 or F32, got {dtype!r}" in refused(joined(header, arrays))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"1.W": %s}' % (b"1" * 5000), "got: an integer of 5000 digits"),
        (b'{"1.W": -%s}' % (b"1" * 900_000), "an integer of 900001 digits"),
        (b'{"1.W": NaN}', "NaN, which is no number of JSON"),
        (b'{"1.W": -Infinity}', "-Infinity, which is no number"),
        (b'{"1.W\xff": 1}', "JSON in UTF-8"),
        (b'{"1.W": "\n"}', "JSON in UTF-8"),
        (b"\xef\xbb\xbf{}", "JSON in UTF-8"),
        ("{}".encode("utf-16"), "JSON in UTF-8"),
        (b"", "JSON in UTF-8"),
        (b"[]", "an object as JSON, got list"),
        (b"null", "an object as JSON, got NoneType"),
        (b"{} {}", "JSON in UTF-8"),
        (b'{"1.W": []}', "array '1.W': expected an object as a description, got list"),
        (b'{"1.W": {"dtype": "F64"}}', "array '1.W': expected a key 'shape', got none"),
        (b'{"__metadata__": []}', "an object as __metadata__, got list"),
        (b'{"__metadata__": {"format": 1}}', "texts in '__metadata__'"),
        (b"{%s}" % b",".join(b'"%d":1' % k for k in range(30_000)), "array '0': expected an object"),
        (b"{%s}" % b",".join([b'"a":1'] * 50_000), "the key 'a' twice"),
    ],
)
def test_header_that_is_no_description(refused, text, message):
    """Case 91."""
    assert message in refused(joined(text, b""))


@pytest.mark.parametrize(
    "text", ["[" * 50_000, '{"layers":' * 50_000, '{"layers": %s}' % ("1" * 5000), "[]", "", "\ud800"])
def test_description_that_is_none(refused, good, text):
    """Case 91, one level further in."""
    header, _, arrays = good
    header["__metadata__"]["network"] = text
    refused(joined(json.dumps(header), arrays))


def test_operating_system_errors(tmp_path, path):
    """Case 92."""
    with pytest.raises(FileNotFoundError):
        fj.load(path)
    path.mkdir()
    with pytest.raises(IsADirectoryError if os.name == "posix" else PermissionError):
        fj.load(path)
    with pytest.raises(OSError, match="expected a regular file"):
        make_network().save(path)
    with pytest.raises(FileNotFoundError):
        make_network().save(tmp_path / "missing" / "net.safetensors")


@pytest.mark.skipif(os.name != "posix" or not os.geteuid(), reason="permissions that hold for the user")
def test_no_permission(path):
    """Case 92."""
    make_network().save(path)
    path.chmod(0)
    with pytest.raises(PermissionError):
        fj.load(path)


def test_paths_inside_are_not_opened(path, tmp_path):
    """Case 93: names of arrays and notes that look like paths."""
    target = tmp_path / "secret.npy"
    np.save(target, np.ones((3, 4)))
    make_network().save(path, description=str(target), file="file://" + str(target))
    path.write_bytes(path.read_bytes().replace(b"1.W", b"/.W"))
    opened = run_python(
        "import sys, fastjac as fj\n"
        "fj.load, fj.Network([([[1.0]],)]).jacobian([1.0])  # imports\n"
        "import fastjac.formats.safetensors\n"
        "sys.addaudithook(lambda event, arguments: print(arguments[0]) if event == 'open' else None)\n"
        f"fj.load({str(path)!r})")
    assert opened.split() == [str(path)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "float16"}, "float32 or float64 as 'dtype', got 'float16'"),
        ({"dtype": ["float32"]}, "float32 or float64 as 'dtype'"),
        ({"engine": "cuda"}, "engine: expected one of 'auto', 'packed', 'blas', got 'cuda'"),
        ({"engine": {}}, "engine: expected one of"),
        ({"order": "backward"}, "order: expected"),
        ({"order": [[2, 1], 3]}, "order: "),
        ({"order": {"a": 1}}, "order: "),
        ({"order": None}, "order: "),
        ({"activity": 2}, r"activity: expected a number in \(0, 1\], got 2"),
        ({"activity": [1]}, "activity: expected 3 numbers"),
        ({"activity": "half"}, "activity: expected a number or one for each layer"),
        ({"layers": {}}, "a list as 'layers', got dict"),
        ({"layers": []}, "expected arrays that the layers name"),
        ({"notes": []}, "an object as notes, got list"),
        ({"notes": {"a": 1}}, "text or a list of texts as the note 'a', got 1"),
        ({"notes": {"units_in": ["m"]}}, "'units_in' with one text for each of 3 inputs"),
        ({"note": {}}, "expected the keys dtype, .*, got 'note'"),
    ],
)
def test_wrong_description(refused, good, changes, message):
    header, description, arrays = good
    error = refused(joined(header, arrays, description | changes))
    assert re.search(message, error), error


@pytest.mark.parametrize("key", ["dtype", "engine", "order", "activity", "layers", "notes"])
def test_missing_key(refused, good, key):
    """Case 88."""
    header, description, arrays = good
    del description[key]
    assert f"expected a key {key!r}, got none" in refused(joined(header, arrays, description))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "lstm"}, "the kind 'dense' or 'affine', got 'lstm'"),
        ({"kind": None}, "the kind 'dense' or 'affine', got None"),
        ({"activation": "tnah"}, "unknown activation 'tnah'; did you mean tanh"),
        ({"activation": None}, "expected a name, got NoneType"),
        ({"activation": 1}, "expected a name, got int"),
        ({"W": 1.0}, "W: expected 2 dimensions"),
        ({"W": True}, "a number or the name of an array, got True"),
        ({"W": [1]}, "a number or the name of an array, got [1]"),
        ({"W": "1.slope"}, "that no other entry names, got '1.slope'"),
        ({"b": "2.W", "W": "2.b"}, "W: expected 2 dimensions"),
        ({"b": None, "W": "3.W"}, "expected "),
        ({"parameters": []}, "an object as parameters, got list"),
        ({"parameters": {"slop": 1}}, "parameters of leaky_relu, got 'slop'"),
        ({"parameters": {"negative_slope": None}}, "a number or the name of an array, got None"),
        ({"parameters": {"W": 1}}, "parameters of leaky_relu, got 'W'"),
        ({"parameters": {"negative_slope": 10**18}, "extra": 1}, "got 'extra'"),
    ],
)
def test_wrong_layer(refused, good, changes, message):
    header, description, arrays = good
    description["layers"][1] |= changes
    error = refused(joined(header, arrays, description))
    assert message in error and "layer " in error


def test_numbers_that_are_not_finite(refused, good):
    header, description, arrays = good
    offsets = header["2.b"]["data_offsets"]
    bad = arrays[: offsets[0]] + np.array([1, np.nan, 2, 3]).tobytes() + arrays[offsets[1] :]
    assert "layer 2 of 3: b: expected finite numbers, got nan at index (1,)" in refused(joined(header, bad))
    description["layers"][1]["parameters"]["negative_slope"] = "1e999"
    text = json.dumps(description).replace('"1e999"', "1e999")
    assert "layer 2 of 3: leaky_relu: negative_slope: expected finite" in refused(joined(header, arrays, text))


def test_deep_order(refused, good):
    """Case 91: a bracketing as deep as JSON allows."""
    header, description, arrays = good
    for depth in (100, 400, 900, 3000):
        text = json.dumps(description | {"order": 0}).replace('"order": 0', '"order": ' + "[" * depth + "]" * depth)
        refused(joined(header, arrays, text))


@pytest.mark.parametrize("suffix", WRITERS)
def test_damaged_at_random(suffix, tmp_path_factory):
    """Case 82 and what nobody thought of; `fuzz_formats.py` runs for as long as one likes."""
    path = tmp_path_factory.mktemp("damaged") / f"net{suffix}"
    n_networks = 0

    @settings(derandomize=True, max_examples=300)
    @given(st.integers(0, 2**32))
    def try_seed(seed):
        nonlocal n_networks
        n_networks += check(damaged(suffix, seed), path)

    with np.errstate(all="ignore"):
        try_seed()
    assert 3 < n_networks < 290
