"""python setup.py build_ext --inplace: the Cython module, for the fastjac that is installed."""

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    name="gauss_points",
    ext_modules=cythonize([Extension("gauss_points_cython", ["gauss_points_cython.pyx"])], language_level=3),
)
