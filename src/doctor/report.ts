import type { Check, Group, Level } from './check.ts';
import { count } from './words.ts';

const MARKS: Readonly<Record<Level, string>> = { good: '✔', warn: '!', bad: '✘' };
const COLOURS: Readonly<Record<Level, number>> = { good: 32, warn: 33, bad: 31 };
const BOLD = 1;
const DIM = 2;
/** What stands above the findings of a subject. */
const HEADINGS: Readonly<Record<Group, (subject: string) => string>> = {
  machines: (id) => `Machine ${id}`,
  broker: (url) => `Broker ${url}`,
  disk: (folder) => `Disk ${folder}`,
  time: () => 'Time',
  permissions: () => 'Permissions',
};

/** Text for a terminal, with colours or without. */
export class Report {
  readonly #isColoured: boolean;

  constructor(isColoured: boolean) {
    this.#isColoured = isColoured;
  }

  /** What was found about one subject, below its heading. */
  section(checks: readonly Check[]): string {
    const [first] = checks;
    if (first === undefined) return '';
    const width = Math.max(...checks.map(({ name }) => name.length));
    const heading = this.#paint(HEADINGS[first.group](first.subject), BOLD);
    return `${[heading, ...checks.flatMap((check) => this.#lines(check, width))].join('\n')}\n`;
  }

  /** All of it, subject by subject. */
  all(checks: readonly Check[]): string {
    const sections = Map.groupBy(checks, ({ group, subject }) => `${group} ${subject}`);
    return [...sections.values()].map((section) => this.section(section)).join('\n');
  }

  /** The last line. */
  verdict(checks: readonly Check[]): string {
    const having = (level: Level) => checks.filter((check) => check.level === level);
    const [bad, warn] = [having('bad'), having('warn')];
    const places = [...new Set(bad.map(({ subject, name }) => `${subject} (${name})`))];
    if (bad.length > 0) return this.#verdict('bad', `${count(bad.length, 'fault')}: ${places.join(', ')}`);
    if (warn.length > 0) {
      return this.#verdict(
        'warn',
        `everything works; ${count(warn.length, 'thing')} to look at in ${count(checks.length, 'check')}`,
      );
    }
    return this.#verdict('good', `everything works: ${count(checks.length, 'check')}`);
  }

  #verdict(level: Level, text: string): string {
    return this.#paint(`${MARKS[level]} ${text}`, COLOURS[level]);
  }

  #lines({ level, name, text, hint }: Check, width: number): string[] {
    const mark = this.#paint(MARKS[level], COLOURS[level]);
    const line = `  ${mark} ${name.padEnd(width)}  ${level === 'good' ? text : this.#paint(text, COLOURS[level])}`;
    if (hint === undefined || level === 'good') return [line];
    return [line, `    ${' '.repeat(width)}  ${this.#paint(`→ ${hint}`, DIM)}`];
  }

  #paint(text: string, code: number): string {
    return this.#isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
