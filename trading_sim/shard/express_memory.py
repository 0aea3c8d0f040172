"""How the express path sees memory: arrays made from addresses, and the checksum of the journal, within compiled code.

A compiled function that is given twenty arrays spends four microseconds on taking them over; one that is given a list of addresses
spends a tenth of one. The owner of the arrays keeps them alive and the addresses fresh.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from trading_sim.jit import inlined


@intrinsic
def array_at(typing_context, address, length, dtype):
    """The one-dimensional array of `length` elements of `dtype` at an address."""
    element = dtype.dtype
    array = types.Array(element, 1, "C")

    def generate(context, builder, signature, arguments):
        made = make_array(array)(context, builder)
        data_type = context.get_data_type(element)
        size = context.get_constant(types.intp, context.get_abi_sizeof(data_type))
        data = builder.inttoptr(arguments[0], data_type.as_pointer())
        populate_array(made, data=data, shape=[arguments[1]], strides=[size], itemsize=size, meminfo=None)
        return made._getvalue()

    return array(types.int64, types.int64, dtype), generate


def checksum_tables() -> np.ndarray:
    """u4[8 * 256]: tables of CRC32C for eight bytes at a time (Kounavis and Berry 2005, "slicing by 8")."""
    tables = np.zeros((8, 256), np.uint32)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        tables[0, byte] = value
    for slice_ in range(1, 8):
        before = tables[slice_ - 1]
        tables[slice_] = (before >> 8) ^ tables[0][before & 0xFF]
    return tables.reshape(-1)


@inlined
def checksum(tables, value, data, first, last):
    """CRC32C register after bytes first … last-1 of `data`, from the register `value` before them (not inverted here)."""
    crc = np.uint64(value)
    low = np.uint64(0xFF)
    at = first
    while at + 8 <= last:
        word = np.uint64(0)
        for i in range(8):
            word |= np.uint64(data[at + i]) << np.uint64(8 * i)
        word ^= crc
        crc = np.uint64(0)
        for i in range(8):
            crc ^= np.uint64(tables[(7 - i) * 256 + np.int64((word >> np.uint64(8 * i)) & low)])
        at += 8
    while at < last:
        crc = (crc >> np.uint64(8)) ^ np.uint64(tables[np.int64((crc ^ np.uint64(data[at])) & low)])
        at += 1
    return crc


@inlined
def put_u32(data, at, value):
    """Write four bytes, least significant first."""
    for i in range(4):
        data[at + i] = np.uint8((np.uint64(value) >> np.uint64(8 * i)) & np.uint64(0xFF))


@inlined
def put_u64(data, at, value):
    """Write eight bytes, least significant first."""
    for i in range(8):
        data[at + i] = np.uint8((np.uint64(value) >> np.uint64(8 * i)) & np.uint64(0xFF))
