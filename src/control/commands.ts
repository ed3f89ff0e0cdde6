import { Fault } from '../errors.ts';
import type { Forwarder } from '../forwarder/forwarder.ts';
import type { GatewayView } from '../http/view.ts';
import type { Recall } from '../outbox/outbox.ts';
import type { Answer } from './server.ts';

/** How often a replay tells how far it is. */
const PROGRESS_MS = 500;

export interface GatewayParts {
  readonly view: GatewayView;
  /** undefined: it is being replaced */
  readonly forwarder: () => Forwarder | undefined;
  /** Somebody had the gateway do something. */
  readonly commanded: (detail: Readonly<Record<string, unknown>>) => void;
}

/** What a running gateway can be asked. */
export function gatewayCommands(parts: GatewayParts): Readonly<Record<string, Answer>> {
  return {
    status: () => parts.view.state(),
    retry: async ({ machine }) => {
      const uplink = parts.forwarder();
      if (uplink === undefined) throw new Fault('config', 'the uplink is being replaced', { hint: 'try again' });
      parts.commanded({ command: 'retry', machine });
      return { batches: await uplink.retryRefused(typeof machine === 'string' ? machine : undefined) };
    },
    acknowledge: async ({ machine, rule, by }) => {
      const found = parts.view.acknowledge(`${machine}`, `${rule}`, `${by}`);
      if (!found) throw new Fault('config', `${machine} has no open alert of the rule ${rule}`);
      return {};
    },
    replay: (request, tell, signal) => replay(parts, request, tell, signal),
  };
}

async function replay(
  { forwarder, commanded }: GatewayParts,
  { machine, from, to }: Readonly<Record<string, unknown>>,
  tell: (progress: object) => void,
  signal: AbortSignal,
): Promise<object> {
  const request: Recall = {
    machine: typeof machine === 'string' ? machine : undefined,
    from: typeof from === 'number' ? from : 0,
    to: typeof to === 'number' ? to : Number.MAX_SAFE_INTEGER,
  };
  const running = forwarder()?.replay(request);
  if (running === undefined) throw new Fault('config', 'too many replays wait already', { hint: 'try again later' });
  commanded({ command: 'replay', ...request });
  const timer = setInterval(() => tell(running.figures), PROGRESS_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  try {
    return await running.done;
  } finally {
    clearInterval(timer);
  }
}
