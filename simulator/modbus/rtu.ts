import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { crc } from './crc.ts';
import type { SimulatedUnit } from './device.ts';
import type { ModbusFault } from './fault.ts';
import { requestLength } from './request-length.ts';
import { ConnectionServer, type ServerOptions } from './server.ts';
import { Wire } from './wire.ts';

const BROADCAST = 0;
const CRC_BYTES = 2;
/** A pseudo-terminal has no time of its own: what stays incomplete for so long is noise. */
const SILENCE_MS = 50;

/**
 * Serves units on byte streams, which stay their owner's. Unknown units stay silent; a broadcast is carried out by all
 * and answered by none (Modbus over Serial Line 1.02, 2.1).
 * @returns what ends it
 */
export function serveRtu(input: Readable, output: Writable, units: ReadonlyMap<number, SimulatedUnit>): () => void {
  const wire = new Wire(output);
  let buffer: Buffer = Buffer.alloc(0);
  let silence: NodeJS.Timeout | undefined;
  const take = (chunk: Buffer) => {
    clearTimeout(silence);
    buffer = Buffer.concat([buffer, chunk]);
    for (let length = requestLength(buffer); buffer.length >= length; length = requestLength(buffer)) {
      const isWhole = crc(buffer.subarray(0, length - CRC_BYTES)) === buffer.readUInt16LE(length - CRC_BYTES);
      if (isWhole) answer(wire, units, buffer[0] as number, buffer.subarray(1, length - CRC_BYTES));
      buffer = buffer.subarray(isWhole ? length : 1);
    }
    silence = setTimeout(() => {
      buffer = Buffer.alloc(0);
    }, SILENCE_MS);
  };
  input.on('data', take);
  return () => {
    input.off('data', take);
    clearTimeout(silence);
    wire.close();
  };
}

function answer(wire: Wire, units: ReadonlyMap<number, SimulatedUnit>, id: number, pdu: Buffer): void {
  if (id === BROADCAST) {
    for (const unit of units.values()) unit.respond(pdu);
    return;
  }
  const response = units.get(id)?.respond(pdu);
  if (response?.pdu !== undefined) wire.answer(response.pdu, response.faults, (body, faults) => rtu(id, body, faults));
}

function rtu(unit: number, pdu: Buffer, faults: readonly ModbusFault[]): Buffer {
  const body = Buffer.concat([Buffer.of(faults.some(({ kind }) => kind === 'unit') ? unit ^ 0x55 : unit), pdu]);
  const frame = Buffer.concat([body, Buffer.alloc(CRC_BYTES)]);
  const damage = faults.some(({ kind }) => kind === 'crc') ? 0x0101 : 0;
  frame.writeUInt16LE(crc(body) ^ damage, body.length);
  return frame;
}

/** RTU frames over TCP, as serial device servers carry them. */
export class SimulatedModbusRtuTcp {
  readonly server: ConnectionServer;

  constructor({ units, ...options }: ServerOptions & { readonly units: ReadonlyMap<number, SimulatedUnit> }) {
    this.server = new ConnectionServer(options, (socket: Socket) => serveRtu(socket, socket, units));
  }

  /** Resolves with modbus+rtutcp://host:port, without a unit. */
  async start(): Promise<string> {
    return `modbus+rtutcp://${await this.server.start()}`;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
