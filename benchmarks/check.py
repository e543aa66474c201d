"""Run every benchmark once and hold its result against its reference: python benchmarks/check.py."""

import importlib
import inspect
import itertools
import pkgutil
import subprocess
import sys

import numpy as np
import suites

KINDS = ("time", "track", "peakmem", "timeraw")
TOLERANCE = {"float64": 1e-8, "float32": 2e-4}


def compare(result, expected):
    """Largest error, relative to the largest magnitude of what was expected, within what the dtype allows."""
    if isinstance(expected, tuple):
        assert len(result) == len(expected), f"expected {len(expected)} results, got {len(result)}"
        for part, expected_part in zip(result, expected, strict=True):
            compare(part, expected_part)
        return
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.shape == expected.shape, f"expected shape {expected.shape}, got {result.shape}"
    error = np.max(np.abs(result - expected)) / np.max(np.abs(expected))
    allowed = TOLERANCE.get(result.dtype.name, 0)
    assert error <= allowed, f"expected a relative error of at most {allowed:g}, got {error:g}"


def check_method(instance, method, arguments):
    name = method.partition("_")[2]
    result = getattr(instance, method)(*arguments)
    if hasattr(instance, "check_" + name):
        getattr(instance, "check_" + name)(result, *arguments)
    else:
        compare(result, getattr(instance, "reference_" + name)(*arguments))


def benchmarks_of(owner):
    return [name for name in dir(owner) if name.partition("_")[0] in KINDS and callable(getattr(owner, name))]


def check_class(suite, n_checked=0):
    for arguments in itertools.product(*suite.params):
        for method in benchmarks_of(suite):
            instance = suite()
            getattr(instance, "setup", lambda *_: None)(*arguments)
            try:
                check_method(instance, method, arguments)
            except NotImplementedError as reason:  # as for ASV: what it needs is not there
                print(f"{suite.__module__}.{suite.__name__}.{method}{arguments}: left out, {reason}")
            except Exception as error:
                error.add_note(f"in {suite.__module__}.{suite.__name__}.{method}{arguments}")
                raise
            getattr(instance, "teardown", lambda *_: None)(*arguments)
            n_checked += 1
    return n_checked


def check_module(module):
    n_checked = 0
    for suite in vars(module).values():
        if inspect.isclass(suite) and suite.__module__ == module.__name__:
            n_checked += check_class(suite)
    for name in benchmarks_of(module):  # statements for a process of their own
        subprocess.run([sys.executable, "-c", getattr(module, name)()], check=True)
        n_checked += 1
    return n_checked


def main():
    for entry in pkgutil.iter_modules(suites.__path__, "suites."):
        if entry.name.startswith("suites.bench_"):
            n_checked = check_module(importlib.import_module(entry.name))
            assert n_checked, f"{entry.name} holds no benchmark"
            print(f"{entry.name.partition('.')[2]}: {n_checked} results as expected")


if __name__ == "__main__":
    main()
