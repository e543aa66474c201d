"""The kernels, built for the platform's baseline."""

include "kernels.pxi"
