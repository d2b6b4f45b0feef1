# SPDX-License-Identifier: Apache-2.0
"""The protocol, read from proto/jobd.proto: dictionaries to bytes and back.

A second, independent writer and reader of the wire format, so that a test can say what jobctl never
would. `Schema.encode("Request", {"tag": 1, "ping": {}})` gives bytes; `Schema.decode("Reply", body)`
gives a dictionary with only the fields that are there. Enums are names, `bytes` fields are bytes.
Unknown names are an error in both directions: a test must not drift from the schema silently.
"""

import os
import re
import struct

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto", "jobd.proto")

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SCALARS = {
    "uint32": _VARINT, "uint64": _VARINT, "sint32": _VARINT, "bool": _VARINT, "fixed32": _FIXED32,
    "fixed64": _FIXED64, "string": _BYTES, "bytes": _BYTES,
}
_FIELD = re.compile(r"^(?:(required|optional|repeated)\s+)?(\w+)\s+(\w+)\s*=\s*(\d+)\s*;")


class Field:
    def __init__(self, name, number, kind, repeated):
        self.name, self.number, self.kind, self.repeated = name, number, kind, repeated


def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


class Schema:
    def __init__(self, path=PROTO):
        self.messages, self.enums = {}, {}
        block = None
        with open(path, encoding="utf-8") as f:
            for line in f:
                block = self._read_line(line.split("//")[0].strip(), block)

    def _read_line(self, line, block):
        opening = re.match(r"^(message|enum)\s+(\w+)\s*\{", line)
        if opening:
            block = (self.messages if opening.group(1) == "message" else self.enums).setdefault(opening.group(2), {})
            line = line[opening.end():].strip().rstrip("}")
        for part in re.findall(r"[^;]+;", line):
            field = _FIELD.match(part.strip())
            value = re.match(r"^(\w+)\s*=\s*(\d+)\s*;", part.strip())
            if field:
                label, kind, name, number = field.groups()
                block[name] = Field(name, int(number), kind, label == "repeated")
            elif value:
                block[value.group(1)] = int(value.group(2))
        return block

    def encode(self, message, values):
        out = bytearray()
        for name, value in values.items():
            field = self.messages[message][name]
            for one in value if field.repeated else [value]:
                out += self._encode_field(field, one)
        return bytes(out)

    def _encode_field(self, field, value):
        def key(wire):
            return varint(field.number << 3 | wire)

        if field.kind in self.messages:
            value = self.encode(field.kind, value)
        elif field.kind in self.enums:
            return key(_VARINT) + varint(self.enums[field.kind][value] if isinstance(value, str) else value)
        elif field.kind == "sint32":
            return key(_VARINT) + varint((value << 1) ^ (value >> 63))
        elif _SCALARS[field.kind] == _VARINT:
            return key(_VARINT) + varint(int(value))
        elif _SCALARS[field.kind] == _FIXED32:
            return key(_FIXED32) + struct.pack("<I", value)
        if isinstance(value, str):
            value = os.fsencode(value)
        return key(_BYTES) + varint(len(value)) + value

    def decode(self, message, data):
        fields = {f.number: f for f in self.messages[message].values()}
        values, at = {}, 0
        while at < len(data):
            key, at = read_varint(data, at)
            field, wire = fields[key >> 3], key & 7
            if wire == _VARINT:
                value, at = read_varint(data, at)
            elif wire == _FIXED32:
                value, at = struct.unpack_from("<I", data, at)[0], at + 4
            else:
                size, at = read_varint(data, at)
                value, at = data[at:at + size], at + size
            value = self._decode_value(field, value)
            if field.repeated:
                values.setdefault(field.name, []).append(value)
            else:
                values[field.name] = value
        return values

    def _decode_value(self, field, value):
        if field.kind in self.messages:
            return self.decode(field.kind, value)
        if field.kind in self.enums:
            return next((n for n, v in self.enums[field.kind].items() if v == value), value)
        if field.kind == "sint32":
            return (value >> 1) ^ -(value & 1)
        if field.kind == "bool":
            return bool(value)
        if field.kind == "string":
            return value.decode()
        return value
