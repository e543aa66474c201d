"""What compiled code relies on: the header's prototypes and the capsules of cython_api, against a frozen list.

    python tests/test_c_symbols.py > tests/c_symbols.txt

writes the list anew. A line that is new may be added; where one changes or goes, FJ_ABI_VERSION changes, and
with it the name of the capsule.
"""

import ctypes
import re
from pathlib import Path

import fastjac as fj
from fastjac import cython_api

FROZEN = Path(__file__).parent / "c_symbols.txt"
HEADER = Path(fj.get_include()) / "fastjac.h"
PXD = HEADER.parents[1] / "cython_api.pxd"


def spaced(text):
    return re.sub(r"\s*\*\s*", " *", re.sub(r"\s+", " ", text)).strip()


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def header_functions():
    """Prototypes of the inline functions by name."""
    found = re.findall(r"^static inline (.+?\b(fj_\w+)\(.*?\))\s*\{", without_comments(HEADER.read_text()), re.M | re.S)
    return {name: spaced(prototype) for prototype, name in found}


def table_functions():
    """The members of fj_functions that are pointers to functions, as prototypes of fj_…"""
    header = without_comments(HEADER.read_text())
    table = re.search(r"typedef struct fj_functions \{(.*?)\} fj_functions;", header, re.S)[1]
    found = re.findall(r"([\w ]+) \(\*(\w+)\)(\(.*?\));", table, re.S)
    return {f"fj_{name}": spaced(f"{kind} fj_{name}{parameters}") for kind, name, parameters in found}


def pxd_functions():
    text = re.sub(r"#.*", "", PXD.read_text())
    found = re.findall(r"^cdef (.+?\b(fj_\w+)\(.*?\)) (?:noexcept nogil|except NULL)", text, re.M | re.S)
    return {name: spaced(prototype) for prototype, name in found}


def capsules():
    """Names and signatures in `__pyx_capi__`."""
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    return {name: get(capsule).decode() for name, capsule in cython_api.__pyx_capi__.items()}


def symbols():
    numbers = re.findall(r"^#define (FJ_ABI_VERSION .+|FJ_CAPSULE_NAME .+)$", HEADER.read_text(), re.M)
    statuses = re.findall(r"^    (FJ_\w+ = \d+)", without_comments(HEADER.read_text()), re.M)
    lines = [*numbers, *statuses, *header_functions().values()]
    lines += [f"fj_functions[{place}] {text}" for place, text in enumerate(table_functions().values())]
    lines += [f"__pyx_capi__ {name} {signature}" for name, signature in sorted(capsules().items())]
    return "\n".join(lines) + "\n"


def test_symbols_are_frozen():
    assert symbols() == FROZEN.read_text()


def test_header_and_table_and_cython_agree():
    header, table, pxd = header_functions(), table_functions(), pxd_functions()
    assert len(table) == 7 + 20
    of_cython = {"fj_network_of", "fj_table"}
    assert header.keys() - {"fj_check_abi", "fj_network_of"} == pxd.keys() - of_cython
    assert table.keys() == pxd.keys() - of_cython - {"fj_status_message"}
    for name, prototype in table.items():
        assert pxd[name] == prototype
        if name != "fj_retain":  # for convenience it returns the handle
            assert header[name] == prototype


def test_numbers_agree():
    header, pxd = without_comments(HEADER.read_text()), PXD.read_text()
    assert re.findall(r"FJ_[A-Z_]+ = \d", header) == re.findall(r"FJ_(?!ABI)[A-Z_]+ = \d", pxd)
    version = re.search(r"FJ_ABI_VERSION (\d+)", header)[1]
    assert f"FJ_ABI_VERSION = {version}" in pxd
    assert f'FJ_CAPSULE_NAME "fastjac.fj_network_v{version}"' in header


if __name__ == "__main__":
    print(symbols(), end="")
