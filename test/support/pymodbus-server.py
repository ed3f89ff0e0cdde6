"""A Modbus device that is none of ours: Debian's pymodbus 3.0, TCP and RTU, with values of all types.

The registers are made by Python's struct, so that what a reader makes of them can be compared value by value.
Usage: pymodbus-server.py [SERIAL_PATH]. Prints one line of JSON once both servers accept: {"port", "values": [...]}.
Ends when its standard input ends.
"""
import asyncio
import json
import math
import struct
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.server.async_io import ModbusSerialServer, ModbusTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

SIZE = 1000
NUMBERS = {
    "int16": ("h", [0, 1, -1, 12345, -12345, 32767, -32768]),
    "uint16": ("H", [0, 1, 1523, 65535]),
    "int32": ("i", [0, -1, 1234567, -1234567, 2**31 - 1, -(2**31)]),
    "uint32": ("I", [0, 4711, 2**32 - 1]),
    "int64": ("q", [0, -1, 1234567890123, -1234567890123, 2**63 - 1, -(2**63), 2**53 + 1]),
    "uint64": ("Q", [0, 2**53 - 1, 2**53 + 1, 2**64 - 1]),
    "float32": ("f", [0.0, -0.0, 1523.5, -17.25, 1e-38, 1e-45, 3.4e38, math.nan, math.inf, -math.inf]),
    "float64": ("d", [0.0, 3.141592653589793, -1e300, 5e-324, math.nan, math.inf, -math.inf]),
}
DECIMALS = {"bcd16": (2, [0, 7, 1999, 9999]), "bcd32": (4, [0, 1234, 90210375, 99999999])}
TEXTS = ["O1001 HOUSING", "A", "", "Fr\xe4sen"]


def arranged(data, order):
    """Big-endian bytes as a device of that order has them in its registers."""
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [word[::-1] for word in words]
    return [word[0] * 256 + word[1] for word in words]


def told(value):
    """What a reader has to make of a number: exact as text where JSON's readers lose digits, null where there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, int) and abs(value) > 2**53 - 1 else value


class Registers:
    def __init__(self, unit, table):
        self.unit, self.table, self.values, self.words = unit, table, [], []

    def add(self, kind, order, data, value, **more):
        at = len(self.words)
        self.words += arranged(data, order)
        place = {"unit": self.unit, "table": self.table, "address": at, "type": kind, "order": order}
        self.values.append({**place, **more, "value": value})

    def block(self):
        return ModbusSequentialDataBlock(0, self.words + [0] * (SIZE - len(self.words)))


def fill(registers):
    for order in ("ABCD", "CDAB", "BADC", "DCBA"):
        for kind, (code, numbers) in NUMBERS.items():
            for number in numbers:
                data = struct.pack(">" + code, number)
                registers.add(kind, order, data, told(struct.unpack(">" + code, data)[0]))
        for kind, (size, numbers) in DECIMALS.items():
            for number in numbers:
                registers.add(kind, order, bytes.fromhex(str(number).zfill(size * 2)), number)
    for order in ("ABCD", "BADC"):
        for text in TEXTS:
            registers.add("string", order, text.encode("latin-1").ljust(16, b"\0"), text, length=16)


def bits(unit, table, first):
    pattern = [(at * at + first) % 3 == 0 for at in range(40)]
    values = [
        {"unit": unit, "table": table, "address": at, "type": "bool", "value": bit} for at, bit in enumerate(pattern)
    ]
    return ModbusSequentialDataBlock(0, [int(bit) for bit in pattern]), values


def units():
    contexts, values = {}, []
    for unit in (1, 17):
        holding, inputs = Registers(unit, "holding"), Registers(unit, "input")
        fill(holding)
        # Unit 17 holds something else at the same addresses.
        for number in range(unit):
            inputs.add("uint16", "ABCD", struct.pack(">H", 100 * unit + number), 100 * unit + number)
        fill(inputs)
        coils, coil_values = bits(unit, "coil", unit)
        discretes, discrete_values = bits(unit, "discrete", unit + 1)
        values += holding.values + inputs.values + coil_values + discrete_values
        contexts[unit] = ModbusSlaveContext(
            di=discretes, co=coils, hr=holding.block(), ir=inputs.block(), zero_mode=True
        )
    return ModbusServerContext(slaves=contexts, single=False), values


async def main():
    context, values = units()
    identity = ModbusDeviceIdentification(
        info_name={"VendorName": "pymodbus", "ProductCode": "PM", "MajorMinorRevision": "3.0"}
    )
    tcp = ModbusTcpServer(context, ModbusSocketFramer, identity, ("127.0.0.1", 0), ignore_missing_slaves=True)
    serving = asyncio.ensure_future(tcp.serve_forever())
    await tcp.serving
    if len(sys.argv) > 1:
        line = {"baudrate": 19200, "parity": "N", "ignore_missing_slaves": True}
        await ModbusSerialServer(context, ModbusRtuFramer, identity, port=sys.argv[1], **line).start()
    port = tcp.server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "values": values}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving.cancel()


asyncio.run(main())
