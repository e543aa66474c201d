"""Checks of what a user passes to an export: functions, a name in C, a path."""

import os
import re

FUNCTIONS = ("value", "jacobian", "value_and_jacobian", "jvp", "vjp")

# Longest name of an exported function is 27 characters more; Fortran takes 63.
MAX_N_CHARACTERS = 32

C_KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
"""
CXX_KEYWORDS = """
    alignas alignof and and_eq asm bitand bitor bool catch char8_t char16_t char32_t class co_await co_return co_yield
    compl concept consteval constexpr constinit const_cast decltype delete dynamic_cast explicit export false friend
    mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public reinterpret_cast
    requires static_assert static_cast template this thread_local throw true try typeid typename typeof using virtual
    wchar_t xor xor_eq
"""
KEYWORDS = frozenset(f"{C_KEYWORDS} {CXX_KEYWORDS}".split())

# Names in the headers that the text includes, and what every program has; those in MATH also end in f and l.
MATH = """
    acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p
    log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint llrint
    round lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma j0 j1 jn y0 y1
    yn gamma
"""
OTHERS = """
    main abs exit malloc calloc realloc free printf signgam NAN INFINITY NULL offsetof ptrdiff_t size_t
    memcpy memmove memset memcmp memchr strcpy strcat strcmp strlen index rindex
"""
TAKEN = frozenset([name + end for name in MATH.split() for end in ("", "f", "l")] + OTHERS.split())


def as_functions(functions):
    """The functions asked for, in the order of `FUNCTIONS`."""
    if isinstance(functions, str):
        functions = (functions,)
    try:
        functions = tuple(functions)
    except TypeError:
        raise TypeError(f"functions: expected a sequence of names, got {type(functions).__name__}") from None
    unknown = [name for name in functions if name not in FUNCTIONS]
    if unknown:
        raise ValueError(f"functions: expected some of {', '.join(map(repr, FUNCTIONS))}, got {unknown[0]!r}")
    if not functions:
        raise ValueError(f"functions: expected some of {', '.join(map(repr, FUNCTIONS))}, got none")
    return tuple(name for name in FUNCTIONS if name in functions)


def check_name(name):
    """Raise unless `name` can be a function in C, C++ and Fortran, and the start of others."""
    if not isinstance(name, str):
        raise TypeError(f"name: expected text, got {type(name).__name__}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII):
        raise ValueError(f"name: expected a letter, then letters, digits and underscores, got {name!r}")
    if name in KEYWORDS:
        raise ValueError(f"name: expected a name that is free, got {name!r}, a keyword of C or C++")
    if name in TAKEN:
        raise ValueError(f"name: expected a name that is free, got {name!r}, which the C library has")
    if len(name) > MAX_N_CHARACTERS:
        raise ValueError(f"name: expected at most {MAX_N_CHARACTERS} characters, got {len(name)}: {name!r}")


def check_path(path):
    """The path as text; raise unless it is that of a C file."""
    path = os.fspath(path)
    if not isinstance(path, str):
        raise TypeError(f"path: expected text or a path, got {type(path).__name__}")
    if os.path.isdir(path):
        raise IsADirectoryError(f"path: expected a file such as 'net.c', got the directory {path!r}")
    stem, suffix = os.path.splitext(os.path.basename(path))
    if suffix != ".c" or not re.fullmatch(r"[\w.-]+", stem, re.ASCII):
        raise ValueError(
            "path: expected a file name of letters, digits, '_', '-' and '.' that ends in '.c', "
            f"got {os.path.basename(path)!r}")
    return path
