import { Fault } from '../../errors.ts';

/** More than any agent writes between a boundary and the body. */
const MAX_HEADERS = 16 * 1024;
const INITIAL_ROOM = 64 * 1024;
const LF = 10;
const CR = 13;

/**
 * Takes the bytes of a `multipart/mixed` or `multipart/x-mixed-replace` body (RFC 2046, 5.1) as they come, in pieces of
 * any size, and gives the bodies of its parts. A part with a Content-length is complete with its last byte; one without
 * is when the next boundary has come. Pure: no I/O, no clock.
 */
export class MultipartSplitter {
  readonly #delimiter: Buffer;
  readonly #maxPart: number;
  readonly #from: string;
  /** Bytes that came and are not yet used are `#room[#start…#end)`. */
  #room: Buffer = Buffer.allocUnsafe(INITIAL_ROOM);
  #start = 0;
  #end = 0;
  /** Where to go on looking, so that a part that comes byte by byte is not searched again for each. */
  #searched = 0;
  #state: 'boundary' | 'headers' | 'body' | 'ended' = 'boundary';
  #length: number | undefined;
  /** The first boundary has come: a preamble lies behind. */
  #hasBegun = false;

  /**
   * @param boundary as in the Content-Type
   * @param maxPart bytes
   * @param from what sends it, for messages
   */
  constructor(boundary: string, maxPart: number, from: string) {
    this.#delimiter = Buffer.from(`--${boundary}`);
    this.#maxPart = maxPart;
    this.#from = from;
  }

  /** The closing boundary has come. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#room.length) this.#makeRoom(chunk.length);
    this.#room.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The body of the next part, or undefined until more bytes are pushed. It is a copy.
   * @throws Fault of the machine where a part is above the size cap or its headers have no end
   */
  next(): Buffer | undefined {
    for (;;) {
      const before = this.#state;
      const part = this.#step();
      if (part !== undefined) return part;
      if (this.#state === before) return undefined;
    }
  }

  #step(): Buffer | undefined {
    if (this.#state === 'boundary') this.#skipBoundary();
    else if (this.#state === 'headers') this.#readHeaders();
    else if (this.#state === 'body') return this.#length === undefined ? this.#untilBoundary() : this.#counted();
    return undefined;
  }

  /** Skips a preamble or the line break behind a part, and the boundary's own line. */
  #skipBoundary(): void {
    if (this.#hasBegun) this.#skipLineBreaks();
    const at = this.#find(this.#delimiter);
    // Noise where a boundary is due may stand for a part that was lost: it must be asked for again.
    if (this.#hasBegun && at !== this.#start && this.#end - this.#start >= this.#delimiter.length) {
      throw this.#fault('there is something else where a boundary is due');
    }
    if (at === -1) {
      if (!this.#hasBegun) this.#use(Math.max(this.#start, this.#end - this.#delimiter.length));
      return;
    }
    this.#use(at);
    const after = at + this.#delimiter.length;
    const lineEnd = this.#indexOf(LF, after);
    if (this.#room.toString('latin1', after, Math.min(after + 2, this.#end)) === '--') {
      this.#state = 'ended';
    } else if (lineEnd !== -1) {
      this.#use(lineEnd + 1);
      this.#state = 'headers';
      this.#hasBegun = true;
    } else if (this.#end - after > MAX_HEADERS) {
      throw this.#fault('a boundary line without an end');
    }
  }

  #skipLineBreaks(): void {
    let at = this.#start;
    while (at < this.#end && (this.#room[at] === LF || this.#room[at] === CR)) at += 1;
    this.#use(at);
  }

  #readHeaders(): void {
    let line = this.#start;
    let length: number | undefined;
    for (;;) {
      const lineEnd = this.#indexOf(LF, line);
      if (lineEnd === -1) {
        if (this.#end - this.#start > MAX_HEADERS) throw this.#fault('a part whose headers have no end');
        return;
      }
      const text = this.#room.toString('latin1', line, lineEnd).trim();
      line = lineEnd + 1;
      if (text === '') break;
      const digits = /^content-length\s*:\s*(\d+)$/i.exec(text)?.[1];
      if (digits !== undefined) length = Number(digits);
    }
    if (length !== undefined && length > this.#maxPart) throw this.#tooLarge(`${length} bytes`);
    this.#length = length;
    this.#use(line);
    this.#state = 'body';
  }

  #counted(): Buffer | undefined {
    const end = this.#start + (this.#length as number);
    return this.#end < end ? undefined : this.#take(end, end);
  }

  #untilBoundary(): Buffer | undefined {
    const at = this.#find(this.#delimiter);
    if (at === -1) {
      if (this.#end - this.#start > this.#maxPart + this.#delimiter.length) throw this.#tooLarge('no end in sight');
      return undefined;
    }
    let end = at;
    // The line break before a boundary belongs to the boundary (RFC 2046, 5.1.1).
    if (end > this.#start && this.#room[end - 1] === LF) end -= 1;
    if (end > this.#start && this.#room[end - 1] === CR) end -= 1;
    if (end - this.#start > this.#maxPart) throw this.#tooLarge(`${end - this.#start} bytes`);
    return this.#take(end, at);
  }

  #take(end: number, resume: number): Buffer {
    const part = Buffer.from(this.#room.subarray(this.#start, end));
    this.#use(resume);
    this.#state = 'boundary';
    return part;
  }

  #find(needle: Buffer): number {
    const at = this.#room.subarray(0, this.#end).indexOf(needle, Math.max(this.#start, this.#searched));
    // Half of it may be here already.
    this.#searched = at === -1 ? Math.max(this.#start, this.#end - needle.length + 1) : at;
    return at;
  }

  #indexOf(byte: number, from: number): number {
    return this.#room.subarray(0, this.#end).indexOf(byte, from);
  }

  #use(until: number): void {
    this.#start = until;
    this.#searched = Math.max(this.#searched, until);
  }

  #makeRoom(needed: number): void {
    const held = this.#end - this.#start;
    const wanted = Math.max(INITIAL_ROOM, 2 * (held + needed));
    // One that a large part has blown up shrinks again.
    const fits = wanted <= this.#room.length && this.#room.length <= 4 * wanted;
    const room = fits ? this.#room : Buffer.allocUnsafe(wanted);
    room.set(this.#room.subarray(this.#start, this.#end));
    this.#searched = Math.max(0, this.#searched - this.#start);
    this.#room = room;
    this.#start = 0;
    this.#end = held;
  }

  #tooLarge(what: string): Fault {
    return new Fault('machine', `${this.#from} sent a part above the cap of ${this.#maxPart} bytes: ${what}`, {
      hint: 'lower `count`, or raise `maxDocument` of this machine',
    });
  }

  #fault(what: string): Fault {
    return new Fault('machine', `${this.#from} sent a stream that cannot be split: ${what}`);
  }
}

/** The boundary of a multipart Content-Type, or undefined where it is another type. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^\s*multipart\//i.test(contentType)) return undefined;
  const match = /;\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}
