import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import { promisify } from 'node:util';
import type { SimulatedUnit } from './device.ts';
import { serveRtu } from './rtu.ts';

/** Units on a serial line or on one end of a pseudo-terminal pair, in RTU. */
export class SimulatedModbusRtu {
  readonly #path: string;
  readonly #units: ReadonlyMap<number, SimulatedUnit>;
  #end: (() => void) | undefined;

  constructor({ path, units }: { readonly path: string; readonly units: ReadonlyMap<number, SimulatedUnit> }) {
    this.#path = path;
    this.#units = units;
  }

  /** Resolves with modbus+rtu://path, without a unit. The rate and parity stay as the terminal has them. */
  async start(): Promise<string> {
    await promisify(execFile)('stty', ['-F', this.#path, 'raw', '-echo']);
    const [input, output] = openTerminal(this.#path);
    const end = serveRtu(input, output, this.#units);
    // The other end may hang up: then there is nobody to serve.
    for (const stream of [input, output]) stream.on('error', () => this.#end?.());
    this.#end = () => {
      this.#end = undefined;
      end();
      input.destroy();
      output.destroy();
    };
    return `modbus+rtu://${this.#path}`;
  }

  async stop(): Promise<void> {
    this.#end?.();
  }
}

/** Two descriptors, as each stream closes its own. @throws Error where it is no terminal */
function openTerminal(path: string): [ReadStream, WriteStream] {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const probe = openSync(path, flags);
  const isTerminal = isatty(probe);
  closeSync(probe);
  if (!isTerminal) throw new Error(`${path} is no terminal`);
  return [new ReadStream(openSync(path, flags)), new WriteStream(openSync(path, flags))];
}
