"""Networks in plain NumPy archives: round trip, and every way to be none."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

import fastjac as fj
from fastjac.formats import ModelFormatError, from_npz, save_npz
from fastjac.formats.npz import read_notes

rng = np.random.default_rng(0)


def arrays(**changes):
    """Arrays of a good archive with changes; None takes one out."""
    good = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 2)),
        "b2": rng.normal(size=2),
        "activations": np.array(["leaky_relu", "identity"]),
        "activation1.negative_slope": np.array(0.25),
        "description": np.array("a test"),
        "units_in": np.array(["m", "s", "kg"]),
    }
    return {name: array for name, array in (good | changes).items() if array is not None}


@pytest.fixture
def write(tmp_path):
    def write(arrays, **options):
        path = tmp_path / "network.npz"
        np.savez(path, **arrays, **options)
        return path

    return write


def member(write, name, data):
    """A good archive in which one array is replaced by the bytes `data`."""
    path = write(arrays(**{name: None}))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name + ".npy", data)
    return path


def header(shape, descr="<f8", version=(1, 0)):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return npy.magic(*version) + len(text).to_bytes(2, "little") + text.encode()


def test_center_has_the_dtype_of_the_network(tmp_path):
    net = fj.Network([fj.Affine(center=[1.0, 2.0]), (np.eye(2),)], dtype="float32")
    save_npz(net, tmp_path / "net.npz")
    assert from_npz(tmp_path / "net.npz").dtype == np.float32


def test_network_is_that_of_the_arrays(write):
    content = arrays()
    net = from_npz(write(content))
    assert tuple(net.widths) == (3, 4, 2)
    assert [layer.activation for layer in net.layers] == ["leaky_relu", "identity"]
    assert net.layers[0].parameters["negative_slope"] == 0.25
    x = rng.normal(size=3)
    h = x @ content["W1"] + content["b1"]
    y, J = net.value_and_jacobian(x)
    np.testing.assert_allclose(y, np.where(h > 0, h, 0.25 * h) @ content["W2"] + content["b2"], rtol=1e-13)
    D = np.diag(np.where(h > 0, 1, 0.25))
    np.testing.assert_allclose(J, content["W2"].T @ D @ content["W1"].T, rtol=1e-13)


def test_bias_is_optional(write):
    content = arrays(b1=None)
    net = from_npz(write(content))
    zero = from_npz(write(content | {"b1": np.zeros(4)}))
    np.testing.assert_array_equal(net.jacobian(np.ones(3)), zero.jacobian(np.ones(3)))


@pytest.mark.parametrize("dtype", ["float32", np.float64])
def test_dtype(write, dtype):
    assert from_npz(write(arrays()), dtype=dtype).dtype == np.dtype(dtype)
    content = {name: array.astype(dtype) if name[0] in "Wb" else array for name, array in arrays().items()}
    assert from_npz(write(content)).dtype == np.dtype(dtype)


def test_fortran_order_and_compression(tmp_path):
    content = arrays()
    content["W1"] = np.asfortranarray(content["W1"])
    np.savez_compressed(tmp_path / "network.npz", **content)
    np.testing.assert_array_equal(from_npz(tmp_path / "network.npz").layers[0].W, content["W1"])


def test_notes(write):
    assert read_notes(write(arrays())) == {"description": "a test", "units_in": ["m", "s", "kg"]}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_save_load_save_gives_same_bytes(tmp_path, dtype):
    """Case 95, with parameters per unit, and with notes."""
    layers = [
        fj.Layer(rng.normal(size=(2, 3)).astype(dtype), None, "prelu", slope=np.array([0.1, 0.2, 0.3])),
        fj.Layer(rng.normal(size=(3, 3)).astype(dtype), None, "gelu", approximate="tanh"),
        fj.Layer(rng.normal(size=(3, 1)).astype(dtype), rng.normal(size=1).astype(dtype), "softmax"),
    ]
    net = fj.Network(layers)
    first, second = tmp_path / "first", tmp_path / "second.npz"
    save_npz(net, first, description="one unit: µm", units_in=["m", "s"], file="any name will do")
    again = from_npz(first)
    save_npz(again, second, **read_notes(first))
    assert first.read_bytes() == second.read_bytes()
    x = rng.normal(size=2)
    np.testing.assert_array_equal(net.jacobian(x), again.jacobian(x))
    assert sorted(os.listdir(tmp_path)) == ["first", "second.npz"]


def test_what_is_saved_is_what_computes(tmp_path, write):
    """A float32 network comes back as one, whatever its layers were made of."""
    net = from_npz(write(arrays()), dtype="float32")
    save_npz(net, tmp_path / "new.npz")
    again = from_npz(tmp_path / "new.npz")
    assert again.dtype == np.float32
    x = rng.normal(size=3)
    np.testing.assert_array_equal(net.jacobian(x), again.jacobian(x))


@pytest.mark.parametrize(
    ("note", "error", "message"),
    [
        ({"W1": "text"}, ValueError, "no weight or parameter, got 'W1'"),
        ({"activations": "text"}, ValueError, "got 'activations'"),
        ({"scale": 1.5}, TypeError, "text or a sequence of texts for the note 'scale', got 1.5"),
        ({"units_in": ["m"]}, ValueError, r"'units_in' with one text for each of 3 inputs, got shape \(1,\)"),
        ({"names_out": "y"}, ValueError, r"'names_out' with one text for each of 2 outputs, got shape \(\)"),
        ({"description": "cut\0"}, ValueError, "without NUL"),
    ],
)
def test_save_rejects_note(tmp_path, write, note, error, message):
    net = from_npz(write(arrays()))
    with pytest.raises(error, match=message):
        save_npz(net, tmp_path / "new.npz", **note)
    assert os.listdir(tmp_path) == ["network.npz"]


def test_save_takes_the_network_first(tmp_path, write):
    path = str(write(arrays()))
    with pytest.raises(TypeError, match="^net: expected a Network, got str"):
        save_npz(path, from_npz(path))


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_failure_while_saving_leaves_old_file(tmp_path, write, monkeypatch, failure):
    """Case 94."""
    path = write(arrays())
    net, before = from_npz(path), path.read_bytes()
    calls = []

    def write_array(stream, array, **options):
        calls.append(array)
        if len(calls) == 3:
            raise failure
        stream.write(b"half a file")

    monkeypatch.setattr(npy, "write_array", write_array)
    with pytest.raises(failure):
        save_npz(net, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["network.npz"]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_saved_file_follows_umask_and_link(tmp_path, write):
    net = from_npz(write(arrays()))
    (tmp_path / "link.npz").symlink_to("target.npz")
    save_npz(net, tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "target.npz").stat().st_mode & 0o777 == 0o666 & ~umask
    with pytest.raises(OSError, match="expected a regular file"):
        save_npz(net, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activations": None}, "an array 'activations' .* got W1, b1"),
        ({"activations": np.array([1.0, 2.0])}, "'activations' as text of shape .* got float64"),
        ({"activations": np.array("tanh")}, r"'activations' as text of shape .* of shape \(\)"),
        ({"activations": np.array([], "U4")}, r"of shape \(0,\)"),
        ({"activations": np.array(["tanh"])}, "expected 1 layers as in 'activations', got 'W2'"),
        ({"activations": np.array(["leaky_relu", "tanh", "tanh"])}, "expected W1 to W3 as in .*, got no W3"),
        ({"activations": np.array(["leaky_relu", "tnah"])}, "layer 2 of 2: .*'tnah'"),
        ({"W1": None}, "got no W1"),
        ({"W1": np.zeros(3)}, r"'W1' as numbers of shape \(n_in, n_out\), got float64 of shape \(3,\)"),
        ({"W1": np.zeros((0, 4))}, r"'W1' .* of shape \(0, 4\)"),
        ({"W1": np.array([["a"]])}, "'W1' as numbers .* got <U1"),
        ({"W1": np.zeros((3, 4), bool)}, "'W1': expected float32, float64, integers or text, got dtype bool"),
        ({"W1": np.zeros((3, 4), complex)}, "'W1': expected float32, .* got dtype complex128"),
        ({"W1": np.zeros((3, 4), np.float16)}, "'W1': expected float32, .* got dtype float16"),
        ({"W1": np.zeros((3, 4), ">f8")}, "'W1': expected little-endian numbers, got dtype >f8"),
        ({"W1": np.zeros((3, 4), [("a", "<f8")])}, "'W1': expected float32, "),
        ({"W1": np.full((3, 4), np.nan)}, "layer 1"),
        ({"W2": np.zeros((5, 2))}, "layer 2.*5"),
        ({"b1": np.zeros(5)}, r"'b1' as numbers of shape \(4,\), got float64 of shape \(5,\)"),
        ({"b1": np.zeros((1, 4))}, r"'b1' .* of shape \(1, 4\)"),
        ({"W3": np.zeros((2, 2))}, "2 layers as in 'activations', got 'W3'"),
        ({"W03": np.zeros((2, 2))}, "got 'W03' with float64"),
        ({"weights": np.zeros((2, 2))}, "got 'weights' with float64"),
        ({"activation1.negativ_slope": np.array(1.0)}, "layer 1 of 2: .*negativ_slope"),
        ({"activation1.negative_slope": np.zeros(7)}, "layer 1 of 2: .*7"),
        ({"activation3.alpha": np.array(1.0)}, "2 layers as in 'activations', got 'activation3.alpha'"),
        ({"units_in": np.array(["m", "s"])}, "'units_in' with one text for each of 3 inputs"),
        ({"notes": np.array([["a"]])}, "got 'notes' with <U1"),
    ],
)
def test_wrong_array_is_named(write, changes, message):
    with pytest.raises(ModelFormatError, match=message):
        from_npz(write(arrays(**changes)))


class Bomb:
    """Leaves a trace where it is unpickled."""

    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


def test_pickle_is_not_executed(write):
    """Case 80."""
    with pytest.raises(ModelFormatError, match="'W1': expected float32, .* got dtype object"):
        from_npz(write(arrays(W1=np.array([Bomb()]))))
    assert not Bomb.exploded


@pytest.fixture
def smallest(write):
    """The bytes of a small archive."""
    return write({"W1": np.ones((2, 1)), "activations": np.array(["tanh"])}).read_bytes()


def test_truncated_at_every_byte(tmp_path, smallest):
    """Case 81."""
    data = smallest
    path = tmp_path / "cut.npz"
    for n in range(len(data)):
        path.write_bytes(data[:n])
        with pytest.raises(ModelFormatError):
            from_npz(path)


def test_every_byte_flipped(tmp_path, smallest):
    """Case 82: an error or a network, nothing else; what the check sums cover is an error."""
    data = bytearray(smallest)
    path = tmp_path / "flipped.npz"
    n_errors = 0
    for n in range(len(data)):
        data[n] ^= 0x5A
        path.write_bytes(data)
        try:
            assert from_npz(path).n_in == 2
        except ModelFormatError:
            n_errors += 1
        data[n] ^= 0x5A
    assert n_errors > len(data) // 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header of an array"),
        (b"not an array at all", "header of an array"),
        (header((3, 4)), "96 bytes for float64 of shape .3, 4., got 0"),  # case 84
        (header((3, 4)) + bytes(95), "expected 96 bytes .* got 95"),
        (header((3, 4)) + bytes(97), "expected 96 bytes .* got 97"),  # case 87
        (header((10**6, 10**6)) + bytes(96), "expected 8000000000000 bytes"),
        (header((2**40, 2**40)) + bytes(96), "expected 9671406556917033397649408 bytes"),  # case 86
        (header((-3, 4)) + bytes(96), r"sizes >= 0, got \(-3, 4\)"),
        (header((3.0, 4)) + bytes(96), "header of an array"),
        (header((3, 4), version=(4, 0)) + bytes(96), r"version 1.0 or 2.0 .* got \(4, 0\)"),  # case 89
        (header("(3L, 4)") + bytes(96), "header of an array"),
        (npy.magic(2, 0) + (2**31).to_bytes(4, "little") + bytes(96), "header of an array"),  # case 83
        (header("(" * 5000), "header of an array"),  # case 91
        (header((4,), "<U1") + b"\xff" * 16, "expected text, got numbers that are no characters"),
        (header((3, 4)) + bytes(20 * 2**20), "compressed at most 100 times"),  # case 85
    ],
)
def test_damaged_member(write, data, message):
    path = member(write, "W1", data)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFormatError, match=message):
            from_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * path.stat().st_size + 10 * 2**20


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_member(write):
    """Case 88."""
    path = write(arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("W1.npy", header((3, 4)) + bytes(96))
    with pytest.raises(ModelFormatError, match="one array 'W1', got two"):
        from_npz(path)


def test_foreign_member(write):
    path = write(arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../readme.txt", "text")
    with pytest.raises(ModelFormatError, match=r"arrays .* only, got '../readme.txt'"):
        from_npz(path)


def test_no_archive(tmp_path):
    path = tmp_path / "network.npz"
    np.save(tmp_path / "array.npy", np.zeros(3))
    for data in (b"", b"text", (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(data)
        with pytest.raises(ModelFormatError, match="expected a NumPy archive"):
            from_npz(path)
    zipfile.ZipFile(path, "w").close()
    with pytest.raises(ModelFormatError, match="got an empty archive"):
        from_npz(path)


def test_operating_system_errors(tmp_path):
    """Case 92."""
    with pytest.raises(FileNotFoundError):
        from_npz(tmp_path / "missing.npz")
    with pytest.raises(IsADirectoryError if os.name == "posix" else PermissionError):
        from_npz(tmp_path)


def test_array_that_unpacks_to_more_than_it_says(tmp_path):
    """The size in the archive's directory is believed, and the rest of the stream is left alone."""
    path, member = tmp_path / "net.npz", io.BytesIO()
    np.save(member, np.ones((2000, 1)))  # more than one read of the stream
    array = member.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("W1.npy", array + bytes(2**27))
        info = file.getinfo("W1.npy")
        info.file_size, info.CRC = len(array), zipfile.crc32(array)
        text = io.BytesIO()
        np.save(text, np.array(["tanh"]))
        file.writestr("activations.npy", text.getvalue())
    tracemalloc.start()
    try:
        assert from_npz(path).widths == (2000, 1)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
