import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { SimulatedUnit } from '../../../simulator/modbus/device.ts';
import { SimulatedModbusRtu } from '../../../simulator/modbus/serial.ts';
import { SimulatedModbusTcp } from '../../../simulator/modbus/tcp.ts';
import { noMbpoll, noPymodbus, PYTHON } from '../../support/modbus-peers.ts';
import { noPty, openPtyPair } from '../../support/pty.ts';

const run = promisify(execFile);
/** Line feeds and returns among them, which a terminal that is not raw would turn. */
const WORDS = [0, 1, 0x0a0d, 13, 0x1104, 65_535, 0x1a1c];
const COILS = [1, 0, 0, 1, 1, 1, 0, 0, 1];

function unit(): SimulatedUnit {
  const made = new SimulatedUnit({
    ranges: { holding: [[0, 99]], input: [[0, 9]], coil: [[0, 19]] },
    identity: { objects: { 0: 'Simulated', 1: 'U', 2: '1' }, serverId: 'SIM' },
  });
  made.set('holding', 0, WORDS);
  made.set('coil', 0, COILS);
  made.write({ table: 'input', address: 0, type: 'float32' }, 1523.5);
  return made;
}

async function overTcp(t: Test): Promise<string> {
  const server = new SimulatedModbusTcp({ units: new Map([[7, unit()]]) });
  t.teardown(() => server.stop());
  return new URL(await server.start()).port;
}

/** The path of the terminal from which the units are reached. */
async function overPty(t: Test): Promise<string> {
  const pair = await openPtyPair(t.testdir());
  const server = new SimulatedModbusRtu({ path: pair.paths[1], units: new Map([[7, unit()]]) });
  await server.start();
  t.teardown(async () => {
    await server.stop();
    await pair[Symbol.asyncDispose]();
  });
  return pair.paths[0];
}

/** Values by address as mbpoll prints them, e.g. `[1]: 65535 (-1)`. */
async function mbpoll(link: readonly string[], table: string, count: number): Promise<number[]> {
  const { stdout } = await run('mbpoll', [
    ...link.slice(0, -1),
    '-a',
    '7',
    '-t',
    table,
    '-r',
    '1',
    '-c',
    String(count),
    '-1',
    '-q',
    ...link.slice(-1),
  ]);
  return [...stdout.matchAll(/^\[\d+\]:\s+(\S+)/gm)].map(([, value]) => Number(value));
}

async function readByMbpoll(t: Test, link: readonly string[]): Promise<void> {
  t.same(await mbpoll(link, '4', WORDS.length), WORDS);
  t.same(await mbpoll(link, '0', COILS.length), COILS);
  t.same(await mbpoll([...link.slice(0, -1), '-B', ...link.slice(-1)], '3:float', 1), [1523.5]);
}

t.test('libmodbus reads it over TCP', { skip: noMbpoll }, async (t) => {
  await readByMbpoll(t, ['-m', 'tcp', '-p', await overTcp(t), '127.0.0.1']);
});

t.test('libmodbus reads it over RTU', { skip: noMbpoll || noPty }, async (t) => {
  await readByMbpoll(t, ['-m', 'rtu', '-b', '19200', '-P', 'none', await overPty(t)]);
});

/** Reads, writes, reads back, runs into a hole, and asks who it is. */
const SCRIPT = `
import json, sys
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.mei_message import ReadDeviceInformationRequest
from pymodbus.payload import BinaryPayloadDecoder
from pymodbus.constants import Endian
kind, where = sys.argv[1:]
client = ModbusTcpClient("127.0.0.1", port=int(where)) if kind == "tcp" else ModbusSerialClient(where, baudrate=19200, parity="N", timeout=2)
assert client.connect()
words = client.read_holding_registers(0, ${WORDS.length}, slave=7).registers
coils = [int(bit) for bit in client.read_coils(0, ${COILS.length}, slave=7).bits[:${COILS.length}]]
decoder = BinaryPayloadDecoder.fromRegisters(client.read_input_registers(0, 2, slave=7).registers, byteorder=Endian.Big, wordorder=Endian.Big)
client.write_registers(20, [0x12, 6, 7], slave=7)
client.write_register(23, 8, slave=7)
client.write_coils(10, [True, False, True], slave=7)
client.mask_write_register(address=20, and_mask=0xF2, or_mask=0x25, unit=7)
written = client.read_holding_registers(20, 4, slave=7).registers
hole = client.read_holding_registers(99, 2, slave=7)
many = client.readwrite_registers(read_address=20, read_count=2, write_address=30, write_registers=[1, 2], unit=7)
info = client.execute(ReadDeviceInformationRequest(0x01, 0x00, unit=7)).information
print(json.dumps({"words": words, "coils": coils, "float": decoder.decode_32bit_float(), "written": written,
  "coilsWritten": [int(bit) for bit in client.read_coils(10, 3, slave=7).bits[:3]], "hole": hole.exception_code,
  "exchanged": many.registers, "vendor": info[0].decode()}))
client.close()
`;
const READ = {
  words: WORDS,
  coils: COILS,
  float: 1523.5,
  // (0x12 AND 0xF2) OR (0x25 AND NOT 0xF2), as in the specification, 6.16
  written: [0x17, 6, 7, 8],
  coilsWritten: [1, 0, 1],
  hole: 2,
  exchanged: [0x17, 6],
  vendor: 'Simulated',
};

t.test('pymodbus reads and writes it over TCP', { skip: noPymodbus }, async (t) => {
  const { stdout } = await run(PYTHON, ['-c', SCRIPT, 'tcp', await overTcp(t)]);
  t.same(JSON.parse(stdout), READ);
});

t.test('pymodbus reads and writes it over RTU', { skip: noPymodbus || noPty }, async (t) => {
  const { stdout } = await run(PYTHON, ['-c', SCRIPT, 'rtu', await overPty(t)]);
  t.same(JSON.parse(stdout), READ);
});
