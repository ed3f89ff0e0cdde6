const POLYNOMIAL = 0xa001;

/** CRC-16 of an RTU frame, bit by bit as Modbus over Serial Line 1.02, 6.2.2 describes it; sent low byte first. */
export function crc(bytes: Uint8Array): number {
  let sum = 0xffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >> 1) ^ POLYNOMIAL : sum >> 1;
  }
  return sum;
}
