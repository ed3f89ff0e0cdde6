import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { codeOf, Fault, messageOf } from '../../errors.ts';
import { silenceMs, wireMs } from './rtu-frame.ts';
import { RtuTransport } from './rtu-transport.ts';
import { TcpTransport } from './tcp-transport.ts';
import type { Transport } from './transport.ts';
import type { LinkAddress } from './url.ts';

const CONNECT_TIMEOUT_MS = 3000;
/** A dead peer behind a router that forgot the connection is noticed even when nothing is sent. */
const KEEPALIVE_MS = 10_000;
/** More than the answers to all requests that may be under way at once. */
const READ_BYTES = 8192;

const HINTS: readonly (readonly [code: RegExp, what: string, hint: string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there', 'check the port (502 by default) and that Modbus/TCP is switched on'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'the host name is unknown', 'check the name or use the IP address'],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/, 'there is no way to the host', 'check cable, address and mask'],
  [/^ETIMEDOUT$/, 'the connection timed out', 'check that the device is on and that no firewall is in between'],
  [
    /^(ECONNRESET|EPIPE)$/,
    'the device broke the connection',
    'it may allow few clients: close others, or set closeAfterRead',
  ],
];

const SERIAL_HINTS: readonly (readonly [text: RegExp, what: string, hint: string])[] = [
  [
    /no such file|ENOENT/i,
    'there is no such device',
    'plug the adapter in; a path below /dev/serial/by-id stays the same',
  ],
  [/permission denied|EACCES/i, 'it must not be opened', 'add the user of the gateway to the group dialout'],
  [/lock|busy|EAGAIN|temporarily/i, 'another program uses it', 'stop that program: a bus has one master'],
  [/inappropriate ioctl|ENOTTY/i, 'it is no serial port', 'check the path'],
];

/**
 * Opens a link.
 * @throws Fault of the machine that says what to do, or the reason of `signal`
 */
export async function openTransport(link: LinkAddress, clock: Clock, signal: AbortSignal): Promise<Transport> {
  if (link.kind === 'rtu') return openSerial(link, clock);
  const socket = await openSocket(link.host, link.port, signal);
  return link.kind === 'tcp'
    ? new TcpTransport(socket, clock)
    : new RtuTransport(socket, () => socket.destroy(), { silence: 0, wire: () => 0 }, clock);
}

async function openSocket(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  // Else Node.js takes 64 KiB for each read and gives all but the answer's bytes back, which leaves the memory in pieces: 50 MB of
  // them at 800 answers a second.
  const onread = {
    buffer: Buffer.alloc(READ_BYTES),
    callback: (bytes: number, buffer: Uint8Array): boolean => {
      socket.emit('data', Buffer.from(buffer.subarray(0, bytes)));
      return true;
    },
  };
  const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS };
  const socket: Socket = connectSocket({ host, port, noDelay: true, ...keepAlive, onread });
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]) });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    const code = socket.errored === null ? 'ETIMEDOUT' : (codeOf(cause) ?? '');
    const [, what, hint] = HINTS.find(([pattern]) => pattern.test(code)) ?? [];
    throw new Fault('machine', `${host}:${port}: ${what ?? messageOf(cause)}`, {
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}

async function openSerial({ path, line }: Extract<LinkAddress, { kind: 'rtu' }>, clock: Clock): Promise<Transport> {
  const { SerialPort } = await import('serialport');
  const { baud: baudRate, parity, data: dataBits, stop: stopBits } = line;
  const port = new SerialPort({ path, baudRate, parity, dataBits, stopBits, autoOpen: false });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  port.open((error) => (error === null ? resolve() : reject(error)));
  try {
    await promise;
  } catch (cause) {
    const text = messageOf(cause);
    const [, what, hint] = SERIAL_HINTS.find(([pattern]) => pattern.test(text)) ?? [];
    throw new Fault('machine', `${path}: ${what ?? text}`, { ...(hint === undefined ? {} : { hint }), cause });
  }
  const timing = { silence: silenceMs(line), wire: (bytes: number) => wireMs(bytes, line) };
  // Its streams know no destroy. Closing one that was pulled out fails, and is closed all the same.
  const hangUp = () => port.close(() => undefined);
  return new RtuTransport(port, hangUp, timing, clock);
}
