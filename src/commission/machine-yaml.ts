import { Document, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Probed, ProbedMachine, ProbedSignal } from '../drivers/toolbox.ts';
import { uniqueId } from './ids.ts';
import { printable, valueText } from './printable.ts';

/** Signals that are told below an entry where the entry itself does not name them. */
const MAX_TOLD = 12;

/** Text of several lines is quoted with escapes: indenting must not change it. */
const ONE_LINE = { lineWidth: 0, blockQuote: false, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER } as const;

/** A machine as it belongs into a config. */
export interface MachineEntry {
  readonly id: string;
  readonly driver: string;
  readonly machine: ProbedMachine;
}

/** Gives the machines of a probe ids that are valid and not `taken`, and adds these. */
export function entriesOf(driver: string, { machines }: Probed, taken: Set<string>, id?: string): MachineEntry[] {
  return machines.map((machine) => ({ id: uniqueId(id ?? machine.id, taken), driver, machine }));
}

/**
 * Entries to put below `machines:`, indented by two. What was read just now stands as a comment behind the key of each
 * signal; signals that the driver chooses without a key are told below the entry.
 */
export function machinesYaml(entries: readonly MachineEntry[]): string {
  return entries.map(entryYaml).join('');
}

function entryYaml({ id, driver, machine }: MachineEntry): string {
  const document = new Document([{ id, driver, ...machine.settings }]);
  const list = document.contents as unknown as { items: [YAMLMap] };
  const [entry] = list.items;
  const told = new Set<string>();
  const signals = new Map(machine.signals.map((signal) => [signal.signal, signal]));
  for (const pair of entry.items) {
    // Other keys of the entry itself, such as `mode`, may have the name of a signal by chance.
    if (isScalar(pair.key) && pair.key.value === 'state') tellOf(pair, signals.get('state'), told);
    else if (isScalar(pair.key) && pair.key.value !== 'id' && pair.key.value !== 'driver') {
      tellWithin(pair.value as Node | null, signals, told);
    }
  }
  const untold = machine.signals.filter(({ signal }) => !told.has(signal));
  const lines = [`    # ${printable(machine.title)}`, ...untoldLines(untold, told.size > 0)];
  const [first, ...rest] = document.toString(ONE_LINE).trimEnd().split('\n');
  return `${[first, ...rest].map((line) => `  ${line}`).join('\n')}\n${lines.join('\n')}\n`;
}

/** Puts what signals read behind their keys, wherever in the settings these are. */
function tellWithin(node: Node | null, signals: ReadonlyMap<string, ProbedSignal>, told: Set<string>): void {
  if (isSeq(node)) for (const item of node.items) if (isMap(item)) item.flow = true;
  if (!isMap(node)) return;
  for (const pair of node.items) {
    const signal = isScalar(pair.key) ? signals.get(String(pair.key.value)) : undefined;
    if (signal === undefined) tellWithin(pair.value as Node | null, signals, told);
    else tellOf(pair, signal, told);
  }
}

/** What is deeper is written on its line, so that the comment stands behind all of it. */
function tellOf({ value: node }: Pair, signal: ProbedSignal | undefined, told: Set<string>): void {
  const value = node as Node | null;
  if (isMap(value) || isSeq(value)) value.flow = true;
  if (signal === undefined || value === null) return;
  const text = valueText(signal.value, signal.unit, signal.quality);
  if (text !== undefined) value.comment = ` read ${text}`;
  told.add(signal.signal);
}

function untoldLines(signals: readonly ProbedSignal[], areMore: boolean): string[] {
  if (signals.length === 0) return [];
  const shown = signals.slice(0, MAX_TOLD).map(({ signal, source, value, unit, quality }) => {
    const text = valueText(value, unit, quality) ?? 'not read';
    return `    #   ${printable(signal)}: ${text}${source === '' ? '' : `, from ${printable(source)}`}`;
  });
  const more = signals.length > MAX_TOLD ? [`    #   and ${signals.length - MAX_TOLD} more signals`] : [];
  return [`    # ${areMore ? 'also sends' : 'sends, without further settings'}:`, ...shown, ...more];
}
