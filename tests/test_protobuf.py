"""The wire format of protocol buffers, with bytes written by hand from its description."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastjac.formats.errors import ModelFormatError
from fastjac.formats.protobuf import MOST_MESSAGES, Message, Reader

INNER = {1: ("n", "int"), 2: ("label", "text")}
TABLE = {
    1: ("n", "int"), 2: ("text", "text"), 3: ("data", "bytes"), 4: ("inner", INNER), 5: ("list", [INNER]),
    6: ("ints", ["int"]), 7: ("floats", ["float"]), 8: ("f", "float"), 9: ("doubles", ["double"]), 10: ("d", "double"),
    11: ("texts", ["text"]),
}  # fmt: skip


def varint(n):
    n %= 2**64
    data = b""
    while n > 0x7F:
        data += bytes([n & 0x7F | 0x80])
        n >>= 7
    return data + bytes([n])


def entry(number, form, data):
    return varint(number << 3 | form) + data


def sized(number, data):
    return entry(number, 2, varint(len(data)) + data)


def read(data):
    return Reader("file").message(memoryview(data), TABLE)


def test_defaults():
    message = read(b"")
    assert (message.n, message.text, message.data, message.f, message.d) == (0, "", b"", 0.0, 0.0)
    assert len(message.ints) == len(message.list) == 0
    assert (message.inner.n, message.inner.label) == (0, "")
    with pytest.raises(AttributeError):
        _ = message.other


@pytest.mark.parametrize("n", [0, 1, 127, 128, 2**31, 2**63 - 1, -1, -(2**63)])
def test_integers(n):
    assert read(entry(1, 0, varint(n))).n == n


def test_every_kind():
    inner = entry(1, 0, varint(3)) + sized(2, b"a")
    data = (
        sized(2, "ä".encode()) + sized(3, b"\0\xff") + sized(4, inner) + sized(5, inner) + sized(5, b"")
        + entry(8, 5, struct.pack("<f", 0.5)) + entry(10, 1, struct.pack("<d", 0.1)) + sized(11, b"x") + sized(11, b"y")
    )  # fmt: skip
    message = read(data)
    assert (message.text, bytes(message.data), message.f, message.d) == ("ä", b"\0\xff", 0.5, 0.1)
    assert (message.inner.n, message.inner.label, [m.n for m in message.list]) == (3, "a", [3, 0])
    assert message.texts == ["x", "y"]


def test_repeated_numbers_packed_and_one_by_one():
    """A reader must take both, and both in one message."""
    packed = sized(6, varint(1) + varint(300)) + sized(7, struct.pack("<2f", 1, 2)) + sized(9, struct.pack("<d", 3))
    single = entry(6, 0, varint(-1)) + entry(7, 5, struct.pack("<f", 3)) + entry(9, 1, struct.pack("<d", 4))
    message = read(packed + single)
    assert list(message.ints) == [1, 300, -1]
    assert list(message.floats) == [1, 2, 3]
    assert np.asarray(message.doubles).tolist() == [3, 4]


def test_unknown_fields_are_skipped():
    unknown = entry(99, 0, varint(7)) + sized(98, b"abc") + entry(97, 5, b"1234") + entry(96, 1, b"12345678")
    assert read(unknown + entry(1, 0, varint(5))).n == 5


BROKEN = {
    "cut key": (b"\x80", "byte 0: expected an integer, got the end"),
    "cut length": (b"\x12\x80", "byte 1: expected an integer, got the end"),
    "length beyond the end": (b"\x12\x05ab", "byte 0: expected 5 bytes, got 2 up to the end"),
    "huge length": (b"\x12" + varint(2**63), "expected 9223372036854775808 bytes, got 0"),
    "endless integer": (b"\x08" + b"\x80" * 11, "byte 1: expected an integer of at most 10 bytes, got more"),
    "group": (entry(1, 3, b""), "got the wire type 3"),
    "number 0": (sized(0, b""), "got the number 0"),
    "other type": (entry(2, 0, b"\1"), "expected wire type 2 for 'text', got 0"),
    "text for a number": (sized(1, b"\1"), "expected wire type 0 for 'n', got 2"),
    "twice": (entry(1, 0, b"\1") * 2, "byte 2: expected one 'n', got two"),
    "no text": (sized(2, b"a\xff"), "byte 3: expected text in UTF-8 for 'text', got the byte 0xff"),  # case 91
    "part of a number": (sized(7, b"12345"), "expected a multiple of 4 bytes for 'floats', got 5"),
    "inner message beyond its end": (sized(4, b"\x12\x05ab") + b"cde", "expected 5 bytes, got 2"),
}


@pytest.mark.parametrize("data, message", BROKEN.values(), ids=BROKEN)
def test_broken(data, message):
    with pytest.raises(ModelFormatError, match="^file, byte ") as caught:
        read(data)
    assert message in str(caught.value)


def test_many_empty_messages():
    """Case 85: two bytes each."""
    data = sized(5, b"") * (MOST_MESSAGES + 1)
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match=f"expected at most {MOST_MESSAGES} messages"):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(data) + 10 * 2**20


@given(st.binary(max_size=200))
def test_any_bytes(data):
    try:
        message = read(data)
    except ModelFormatError as error:
        message = error
    assert isinstance(message, Message) or str(message).startswith("file, byte ")
