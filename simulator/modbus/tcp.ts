import type { Socket } from 'node:net';
import type { SimulatedUnit } from './device.ts';
import type { ModbusFault } from './fault.ts';
import { ConnectionServer, type ServerOptions } from './server.ts';
import { Wire } from './wire.ts';

/** Transaction, protocol, length (Modbus Messaging on TCP/IP 1.0b, 3.1.3); the unit is counted by the length. */
const HEADER_BYTES = 6;
const MAX_LENGTH = 254;
/** The gateway's target did not answer. */
const NO_TARGET = 0x0b;

export interface TcpOptions extends ServerOptions {
  readonly units: ReadonlyMap<number, SimulatedUnit>;
  /** What happens to requests for other units; default nothing at all, `exception` answers 0B as gateways do. */
  readonly absent?: 'silent' | 'exception';
}

/** A Modbus/TCP device, or a gateway with several units behind it. */
export class SimulatedModbusTcp {
  readonly #options: TcpOptions;
  readonly server: ConnectionServer;
  #url: string | undefined;

  constructor(options: TcpOptions) {
    this.#options = options;
    this.server = new ConnectionServer(options, (socket) => this.#serve(socket));
  }

  /** modbus://host:port, without a unit. */
  get url(): string {
    if (this.#url === undefined) throw new Error('it has not been started');
    return this.#url;
  }

  get connections(): number {
    return this.server.connections;
  }

  async start(): Promise<string> {
    this.#url = `modbus://${await this.server.start()}`;
    return this.#url;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  #serve(socket: Socket): () => void {
    const wire = new Wire(socket);
    let buffer: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= HEADER_BYTES) {
        const length = buffer.readUInt16BE(4);
        if (buffer.readUInt16BE(2) !== 0 || length < 2 || length > MAX_LENGTH) {
          socket.destroy();
          return;
        }
        if (buffer.length < HEADER_BYTES + length) return;
        this.#answer(wire, buffer.subarray(0, HEADER_BYTES + length));
        buffer = buffer.subarray(HEADER_BYTES + length);
      }
    });
    return () => wire.close();
  }

  #answer(wire: Wire, request: Buffer): void {
    const transaction = request.readUInt16BE(0);
    const id = request[HEADER_BYTES] as number;
    const pdu = request.subarray(HEADER_BYTES + 1);
    const frame = (body: Buffer, faults: readonly ModbusFault[]) => mbap(transaction, id, body, faults);
    const unit = this.#options.units.get(id);
    if (unit === undefined) {
      const refusal = Buffer.of((pdu[0] as number) | 0x80, NO_TARGET);
      if (this.#options.absent === 'exception') wire.answer(refusal, [], frame);
      return;
    }
    const response = unit.respond(pdu);
    if (response.pdu !== undefined) wire.answer(response.pdu, response.faults, frame);
  }
}

function mbap(transaction: number, unit: number, pdu: Buffer, faults: readonly ModbusFault[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES + 1);
  header.writeUInt16BE(faults.some(({ kind }) => kind === 'transaction') ? transaction ^ 0x5555 : transaction, 0);
  header.writeUInt16BE(1 + pdu.length, 4);
  header[HEADER_BYTES] = faults.some(({ kind }) => kind === 'unit') ? unit ^ 0x55 : unit;
  return Buffer.concat([header, pdu]);
}
