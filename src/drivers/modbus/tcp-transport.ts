import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { BadAnswer, LinkDown, NoAnswer } from './errors.ts';
import type { Answer, Transport } from './transport.ts';

/** MBAP: transaction, protocol, length, then the unit (Modbus Messaging on TCP/IP 1.0b, 3.1.3). */
const HEADER_BYTES = 6;
/** Unit and PDU. */
const MAX_LENGTH = 254;
/** What the specification leaves to the client, 4.3.2: more at once than any device takes. */
const MAX_IN_FLIGHT = 16;
const TRANSACTIONS = 65_536;

interface Waiting {
  readonly unit: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Modbus/TCP on an open socket, which it owns from now on. An answer belongs to the request with its transaction id;
 * one that nobody waits for any more is dropped. Bytes that are no Modbus/TCP close the socket: no frame after them can be found.
 */
export class TcpTransport implements Transport {
  readonly maxInFlight = MAX_IN_FLIGHT;
  readonly isAmbiguous = false;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #buffer: Buffer = Buffer.alloc(0);
  #transaction = 0;
  #closed: Error | undefined;
  #onClose: (reason: Error) => void = () => undefined;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('end', () => this.#end(new Error('the device closed the connection')));
    socket.on('close', () => this.#end(new Error('the connection was closed')));
  }

  exchange(unit: number, pdu: Buffer, timeout: number): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.reject(new LinkDown(this.#closed.message, this.#closed));
    const id = this.#nextTransaction();
    const frame = Buffer.allocUnsafe(HEADER_BYTES + 1 + pdu.length);
    frame.writeUInt16BE(id, 0);
    frame.writeUInt16BE(0, 2);
    frame.writeUInt16BE(1 + pdu.length, 4);
    frame[HEADER_BYTES] = unit;
    pdu.copy(frame, HEADER_BYTES + 1);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      reject(new NoAnswer(timeout));
    }, timeout);
    this.#waiting.set(id, { unit, resolve, reject, timer });
    this.#socket.write(frame);
    return promise;
  }

  onClose(listener: (reason: Error) => void): void {
    this.#onClose = listener;
  }

  close(): void {
    this.#end(new Error('closed'));
  }

  /** The next id that no request under way has. */
  #nextTransaction(): number {
    do this.#transaction = (this.#transaction + 1) % TRANSACTIONS;
    while (this.#waiting.has(this.#transaction));
    return this.#transaction;
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= HEADER_BYTES && this.#closed === undefined) {
      const length = this.#buffer.readUInt16BE(4);
      if (this.#buffer.readUInt16BE(2) !== 0 || length < 3 || length > MAX_LENGTH) {
        this.#end(new Error('what came is no Modbus/TCP (RTU frames over TCP are modbus+rtutcp://)'));
        return;
      }
      if (this.#buffer.length < HEADER_BYTES + length) return;
      const frame = this.#buffer.subarray(0, HEADER_BYTES + length);
      this.#buffer = this.#buffer.subarray(frame.length);
      this.#settle(frame);
    }
  }

  #settle(frame: Buffer): void {
    const id = frame.readUInt16BE(0);
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    const unit = frame[HEADER_BYTES];
    if (unit === waiting.unit) waiting.resolve({ pdu: frame.subarray(HEADER_BYTES + 1), t: this.#clock.now() });
    else waiting.reject(new BadAnswer(`unit ${unit} answered for unit ${waiting.unit}`));
  }

  #end(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new LinkDown(reason.message, reason));
    }
    this.#waiting.clear();
    this.#onClose(reason);
  }
}
