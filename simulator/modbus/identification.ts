/** What a unit says of itself. */
export interface Identity {
  /** Objects of Read Device Identification by their ids: 0 vendor, 1 product code, 2 revision, 3 … 6 regular, 0x80 … own. */
  readonly objects?: Readonly<Record<number, string>>;
  /** What Report Server ID answers. */
  readonly serverId?: string;
}

/** MEI type, read code, conformity, more follows, next object, number of objects, and the function code itself. */
const HEADER_BYTES = 7;
const MAX_PDU_BYTES = 253;
/** All three categories, in streams and one by one. */
const CONFORMITY = 0x83;
const INDIVIDUAL = 4;
/** The last object id of each category that is streamed: basic, regular, extended. */
const LAST: Readonly<Record<number, number>> = { 1: 0x02, 2: 0x7f, 3: 0xff };

/**
 * Read Device Identification (Modbus Application Protocol 1.1b3, 6.21), from the MEI type on; objects that do not fit are
 * left to the next request.
 */
export function identify(
  objects: Readonly<Record<number, string>>,
  readCode: number,
  from: number,
): Buffer | 'no such object' | 'no such code' {
  if (readCode === INDIVIDUAL) {
    const text = objects[from];
    return text === undefined ? 'no such object' : framed(readCode, 0, [part(from, text)]);
  }
  const last = LAST[readCode];
  if (last === undefined) return 'no such code';
  const ids = Object.keys(objects)
    .map(Number)
    .filter((id) => id <= last)
    .sort((a, b) => a - b);
  // An object that is unknown starts the stream over (6.21).
  const wanted = ids.includes(from) ? ids.filter((id) => id >= from) : ids;
  const parts: Buffer[] = [];
  let room = MAX_PDU_BYTES - HEADER_BYTES;
  for (const id of wanted) {
    const one = part(id, objects[id] as string);
    if (one.length > room) return framed(readCode, id, parts);
    parts.push(one);
    room -= one.length;
  }
  return framed(readCode, 0, parts);
}

function part(id: number, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.of(id, bytes.length), bytes]);
}

/** @param next object to ask for next; 0 when nothing follows, as the first object is never left over */
function framed(readCode: number, next: number, parts: readonly Buffer[]): Buffer {
  const header = Buffer.of(0x0e, readCode, CONFORMITY, next === 0 ? 0 : 0xff, next, parts.length);
  return Buffer.concat([header, ...parts]);
}
