import { crc16 } from './crc.ts';
import type { Line } from './url.ts';

/** Unit, function, exception code, CRC. */
const EXCEPTION_BYTES = 5;
const CRC_BYTES = 2;
const EXCEPTION_FLAG = 0x80;
/** Modbus over Serial Line 1.02, 2.5.1.1: 256 with unit and CRC. */
export const MAX_FRAME_BYTES = 256;
/** Above this rate the silence is fixed (2.5.1.1). */
const FIXED_SILENCE_BAUD = 19_200;
const FIXED_SILENCE_MS = 1.75;
const SILENT_CHARACTERS = 3.5;

/** Unit, PDU and CRC. */
export function rtuFrame(unit: number, pdu: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(1 + pdu.length + CRC_BYTES);
  frame[0] = unit;
  pdu.copy(frame, 1);
  frame.writeUInt16LE(crc16(frame.subarray(0, -CRC_BYTES)), frame.length - CRC_BYTES);
  return frame;
}

/** Milliseconds that a number of characters takes on the wire. */
export function wireMs(bytes: number, { baud, parity, data, stop }: Line): number {
  return (bytes * 1000 * (1 + data + (parity === 'none' ? 0 : 1) + stop)) / baud;
}

/** Milliseconds of silence that end a frame, t3.5. */
export function silenceMs(line: Line): number {
  return line.baud > FIXED_SILENCE_BAUD ? FIXED_SILENCE_MS : wireMs(SILENT_CHARACTERS, line);
}

/** What the bytes that came so far hold. */
export type Found =
  /** The PDU of the answer. */
  | { readonly pdu: Buffer }
  /** Nothing yet; `isDamaged` where a frame came whole that looks like the answer, and its CRC is wrong. */
  | { readonly isDamaged: boolean };

/**
 * Looks for the answer of a unit to a request, also behind what is not ours: noise, our own echo, another's late answer.
 * A read's answer must have as many bytes as were asked for: that tells it from a late one of another length.
 */
export function findAnswer(bytes: Buffer, unit: number, request: Buffer): Found {
  const code = request[0] as number;
  const echo = rtuFrame(unit, request);
  let isDamaged = false;
  for (let at = 0; at + EXCEPTION_BYTES <= bytes.length; at++) {
    if (bytes[at] !== unit || ((bytes[at + 1] as number) & ~EXCEPTION_FLAG) !== code) continue;
    // Its address may look like the length of an answer.
    if (bytes.subarray(at, at + echo.length).equals(echo)) continue;
    const length = frameLength(bytes.subarray(at), request);
    if (length === undefined || at + length > bytes.length) continue;
    const body = bytes.subarray(at, at + length - CRC_BYTES);
    if (bytes.readUInt16LE(at + body.length) === crc16(body)) return { pdu: body.subarray(1) };
    isDamaged ||= length === expectedBytes(request);
  }
  return { isDamaged };
}

/** Bytes of an answer that was not refused, CRC and all; undefined where the request does not tell. */
export function expectedBytes(request: Buffer): number | undefined {
  const code = request[0] as number;
  if (code < 1 || code > 4) return undefined;
  const quantity = request.readUInt16BE(3);
  return 3 + (code <= 2 ? Math.ceil(quantity / 8) : quantity * 2) + CRC_BYTES;
}

/** Bytes of the frame that begins here; undefined while that is not known, or where it cannot be the answer. */
function frameLength(bytes: Buffer, request: Buffer): number | undefined {
  const code = bytes[1] as number;
  if ((code & EXCEPTION_FLAG) !== 0) return EXCEPTION_BYTES;
  const counted = 3 + (bytes[2] as number) + CRC_BYTES;
  const expected = expectedBytes(request);
  if (expected !== undefined) return counted === expected ? expected : undefined;
  return code === 0x2b ? identificationLength(bytes) : counted;
}

/** Read Device Identification (1.1b3, 6.21): as many objects as the eighth byte says, each with its id and length. */
function identificationLength(bytes: Buffer): number | undefined {
  let end = 8;
  for (let left = bytes[7] ?? Number.NaN; left !== 0; left--) {
    const size = bytes[end + 1];
    if (size === undefined || Number.isNaN(left)) return undefined;
    end += 2 + size;
  }
  return end + CRC_BYTES;
}
