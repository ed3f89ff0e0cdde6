import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { crc16 } from '../../../src/drivers/modbus/crc.ts';

/** One request as it came to the device. */
export interface Asked {
  readonly unit: number;
  readonly code: number;
  readonly address: number;
  readonly quantity: number;
  /** On the monotonic clock, in milliseconds. */
  readonly at: number;
}

/** What a unit does with a request: data, an exception, silence, or other bytes than the right ones. */
export type Answer = { readonly exception: number } | { readonly data: Buffer } | 'silence' | { readonly raw: Buffer };

/** Registers count up from 0 at address 0, so that each tells its own address. */
export const counting = ({ code, address, quantity }: Asked): { data: Buffer } => {
  if (code <= 2) return { data: Buffer.alloc(Math.ceil(quantity / 8), 0b10101010 >> (address & 1)) };
  const data = Buffer.alloc(quantity * 2);
  for (let i = 0; i < quantity; i++) data.writeUInt16BE((address + i) & 0xffff, i * 2);
  return { data };
};

/**
 * A device that answers as the test tells it to; `delay` is the milliseconds before an answer. It parses frames by itself,
 * so that a mistake of the driver's framing is not made twice.
 */
export class Device {
  readonly asked: Asked[] = [];
  answer: (asked: Asked) => Answer = counting;
  delay: (asked: Asked) => number = () => 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  readonly #timers = new Set<NodeJS.Timeout>();

  get connections(): number {
    return this.#sockets.size;
  }

  /** How many connections there have been. */
  connected = 0;

  async listen(port = 0): Promise<number> {
    this.#server = createServer((socket) => {
      this.connected += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      this.#serveTcp(socket);
    });
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.cut();
    const server = this.#server;
    if (server?.listening !== true) return;
    server.close();
    await once(server, 'close');
  }

  #serveTcp(socket: Socket): void {
    let buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 6 && buffer.length >= 6 + buffer.readUInt16BE(4)) {
        const frame = buffer.subarray(0, 6 + buffer.readUInt16BE(4));
        buffer = buffer.subarray(frame.length);
        this.#ask(
          frame[6] as number,
          frame.subarray(7),
          (unit, pdu) => {
            const header = Buffer.from(frame.subarray(0, 7));
            header.writeUInt16BE(pdu.length + 1, 4);
            header[6] = unit;
            if (socket.writable) socket.write(Buffer.concat([header, pdu]));
          },
          (raw) => socket.write(raw),
        );
      }
    });
  }

  /** Serves RTU frames; all reads are eight bytes long. */
  serveRtu(stream: Duplex): void {
    let buffer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 8) {
        const frame = buffer.subarray(0, 8);
        if (crc16(frame.subarray(0, 6)) !== frame.readUInt16LE(6)) {
          buffer = buffer.subarray(1);
          continue;
        }
        buffer = buffer.subarray(8);
        this.#ask(
          frame[0] as number,
          frame.subarray(1, 6),
          (unit, pdu) => {
            const body = Buffer.concat([Buffer.from([unit]), pdu]);
            const crc = Buffer.alloc(2);
            crc.writeUInt16LE(crc16(body));
            stream.write(Buffer.concat([body, crc]));
          },
          (raw) => stream.write(raw),
        );
      }
    });
  }

  #ask(unit: number, pdu: Buffer, send: (unit: number, pdu: Buffer) => void, sendRaw: (raw: Buffer) => void): void {
    const [code = 0] = pdu;
    const asked = { unit, code, address: pdu.readUInt16BE(1), quantity: pdu.readUInt16BE(3), at: performance.now() };
    this.asked.push(asked);
    const answer = this.answer(asked);
    if (answer === 'silence') return;
    const act = () => {
      if ('raw' in answer) sendRaw(answer.raw);
      else if ('exception' in answer) send(unit, Buffer.from([code | 0x80, answer.exception]));
      else send(unit, Buffer.concat([Buffer.from([code, answer.data.length]), answer.data]));
    };
    const delay = this.delay(asked);
    if (delay === 0) {
      act();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delay);
    this.#timers.add(timer);
  }
}
