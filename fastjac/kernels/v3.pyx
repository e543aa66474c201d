"""The kernels, built for x86-64-v3 (AVX2, FMA)."""

include "kernels.pxi"
