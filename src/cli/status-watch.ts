import { looks } from '../control/looks.ts';
import { explain, Fault } from '../errors.ts';
import type { ApiState } from '../http/api.ts';
import { statusText } from './status-text.ts';

/**
 * Shows how a gateway is once a second until SIGINT, SIGTERM, or its reader goes: redrawn on a terminal, one text after the other
 * on a pipe, with `json` an object a line. A gateway that does not run or does not answer is shown as such, and asked
 * again. Resolves with whether it was connected at the end.
 */
export async function watchStatus(
  ask: () => Promise<ApiState>,
  { json }: { readonly json: boolean },
  output: NodeJS.WriteStream,
): Promise<boolean> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  output.on('error', () => stop.abort());
  const isLive = output.isTTY === true && process.env['TERM'] !== 'dumb' && !json;
  let isConnected = false;
  for await (const { look } of looks(ask, stop.signal)) {
    isConnected = !(look instanceof Fault) && look.uplink?.state === 'connected';
    if (json) output.write(`${JSON.stringify(look instanceof Fault ? { error: explain(look) } : look)}\n`);
    else if (isLive) output.write(screen(textOf(look), output));
    else output.write(`${textOf(look)}\n`);
  }
  return isConnected;
}

function textOf(look: ApiState | Fault): string {
  return look instanceof Fault ? `${explain(look)}\n` : statusText(look);
}

/** From the top of the terminal; what does not fit on it is only counted. Pure. */
export function screen(text: string, { rows = 24, columns = 80 }: { rows?: number; columns?: number }): string {
  const lines = text.trimEnd().split('\n');
  const most = Math.max(1, rows - 1);
  const shown = lines.length <= most ? lines : [...lines.slice(0, most - 1), `… ${lines.length - most + 1} more lines`];
  return `\x1b[H${shown.map((line) => `${line.slice(0, columns)}\x1b[K\n`).join('')}\x1b[J`;
}
