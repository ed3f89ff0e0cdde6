import { closeSync, openSync, readSync } from 'node:fs';
import { codeOf, messageOf } from '../errors.ts';

/**
 * The bytes of a file, pipe or device, read to its end.
 * @throws Error in plain words when there is none, it is a folder, may not be read or is larger than `maxBytes`
 */
export function readBounded(path: string, maxBytes: number): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    while (length <= maxBytes) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      if (read === 0) return buffer.subarray(0, length);
      length += read;
    }
  } catch (error) {
    throw new Error(trouble(error), { cause: error });
  } finally {
    if (file !== undefined) closeSync(file);
  }
  throw new Error(`it is larger than ${maxBytes / 1024} KiB`);
}

function trouble(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder, not a file';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it';
    default:
      return messageOf(error);
  }
}
