/** Which machines something is for. */
export interface Selector {
  /** Ids, in which `*` stands for any characters and `?` for one. Any of them. */
  readonly machines: readonly string[];
  /** Labels that a machine must have, all of them; their values may be patterns too. */
  readonly labels: Readonly<Record<string, string>>;
}

export function selects(
  { machines, labels }: Selector,
  machine: string,
  itsLabels: Readonly<Record<string, string>>,
): boolean {
  return (
    machines.some((pattern) => fits(pattern, machine)) &&
    Object.entries(labels).every(([name, pattern]) => {
      const value = Object.hasOwn(itsLabels, name) ? itsLabels[name] : undefined;
      return value !== undefined && fits(pattern, value);
    })
  );
}

/** Tells of names whether they are among these, or fit one of their patterns. Compiled once, for many names. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map(expressionOf);
  return (name) => expressions.some((expression) => expression.test(name));
}

/** Whether a text stands for more than itself. */
export function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}

function fits(pattern: string, text: string): boolean {
  return expressionOf(pattern).test(text);
}

function expressionOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}
