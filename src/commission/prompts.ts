import { checkbox, confirm, input, password, select } from '@inquirer/prompts';

/** A possible answer. */
export interface Choice<T> {
  readonly name: string;
  readonly value: T;
}

interface InputOptions {
  readonly default?: string;
  /** What is wrong with an answer, or undefined. */
  readonly error?: (text: string) => string | undefined;
}

/** Questions to a person at a terminal. Each rejects with the abort reason, or with `Stopped` at Ctrl-C. */
export class Prompts {
  readonly #context: { readonly signal: AbortSignal; readonly output: NodeJS.WriteStream };

  constructor(signal: AbortSignal, output: NodeJS.WriteStream = process.stdout) {
    this.#context = { signal, output };
  }

  say(line: string): void {
    this.#context.output.write(`${line}\n`);
  }

  async input(message: string, { default: preset, error }: InputOptions = {}): Promise<string> {
    const validate = (text: string) => error?.(text.trim()) ?? true;
    const given = preset === undefined ? { message, validate } : { message, validate, default: preset };
    return (await asked(input(given, this.#context))).trim();
  }

  password(message: string): Promise<string> {
    return asked(password({ message, mask: true }, this.#context));
  }

  confirm(message: string, preset = false): Promise<boolean> {
    return asked(confirm({ message, default: preset }, this.#context));
  }

  select<T>(message: string, choices: readonly Choice<T>[]): Promise<T> {
    return asked(select({ message, choices: [...choices] }, this.#context));
  }

  /** All are chosen at first. */
  several<T>(message: string, choices: readonly Choice<T>[]): Promise<T[]> {
    return asked(
      checkbox({ message, choices: choices.map((choice) => ({ ...choice, checked: true })) }, this.#context),
    );
  }
}

/** A person has ended the questions. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const isEnd = error instanceof Error && ['ExitPromptError', 'AbortPromptError'].includes(error.name);
    throw isEnd ? new Stopped('stopped', { cause: error }) : error;
  }
}
