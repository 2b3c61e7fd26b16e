"""The file: named arrays and one text, laid out as safetensors are.

That is: the size of a header, the header as JSON, then the arrays' bytes, one behind
the other. Any reader of safetensors reads it, and it needs no library: nothing in it is
compressed, so that nothing read from it is larger than the file, and every size is
compared with the file's before memory is taken. A zip of .npy files would need bounds
on what it unpacks to, and has headers in Python's syntax.
"""

import hashlib
import json
import os
import secrets
from math import prod
from pathlib import Path

import numpy as np

# As safetensors call them. bfloat16, which NumPy does not have, is stored as its bits.
CODES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
NAMES = {code: name for name, code in CODES.items()}
SIZE_BYTES = 8


def is_storable(array):
    """Whether an array has one of the dtypes that the file can hold."""
    return array.dtype.newbyteorder("<").str in NAMES


def _digest(text, table, data):
    digest = hashlib.sha256(json.dumps([text, table], sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()


def write(path, text, arrays, **labels):
    """Write a file, which takes the place of an older one only when it is whole.

    Parameters
    ----------
    path : str or path-like
    text : str
    arrays : dict of str to ndarray
        Written in C order.
    **labels : str
        Short texts to find in the header.
    """
    table, parts, end = {}, [], 0
    for name, array in arrays.items():
        code = array.dtype.newbyteorder("<").str
        part = np.ascontiguousarray(array, dtype=code).tobytes()
        table[name] = {
            "dtype": NAMES[code],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(part)],
        }
        parts.append(part)
        end += len(part)
    data = b"".join(parts)
    labels = {**labels, "state": text, "sha256": _digest(text, table, data)}
    header = json.dumps({"__metadata__": labels, **table}).encode()
    # So that the arrays begin at a multiple of eight bytes, which safetensors ask for.
    header += b" " * (-len(header) % SIZE_BYTES)
    _replace(Path(path), len(header).to_bytes(SIZE_BYTES, "little") + header + data)


def _replace(path, content):
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def split(content):
    """Return the labels, the table of arrays and the bytes of arrays of a file.

    Raises
    ------
    ValueError
        If the content has not the form of such a file.
    """
    size = int.from_bytes(content[:SIZE_BYTES], "little")
    if size > len(content) - SIZE_BYTES:
        raise ValueError("its header is not whole")
    table = json.loads(content[SIZE_BYTES : SIZE_BYTES + size])
    labels = table.pop("__metadata__")
    if not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("its labels are no texts")
    return labels, table, memoryview(content)[SIZE_BYTES + size :]


def arrays_of(labels, table, data):
    """Return the arrays by name, each a copy of its own.

    Raises
    ------
    ValueError
        If anything does not fit the checksum, or an array its bytes.
    """
    if _digest(labels["state"], table, data) != labels["sha256"]:
        raise ValueError("its content does not fit its checksum")
    arrays, end = {}, 0
    for name, entry in table.items():
        code, shape = CODES[entry["dtype"]], entry["shape"]
        begin, stop = entry["data_offsets"]
        if not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError(f"array {name} has the shape {shape}")
        size = prod(shape) * np.dtype(code).itemsize
        # One behind the other, each byte in one array: no file means more than it has.
        if begin != end or stop != begin + size or stop > len(data):
            raise ValueError(f"array {name} does not fit its bytes")
        stored = np.ndarray(shape, code, buffer=data, offset=begin)
        arrays[name] = stored.astype(stored.dtype.newbyteorder("="))
        end = stop
    if end != len(data):
        raise ValueError("there is more behind its arrays")
    return arrays
