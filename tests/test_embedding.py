"""Other programs compiled against fastjac as it is installed: C, Cython, numba; and against another ABI version."""

import datetime
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from exported import needs_gcc
from support import assert_same, make_network

import fastjac as fj

HERE = Path(__file__).parent
ROOT = HERE.parent
EXAMPLE = ROOT / "examples" / "gauss_points"

pytestmark = [needs_gcc, pytest.mark.skipif(not EXAMPLE.is_dir(), reason="needs the examples beside the tests")]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example():
    return load("gauss_points_run", EXAMPLE / "run.py")


@pytest.fixture
def installed(monkeypatch):
    """Cython looks for fastjac on sys.path, where an editable install does not put it."""
    path = [str(Path(fj.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


def check(host, net, by_columns=False):
    strain = 0.1 * np.random.default_rng(1).normal(size=(500, 6))
    stress, tangent = np.empty_like(strain), np.empty((500, 6, 6))
    host(net, strain, stress, tangent)
    if by_columns:
        tangent = np.ascontiguousarray(tangent.swapaxes(1, 2))
    assert_same((stress, tangent), net.value_and_jacobian(strain))


def test_c_program(example, tmp_path):
    library = example.build_c(tmp_path)
    for name in ("gauss_points", "gauss_points_together"):
        check(example.in_c(library, name), example.make_law(), by_columns=True)
        with pytest.raises(RuntimeError, match="status 2"):
            example.in_c(library, name)(make_network((6, 6), ["tanh"], "float32"), *np.ones((3, 1, 6)))


def test_cython_program(example, tmp_path, installed):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    module = example.build_cython(tmp_path)
    check(module.gauss_points, example.make_law())
    arrays = np.ones((1, 6)), np.ones((1, 6)), np.ones((1, 6, 6))
    with pytest.raises(RuntimeError, match="precision"):
        module.gauss_points(make_network((6, 6), ["tanh"], "float32"), *arrays)
    with pytest.raises(AttributeError, match="capsule"):
        module.gauss_points(None, *arrays)


def test_numba_program(example):
    pytest.importorskip("numba")
    net = example.make_law()
    loop = load("gauss_points_numba", EXAMPLE / "gauss_points_numba.py").gauss_points(net)
    assert not loop.nopython_signatures
    check(lambda net, *arrays: loop(*arrays), net)
    assert loop.nopython_signatures  # it was compiled, and without falling back to Python


def test_numba_finds_functions_by_name():
    pytest.importorskip("numba")
    import ctypes

    from numba.extending import get_cython_function_address

    address = get_cython_function_address("fastjac.cython_api", "fj_n_in")
    n_in = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p)(address)
    net = make_network((3, 2), ["tanh"])
    assert n_in(net.ctypes.handle) == 3


# ---------------------------------------------------------------- case 78: another ABI version


def build_extension(folder, version):
    """The extension module of the tests, compiled with a header of this ABI version."""
    header = (Path(fj.get_include()) / "fastjac.h").read_text(encoding="utf-8")
    header = re.sub(r"(#define FJ_ABI_VERSION) \d+", rf"\1 {version}", header)
    (folder / "fastjac.h").write_text(header, encoding="utf-8")
    library = folder / f"abi_module{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-I{folder}",
                    f"-I{INCLUDE_PYTHON}", HERE / "capi" / "abi_module.c", "-o", library], check=True)
    return load("abi_module", library).n_in_times_n_out


class Impostor:
    def __init__(self, capsule):
        self.capsule = capsule


INCLUDE_PYTHON = Path(sysconfig.get_path("include"))
needs_python_h = pytest.mark.skipif(not (INCLUDE_PYTHON / "Python.h").exists(), reason="needs Python.h")


@needs_python_h
def test_header_of_another_version(tmp_path):
    net = make_network((3, 2), ["tanh"])
    (tmp_path / "new").mkdir()
    assert build_extension(tmp_path, 1)(net) == build_extension(tmp_path, 1)(net.select([0])) == 6
    with pytest.raises(ImportError, match="compiled for ABI version 7, the library has version 1"):
        build_extension(tmp_path / "new", 7)(net)


@needs_python_h
def test_capsule_of_another_version(tmp_path):
    ask = build_extension(tmp_path, 1)
    with pytest.raises(ImportError, match="fj_network_v1, the library has datetime.datetime_CAPI"):
        ask(Impostor(datetime.datetime_CAPI))
    with pytest.raises(ImportError, match="fj_network_v1, the library has int"):
        ask(Impostor(1))
    with pytest.raises(AttributeError, match="capsule"):
        ask(1)


@needs_python_h
def test_cython_module_of_another_version(tmp_path, installed):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    code = "from Cython.Build import cythonize; from setuptools import setup; setup(name='abi', " \
           "ext_modules=cythonize('abi_cython.pyx', language_level=3))"
    (tmp_path / "abi_cython.pyx").write_bytes((HERE / "capi" / "abi_cython.pyx").read_bytes())
    subprocess.run([sys.executable, "-c", code, "-q", "build_ext", "--inplace"], cwd=tmp_path, check=True)
    module = load("abi_cython", next(tmp_path.glob("abi_cython.*.so")))
    net = make_network((3, 2), ["tanh"])
    assert module.n_in_times_n_out(net) == 6
    with pytest.raises(ImportError, match=r"compiled for ABI version 2, the library has version 1 \(fastjac.fj_net"):
        module.n_in_times_n_out(net, newer=1)
    with pytest.raises(ImportError, match="datetime.datetime_CAPI"):
        module.n_in_times_n_out(Impostor(datetime.datetime_CAPI))


# ---------------------------------------------------------------- the pages


@pytest.mark.parametrize("page", ["c", "cython", "numba"])
def test_pages_show_the_files(page):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    shown = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```", text, re.M | re.S)
    assert shown
    for path, block in shown:
        assert block == (ROOT / path).read_text(encoding="utf-8"), f"docs/{page}.md: not as in {path}"


def test_page_on_c_runs(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "c.md").read_text(encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"^```python\n(.*?)^```", text, re.M | re.S)[1], {})
