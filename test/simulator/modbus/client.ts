import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Bytes as text, e.g. `03 00 6b 00 03`, for requests and answers as the specification prints them. */
export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
export const text = (bytes: Buffer | undefined): string => (bytes?.toString('hex') ?? '').replace(/(..)(?=.)/g, '$1 ');

/** A bare client: sends bytes and waits for bytes. */
export class RawClient {
  readonly stream: Duplex;
  #received: Buffer = Buffer.alloc(0);

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    stream.on('error', () => undefined);
  }

  send(bytes: Buffer): void {
    this.stream.write(bytes);
  }

  /** The next bytes, once there are so many. */
  async take(count: number): Promise<Buffer> {
    while (this.#received.length < count) await once(this.stream, 'data');
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** What came and was not taken. */
  get rest(): Buffer {
    return this.#received;
  }
}

/** Connects to host:port of a URL. */
export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return new RawClient(socket);
}

/** A Modbus/TCP frame. */
export function mbap(transaction: number, unit: number, pdu: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header[6] = unit;
  return Buffer.concat([header, pdu]);
}
