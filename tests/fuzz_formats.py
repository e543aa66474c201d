"""Network files that are damaged at random: each is a network of finite numbers or a ModelFormatError, soon.

    python tests/fuzz_formats.py [SECONDS] [SUFFIX ...]

tries files for so long (60 s), of all formats or of some, and prints what became of them. A failure ends the run with
its seed and leaves the file in the working folder; `damaged(SUFFIX, SEED)` makes it again.
"""

import io
import json
import random
import sys
import tempfile
import time
import tracemalloc
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import fastjac as fj

MEBIBYTE = 2**20
SLOWEST = 10.0  # seconds of the processor; a file of a kilobyte takes a millisecond

# What sizes, names and numbers are replaced with.
TOKENS = (
    None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**53, 2**63 - 1, 2**64, 10**30, 0.5, -0.0, 1e-320, 1e308, "", "1.W",
    "2.b", "tanh", "prelu", "softmax", "F32", "F64", "BF16", "dense", "affine", "\0", "../x", [], [0], [[[]]], {},
    {"W": 0},
)


def damaged(suffix, seed):
    """Bytes of a good file of that format, damaged as `seed` has it."""
    choose = random.Random(f"{suffix} {seed}")
    data = choose.choice(good_files(suffix))
    if suffix == ".h5":
        return in_hdf5(data, choose)
    if choose.random() < 0.6:
        data = INSIDE[suffix](data, choose)
    return with_wrong_bytes(data, choose) if choose.random() < 0.5 else data


@cache
def good_files(suffix):
    """Bytes of good files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net" + suffix)
        return [path.read_bytes() for _ in WRITERS[suffix](path)]


def own_files(path):
    for net in networks():
        net.save(path, units_in=["m"] * net.n_in, description="µ")
        yield


def npz_files(path):
    for net in networks():
        fj.save_npz(net, path, description="µ")
        yield


def keras_files(path):
    import test_from_keras_file as keras

    layers = [
        keras.Layer("Normalization", name="n", invert=False, mean=[1, 2, 3], variance=[4, 4, 16]),
        keras.dense("d", 3, 4, "tanh"),
        keras.Layer("LeakyReLU", name="l", negative_slope=0.5),
        keras.dense("e", 4, 2, {"class_name": "ELU", "config": {"name": "elu", "alpha": 0.5}}, group="dense_1"),
    ]
    skips = [
        keras.dense("d", 3, 4, "tanh"),
        keras.Layer("LayerNormalization", {"gamma": np.ones(4), "beta": np.ones(4)}, "layer_normalization", name="l",
                    axis=[-1], epsilon=1e-3),
        keras.dense("e", 4, 4, "relu", group="dense_1"),
        keras.Layer("Add", name="a", trainable=True),
    ]
    models = ((keras.sequential(layers), layers), (keras.functional(layers), layers),
              (keras.functional(skips, joined=["d"]), skips))
    for model, its_layers in models:
        keras.WRITERS[path.suffix](path, model, its_layers)
        yield


def nnet_files(path):
    from test_nnet import Content

    for seed, comma in enumerate((",", "")):
        path.write_text(Content(seed=seed).text(comma))
        yield


def onnx_files(path):
    import onnx.parser

    numbers = "double[3, 3] W = {1, -1, 2, 0.5, 3, 1, -2, 0.1, 1}, double[3] b = {0.1, 0, 2}, double two = {2}"
    constants = ("double half = {0.5}, double one = {1}, int64[2] flat = {-1, 3}, int64[2] some = {2, 0}, "
                 "int64[1] last = {-1}")
    for body in (
        "h = Gemm <transB = 1> (x, W, b) t = Div(h, two) e = Erf(t) s = Add(e, one) g = Mul(h, s) a = Mul(g, half) "
        "r = Add(x, a) y = Softmax <axis = -1> (r)",
        "h = MatMul(x, W) n = LayerNormalization(h, W2, b) m = ReduceMean(n, last) d = Sub(n, m) q = Mul(d, d) "
        "v = ReduceMean(q, last) s = Sqrt(v) r = Div(d, s) t = MatMul(x, W) u = Sin(t) y = Sum(r, u, h)",
        "h = MatMul(x, W) n = BatchNormalization(h, b, b, b, W2) c = Concat <axis = 1> (n, x) i = Gather <axis = 1> "
        "(c, some) e = Exp(i) y = Clip(e, half, two)",
        "r = Reshape(x, flat) h = MatMul(r, W) p = Sub(h, b) z = Greater(p, half) q = Where(z, p, zero) "
        "l = LeakyRelu <alpha = 0.3> (q) y = Pow(l, two)",
    ):
        path.write_bytes(onnx.parser.parse_model(
            f'<ir_version: 8, opset_import: ["": 18]> g (double[N, 3] x) => (double[N, M] y) '
            f"<{numbers}, {constants}, double zero = {{0}}, double[3] W2 = {{1, 4, 9}}> {{ {body} }}"
        ).SerializeToString())
        yield


def networks():
    numbers = np.random.default_rng(0).normal
    yield fj.Network([([[1.0], [2.0]], [3.0], "tanh")])
    yield fj.Network([
        fj.Layer(numbers(size=(3, 4)).astype("f4"), None, "prelu", slope=np.full(4, 0.25)),
        fj.Layer(numbers(size=(4, 3)), numbers(size=3), "leaky_relu"),
        fj.Layer(numbers(size=(3, 3)), numbers(size=3), "softmax"),
    ], order=((3, 2), 1), activity=[None, 0.5, 1])


# ---------------------------------------------------------------- damage


def with_wrong_bytes(data, choose):
    """Bytes flipped, replaced, taken out, put in twice, or cut off."""
    data = bytearray(data)
    for _ in range(choose.choice((1, 1, 2, 5, 20))):
        if not data:
            break
        i, n = choose.randrange(len(data)), choose.choice((1, 1, 4, 8, 100))
        kind = choose.randrange(6)
        if kind == 0:
            data[i] ^= 1 << choose.randrange(8)
        elif kind == 1:
            data[i : i + n] = choose.choice((b"\0", b"\xff", b"9", b"[", b"-", b"\x80")) * n
        elif kind == 2:
            del data[i : i + n]
        elif kind == 3:
            data[i:i] = data[i : i + n] * choose.choice((1, 2, 1000))
        elif kind == 4:
            data[i : i + 8] = choose.choice((0, 1, 2**20, 2**31, 2**63, 2**64 - 1)).to_bytes(8, "little")
        else:
            del data[choose.randrange(max(1, len(data) - 8)) :]
    return bytes(data)


def with_wrong_values(value, choose):
    """A value of JSON with a part of it replaced, taken out, doubled or swapped for another."""
    places = list(places_in(value))
    if not places:
        return choose.choice(TOKENS)
    for _ in range(choose.choice((1, 1, 2, 4))):
        inside, key = choose.choice(places)
        kind = choose.randrange(5)
        if kind == 0 and isinstance(inside, dict):
            inside.pop(key, None)
        elif kind == 1 and isinstance(inside, list) and key < len(inside):
            inside[key:key] = [inside[key]] * choose.choice((1, 3, 300))
        elif kind == 2:
            other, other_key = choose.choice(places)
            if not isinstance(other, list) or other_key < len(other):
                taken = other.get(other_key) if isinstance(other, dict) else other[other_key]
                if isinstance(inside, dict) or key < len(inside):
                    inside[key] = json.loads(json.dumps(taken))
        elif isinstance(inside, dict):
            inside[key if kind == 3 else choose.choice(("W", "n_carried", "x", "parameters"))] = choose.choice(TOKENS)
        elif key < len(inside):
            inside[key] = choose.choice(TOKENS)
    return value


def places_in(value):
    """Pairs (list or dictionary, key) of all parts."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places_in(value[key])


def in_safetensors(data, choose):
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    if choose.random() < 0.6:
        metadata = header["__metadata__"]
        metadata["network"] = json.dumps(with_wrong_values(json.loads(metadata["network"]), choose))
    else:
        header = with_wrong_values(header, choose)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + n :]


def in_hdf5(data, choose):
    """Description and arrays damaged, not the structure: the library behind h5py can loop for ever over that."""
    import h5py

    file = io.BytesIO(data)
    with h5py.File(file, "r+") as root:
        if "model_config" in root.attrs and choose.random() < 0.8:
            text = root.attrs["model_config"]
            root.attrs["model_config"] = (
                json.dumps(with_wrong_values(json.loads(text), choose)) if choose.random() < 0.8
                else with_wrong_bytes(text.encode(), choose).replace(b"\0", b" "))
        else:
            places = []
            root.visit(places.append)
            place, other = choose.choice(places), choose.choice(places)
            value = choose.choice((root[other], np.zeros((2, 0)), 1.5, np.ones((4, 4), ">f8"), np.ones(3, int), "x",
                                   h5py.SoftLink("/" + other), h5py.ExternalLink("x", "/x")))
            del root[place]
            if choose.random() < 0.8:
                root[place] = value
    return file.getvalue()


def in_zip(data, choose):
    """Members damaged, doubled, renamed or left out; their sums are right again."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(written, "w") as new:
        names = archive.namelist()
        at = choose.choice(names)
        for name in names:
            member = archive.read(name)
            if name == at:
                kind = choose.randrange(8)
                if name.endswith(".json") and kind < 6:
                    member = json.dumps(with_wrong_values(json.loads(member), choose)).encode()
                elif kind < 6:
                    member = (in_hdf5 if name.endswith(".h5") else with_wrong_bytes)(member, choose)
                elif kind == 6:
                    name = choose.choice(names)
                else:
                    continue
            if name not in new.namelist():
                new.writestr(name, member, choose.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return written.getvalue()


def in_text(data, choose):
    """Numbers of a line replaced, taken out, doubled or torn apart; lines taken out, doubled or exchanged."""
    lines = data.decode().splitlines()
    for _ in range(choose.choice((1, 1, 2, 4))):
        i, j = choose.randrange(len(lines)), choose.randrange(len(lines))
        entries = lines[i].split(",")
        k = choose.randrange(len(entries))
        kind = choose.randrange(5)
        if kind == 0:
            entries[k] = choose.choice([str(token) for token in TOKENS] + ["nan", "-inf", "1e999", "1_0", "0x1", "٣"])
        elif kind == 1:
            entries[k:k] = choose.choice(([], ["1"], [entries[k]] * 300))
        elif kind == 2:
            del entries[k]
        elif kind == 3:
            lines[i], lines[j] = lines[j], lines[i]
            continue
        else:
            lines[i:i] = choose.choice(([lines[j]], ["// a comment"], [""], [lines[i]] * 100))
            continue
        lines[i] = ",".join(entries)
    return "\n".join(lines).encode()


def in_onnx(data, choose):
    """Operators, their inputs, attributes, shapes and types exchanged for others."""
    import onnx

    model = onnx.load_from_string(data)
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)] + ["", "none"]
    for _ in range(choose.choice((1, 1, 2, 4))):
        node, tensor = choose.choice(graph.node), choose.choice(graph.initializer)
        kind = choose.randrange(8)
        if kind < 2:
            node.op_type = choose.choice((*onnx_operators(), "Conv", "Cast", "Size"))
        elif kind == 2 and node.input:
            node.input[choose.randrange(len(node.input))] = choose.choice(names)
        elif kind == 3:
            (node.input.append if choose.random() < 0.7 else node.output.append)(choose.choice(names))
        elif kind == 4:
            name = choose.choice(("axis", "alpha", "epsilon", "transA", "perm", "to", "axes", "beta", "stash_type"))
            value = choose.choice((0, 1, -1, 2, -7, 2**62, 0.0, 1e-45, -3.5, 1e38, [1, 0], [0, 0], [-1, 2**60], "tanh"))
            node.attribute.append(onnx.helper.make_attribute(name, value))
        elif kind == 5:
            tensor.dims[:] = choose.choice(([], [0], [3], [1, 3], [3, 1], [9], [2**40, 2**40], [-1], [*tensor.dims, 1]))
        elif kind == 6:
            tensor.CopyFrom(onnx.numpy_helper.from_array(
                np.array(choose.choice((0.0, -1.0, 1e308, np.nan, [1, 2, 3], [[1.0] * 3] * 3, True))), tensor.name))
        else:
            dimension = choose.choice(graph.input[0].type.tensor_type.shape.dim)
            dimension.dim_value = choose.choice((0, 1, 3, 2**19, 2**62))
    return model.SerializeToString()


@cache
def onnx_operators():
    from fastjac.formats._onnx.operators import OPERATORS

    return tuple(OPERATORS)


# Writers of good files, one after the other, and damage inside their structure.
WRITERS = {".safetensors": own_files, ".npz": npz_files, ".nnet": nnet_files}
INSIDE = {".safetensors": in_safetensors, ".npz": in_zip, ".keras": in_zip, ".nnet": in_text, ".onnx": in_onnx}
if find_spec("h5py"):
    WRITERS |= {".keras": keras_files, ".h5": keras_files}
if find_spec("onnx"):
    WRITERS |= {".onnx": onnx_files}


# ---------------------------------------------------------------- what must hold


def check(data, path):
    """Whether the bytes, written to `path`, are a network. Any error but ModelFormatError is a fault of ours."""
    path.write_bytes(data)
    try:
        net = fj.load(path)
        fj.formats.read_notes(path)
    except fj.ModelFormatError as error:
        if len(str(error)) > 2000:
            raise AssertionError("a message that nobody reads") from error
        return False
    assert net.jacobian(np.zeros(net.n_in)).shape == (net.n_out, net.n_in)
    for layer in net.layers:
        assert np.isfinite(layer.W).all() and (layer.b is None or np.isfinite(layer.b).all())
    first, second = path.with_name("first.safetensors"), path.with_name("second.safetensors")
    net.save(first)
    fj.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    return True


def run(seconds, suffixes):
    n_tried, n_networks, slowest, greediest = 0, 0, 0.0, 0
    end = time.monotonic() + seconds
    np.seterr(all="ignore")
    start = random.SystemRandom().randrange(2**48)
    print(f"from seed {start}", flush=True)
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            suffix, seed = suffixes[n_tried % len(suffixes)], start + n_tried
            data = damaged(suffix, seed)
            try:
                begin = time.process_time()
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                n_networks += check(data, Path(folder, "net" + suffix))
                slowest = max(slowest, time.process_time() - begin)
                greediest = max(greediest, tracemalloc.get_traced_memory()[1] - before - 2 * len(data))
                assert slowest < SLOWEST and greediest < 10 * MEBIBYTE, (slowest, greediest)
            except BaseException:
                Path(f"seed-{seed}{suffix}").write_bytes(data)
                print(f"damaged({suffix!r}, {seed}): seed-{seed}{suffix}", file=sys.stderr)
                raise
            n_tried += 1
    print(f"{n_tried} files, {n_networks} still networks; slowest {slowest:.2f} s, "
          f"most memory {greediest / MEBIBYTE:.1f} MiB beyond twice the file")


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 60, sys.argv[2:] or list(WRITERS))
