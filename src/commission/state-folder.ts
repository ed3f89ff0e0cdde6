import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Where commands that know no config keep what must outlive them, such as certificates: the user's state folder (XDG Base
 * Directory Specification: a path in XDG_STATE_HOME that is not absolute is ignored).
 */
export function stateFolder(): string {
  const given = process.env['XDG_STATE_HOME'] ?? '';
  return join(isAbsolute(given) ? given : join(homedir(), '.local/state'), 'edge-gateway');
}
