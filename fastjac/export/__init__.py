"""A network as source code of other languages: C99, with symbols for CasADi, and a Fortran module."""
