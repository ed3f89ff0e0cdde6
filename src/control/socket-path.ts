import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';

const SOCKET = 'control.sock';
/** `sun_path` of Linux has 108 bytes, the last of them zero (unix(7)). */
const MAX_PATH_BYTES = 107;

/** A path of the control socket that the kernel takes, while the folder is held. */
export interface SocketPath extends Disposable {
  readonly path: string;
}

/** Where the running gateway of a data folder is spoken to. A path that is too long is reached through the open folder. */
export function socketPath(dataDir: string): SocketPath {
  const path = join(dataDir, SOCKET);
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return { path, [Symbol.dispose]: () => undefined };
  const folder = openSync(dataDir, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder}/${SOCKET}`, [Symbol.dispose]: () => closeSync(folder) };
}
