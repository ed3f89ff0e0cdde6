/** How often progress is told where it cannot be rewritten in place. */
const SPARSE_MS = 5000;

/** Progress for a person on stderr: one line that is rewritten on a terminal, a line now and then elsewhere. */
export class ProgressLine {
  readonly #output: NodeJS.WriteStream;
  readonly #isLive: boolean;
  #last = performance.now();

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
    this.#isLive = output.isTTY === true && process.env['TERM'] !== 'dumb';
  }

  /** What is going on now; the next call replaces it. */
  show(line: string): void {
    if (this.#isLive) this.#output.write(`\r\x1b[K${line.slice(0, (this.#output.columns || 80) - 1)}`);
    else if (performance.now() - this.#last >= SPARSE_MS) {
      this.#last = performance.now();
      this.#output.write(`${line}\n`);
    }
  }

  /** A line that stays. */
  say(line: string): void {
    this.clear();
    this.#output.write(`${line}\n`);
  }

  clear(): void {
    if (this.#isLive) this.#output.write('\r\x1b[K');
  }
}
