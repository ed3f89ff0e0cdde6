import type { Value } from '../observation.ts';

/** Numbers with so many of them or fewer (10⁻⁶) go in digit by digit, without a string for each. */
const DECIMAL_DIGITS = 6;
const DECIMALS = 10 ** DECIMAL_DIGITS;
/** A decimal number of 15 digits or fewer is the shortest that its double is read from again (IEEE 754: DBL_DIG). */
const MAX_DIGITS = 1e15;
/** What a number or a bracket takes at most, beside text: `-999999999.999999`. */
const SHORT_BYTES = 24;
/** Longer text goes in by one call into Node.js; shorter is sooner there byte by byte. */
const SHORT_TEXT = 64;
/** UTF-8 of a UTF-16 unit. */
const BYTES_A_UNIT = 3;
const FIRST_BYTES = 1024;
/** Room that is kept for the next text. */
const KEPT_BYTES = 256 * 1024;

const [ZERO, MINUS, POINT, MAX_ASCII] = [0x30, 0x2d, 0x2e, 0x7f];

/**
 * JSON text in the making: the same that `JSON.stringify` gives, written into bytes that are used again for the next, since the
 * strings in between would be most of what there is to collect.
 */
export class JsonText {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /** Adds text that is JSON already. */
  raw(text: string): void {
    this.#reserve(text.length * BYTES_A_UNIT);
    const bytes = this.#bytes;
    let at = this.#length;
    if (text.length > SHORT_TEXT) {
      this.#length += bytes.write(text, at);
      return;
    }
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > MAX_ASCII) {
        this.#length += bytes.write(text, this.#length);
        return;
      }
      bytes[at++] = unit;
    }
    this.#length = at;
  }

  value(value: Value): void {
    if (typeof value === 'number') this.number(value);
    // What JSON does not have is null in a list.
    else this.raw(JSON.stringify(value) ?? 'null');
  }

  number(value: number): void {
    const size = Math.abs(value);
    const scaled = Math.round(size * DECIMALS);
    if (scaled / DECIMALS !== size || scaled >= MAX_DIGITS) {
      this.raw(JSON.stringify(value));
      return;
    }
    this.#reserve(SHORT_BYTES);
    const bytes = this.#bytes;
    let at = this.#length;
    if (value < 0) bytes[at++] = MINUS;
    const whole = Math.floor(scaled / DECIMALS);
    let digits = 1;
    for (let limit = 10; limit <= whole; limit *= 10) digits++;
    at = writeDigits(bytes, at, whole, digits);
    let decimals = scaled - whole * DECIMALS;
    if (decimals > 0) {
      digits = DECIMAL_DIGITS;
      for (; decimals % 10 === 0; decimals = (decimals / 10) | 0) digits--;
      bytes[at++] = POINT;
      at = writeDigits(bytes, at, decimals, digits);
    }
    this.#length = at;
  }

  /** All of it, and begins the next. */
  take(): string {
    const text = this.#bytes.toString('utf8', 0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.alloc(0);
    return text;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Writes the lowest digits of a whole number of 32 bits. Returns where they end. */
function writeDigits(bytes: Uint8Array, start: number, number: number, digits: number): number {
  let left = number | 0;
  for (let at = start + digits - 1; at >= start; at--) {
    const rest = (left / 10) | 0;
    bytes[at] = ZERO + left - rest * 10;
    left = rest;
  }
  return start + digits;
}
