"""The kernels, built for x86-64-v2 (SSE4.2)."""

include "kernels.pxi"
