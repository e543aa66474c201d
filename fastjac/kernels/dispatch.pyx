"""Which build of the kernels runs: the best that the CPU has, or a lower one on demand.

`FASTJAC_SIMD` (v2, v3, v4; baseline on other platforms than x86-64) is read once, at import.
A network keeps the build that was selected when it was made.
"""

import importlib
import os

from cpython.pycapsule cimport PyCapsule_GetPointer

from fastjac.kernels.api cimport kernels_t

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    static int fj_simd_level(void)
    {
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")))
            return 1;
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")))
            return 2;
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
              && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
              && __builtin_cpu_supports("avx512vl")))
            return 3;
        return 4;
    }
    #elif defined(_M_X64)
    #include <windows.h>
    static int fj_simd_level(void)
    {
        if (IsProcessorFeaturePresent(PF_AVX512F_INSTRUCTIONS_AVAILABLE)) return 4;
        if (IsProcessorFeaturePresent(PF_AVX2_INSTRUCTIONS_AVAILABLE)) return 3;
        return IsProcessorFeaturePresent(PF_SSE4_2_INSTRUCTIONS_AVAILABLE) ? 2 : 1;
    }
    #else
    static int fj_simd_level(void) { return 0; }
    #endif
    """
    int fj_simd_level() noexcept nogil

cdef const kernels_t* selected = NULL
cdef str selected_name = None

# Worst first, so that the last one is the default.
cdef tuple BUILDS = ("baseline",) if fj_simd_level() == 0 else ("v2", "v3", "v4")[:max(0, fj_simd_level() - 1)]


cdef const kernels_t* current_kernels() noexcept:
    return selected


def available():
    """Names of the builds that this CPU can run, the best last."""
    return BUILDS


def simd_level():
    """Name of the build that is selected."""
    return selected_name


def load(str name):
    """The module of one build, which must be among `available()`."""
    return importlib.import_module("fastjac.kernels." + name)


def select(str name):
    """Let the networks that are made from now on use the build `name`.

    Raises
    ------
    ValueError
        If this CPU does not run that build.
    """
    global selected, selected_name
    if name not in BUILDS:
        raise ValueError(f"SIMD level: expected one of {', '.join(BUILDS)} on this CPU, got {name!r}")
    selected = <const kernels_t*>PyCapsule_GetPointer(load(name).table, "fastjac.kernels.table")
    selected_name = name


if not BUILDS:
    raise ImportError("fastjac needs an x86-64 CPU with SSE4.2 (x86-64-v2), or another architecture")
try:
    select(os.environ.get("FASTJAC_SIMD") or BUILDS[-1])
except ValueError as error:
    raise ImportError(f"environment variable FASTJAC_SIMD: {error}") from None
