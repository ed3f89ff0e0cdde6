import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { explain } from '../errors.ts';
import type { Log } from '../log.ts';

const run = promisify(execFile);
/** `systemd-notify` answers in a few milliseconds; one that hangs must not pile up. */
const TIMEOUT_MS = 5000;
/** While a start takes its time, so often more of it is asked for, and so much. A start that takes longer than the last hangs. */
const EXTEND_EVERY_MS = 20_000;
const EXTEND_MS = 60_000;
const LONGEST_START_MS = 30 * 60_000;

/**
 * Tells systemd how the service is (sd_notify(3)), by `systemd-notify`, since Node.js has no datagram sockets of the kind; the unit
 * needs `NotifyAccess=all`. Does nothing where no service manager asks for it.
 */
export class ServiceManager {
  readonly #log: Log;
  readonly #isAsked: boolean;
  /** Milliseconds within which the watchdog wants to hear of us; undefined: it does not. */
  readonly watchdog: number | undefined;
  #isTold = false;

  constructor(env: NodeJS.ProcessEnv, log: Log) {
    this.#log = log;
    this.#isAsked = (env['NOTIFY_SOCKET'] ?? '') !== '';
    const usec = Number(env['WATCHDOG_USEC'] ?? 0);
    const isOurs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === `${process.pid}`;
    this.watchdog = this.#isAsked && isOurs && usec > 0 ? usec / 1000 : undefined;
  }

  /** Asks for more time to start, until `signal` aborts: a large buffer that was damaged is salvaged first. Never rejects. */
  async starting(signal: AbortSignal, everyMs = EXTEND_EVERY_MS): Promise<void> {
    const begun = performance.now();
    while (performance.now() - begun < LONGEST_START_MS) {
      await sleep(everyMs, undefined, { ref: false, signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.#tell([
        `EXTEND_TIMEOUT_USEC=${EXTEND_MS * 1000}`,
        '--status=starts: opens the buffer, goes through what is stored',
      ]);
    }
  }

  /** Everything is started. */
  ready(status: string): Promise<void> {
    return this.#tell([`--pid=${process.pid}`, '--ready', `--status=${status}`]);
  }

  /** Everything that should progress does. */
  alive(status: string): Promise<void> {
    return this.#tell(['WATCHDOG=1', `--status=${status}`]);
  }

  stopping(): Promise<void> {
    return this.#tell(['STOPPING=1']);
  }

  async #tell(words: readonly string[]): Promise<void> {
    if (!this.#isAsked) return;
    try {
      await run('systemd-notify', words, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
    } catch (error) {
      if (this.#isTold) return;
      this.#isTold = true;
      this.#log.error(
        `the service manager is not told how the gateway is: ${explain(error)}: is systemd-notify installed?`,
      );
    }
  }
}
