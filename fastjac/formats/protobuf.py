"""The wire format of protocol buffers: messages of known fields, read without a copy.

A message is a row of (key, value); the key holds the field's number and one of four forms of value: a
varint, 8 bytes, a length with as many bytes, 4 bytes. Names and types come from a table:

    {number: (name, kind)}      kind: a name of `SCALARS`, "bytes", "text", or the table of a message;
                                [kind] if it is repeated

Fields that no table names are skipped, as the format wants it. What is read is bounded by the bytes that are
there: a length beyond the end is an error before anything is made of it.
"""

from array import array

from fastjac.formats.errors import ModelFormatError

# kind -> (form on the wire, type code of array.array)
SCALARS = {"int": (0, "q"), "float": (5, "f"), "double": (1, "d")}
SIZES = {1: 8, 5: 4}
EMPTY = {"int": 0, "float": 0.0, "double": 0.0, "bytes": b"", "text": ""}

# An empty message takes two bytes in a file and a hundred as an object.
MOST_MESSAGES = 2**16


class Message:
    """Fields as attributes; one that is missing has the format's default: 0, empty, or an empty message."""

    __slots__ = ("_fields", "_table")

    def __init__(self, table):
        self._table = table
        self._fields = {}

    def __getattr__(self, name):
        if name in self._fields:
            return self._fields[name]
        for known, kind in self._table.values():
            if known == name:
                if isinstance(kind, list):
                    return ()
                return Message(kind) if isinstance(kind, dict) else EMPTY[kind]
        raise AttributeError(name)


class Reader:
    """Reads one file; `where` opens every error message."""

    def __init__(self, where):
        self.where = where
        self.n_messages = 0

    def fail(self, at, expected, got):
        raise ModelFormatError(f"{self.where}, byte {at}: expected {expected}, got {got}")

    def message(self, data, table, start=0, stop=None):
        """The message in data[start:stop]; `data` is a memoryview of bytes."""
        self.n_messages += 1
        if self.n_messages > MOST_MESSAGES:
            self.fail(start, f"at most {MOST_MESSAGES} messages", "more")
        message = Message(table)
        fields = message._fields
        stop = len(data) if stop is None else stop
        at = start
        while at < stop:
            key_at = at
            key, at = self._varint(data, at, stop)
            number, form = key >> 3, key & 7
            if form == 0:
                value, at = self._varint(data, at, stop)
                end = at
            else:
                if form == 2:
                    n_bytes, at = self._varint(data, at, stop)
                elif form in SIZES:
                    n_bytes = SIZES[form]
                else:
                    self.fail(key_at, "a field of protocol buffers", f"the wire type {form}")
                end = at + n_bytes
                if end > stop:
                    self.fail(key_at, f"{n_bytes} bytes", f"{stop - at} up to the end")
                value = data[at:end]
            if number == 0:
                self.fail(key_at, "a field of protocol buffers", "the number 0")
            if number in table:
                self._store(fields, table[number], form, value, data, at, end, key_at)
            at = end
        return message

    def _store(self, fields, entry, form, value, data, at, end, key_at):
        name, kind = entry
        repeated = isinstance(kind, list)
        kind = kind[0] if repeated else kind
        wanted = SCALARS[kind][0] if isinstance(kind, str) and kind in SCALARS else 2
        packed = repeated and wanted != 2 and form == 2
        if form != wanted and not packed:
            self.fail(key_at, f"wire type {wanted} for {name!r}", form)
        if wanted != 2 and repeated:
            numbers = fields.setdefault(name, array(SCALARS[kind][1]))
            if wanted == 0:
                while packed and at < end:
                    value, at = self._varint(data, at, end)
                    numbers.append(_signed(value))
                if not packed:
                    numbers.append(_signed(value))
            elif len(value) % numbers.itemsize:
                self.fail(key_at, f"a multiple of {numbers.itemsize} bytes for {name!r}", f"{len(value)}")
            else:
                numbers.frombytes(value)
            return
        if not repeated and name in fields:
            self.fail(key_at, f"one {name!r}", "two")
        if kind == "int":
            value = _signed(value)
        elif isinstance(kind, dict):
            value = self.message(data, kind, at, end)
        elif kind == "text":
            try:
                value = str(value, "utf-8")
            except UnicodeDecodeError as error:
                self.fail(at + error.start, f"text in UTF-8 for {name!r}", f"the byte 0x{value[error.start]:02x}")
        elif kind in SCALARS:
            value = array(SCALARS[kind][1], bytes(value))[0]
        if repeated:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value

    def _varint(self, data, at, stop):
        value = shift = 0
        start = at
        while True:
            if at >= stop:
                self.fail(start, "an integer", "the end")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                self.fail(start, "an integer of at most 10 bytes", "more")
        return value & (2**64 - 1), at


def _signed(value):
    return value - 2**64 if value >= 2**63 else value
