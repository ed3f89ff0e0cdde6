import { setDebugLogger, setErrorLogger, setWarningLogger } from 'node-opcua-client';
import type { Log } from '../../log.ts';

/** Longest line that is kept of what the library says. */
const MAX_LINE = 500;

/** node-opcua writes to the terminal what it also throws: with us that goes into the debug log. */
export function redirectLibraryLog(log: Log): void {
  const write = (...parts: unknown[]) => {
    // The first part is where in the library.
    const text = parts.slice(1).map(String).join(' ').slice(0, MAX_LINE);
    log.debug(`node-opcua: ${text}`);
  };
  setDebugLogger(write);
  setWarningLogger(write);
  setErrorLogger(write);
}
