/** Unit, function and CRC. */
const SHORTEST = 4;
/** Bytes of a whole frame by function code, where that alone tells. */
const FIXED: Readonly<Record<number, number>> = {
  1: 8,
  2: 8,
  3: 8,
  4: 8,
  5: 8,
  6: 8,
  7: 4,
  8: 8,
  11: 4,
  12: 4,
  17: 4,
  22: 10,
  43: 7,
};
/** Where the count of the bytes that follow stands. */
const COUNTED: Readonly<Record<number, number>> = { 15: 6, 16: 6, 20: 2, 21: 2, 23: 10 };

/** Bytes of the request that begins here, or more than there are while that is unknown. */
export function requestLength(bytes: Buffer): number {
  const [, code = 0] = bytes;
  const countAt = COUNTED[code];
  if (countAt === undefined) return FIXED[code] ?? SHORTEST;
  const count = bytes[countAt];
  return count === undefined ? Number.POSITIVE_INFINITY : countAt + 1 + count + 2;
}
