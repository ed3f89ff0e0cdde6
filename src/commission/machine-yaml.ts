import { Document, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { Probed, ProbedMachine, ProbedSignal } from '../drivers/toolbox.ts';
import { uniqueId } from './ids.ts';
import { printable, valueText } from './printable.ts';

/** Signals that are told below an entry where the entry itself does not name them. */
const MAX_TOLD = 12;

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
  for (const { key, value } of entry.items) {
    // The keys of the gateway are not the machine's.
    if (isScalar(key) && (key.value === 'id' || key.value === 'driver')) continue;
    comment(value as Node, new Map(machine.signals.map((signal) => [signal.signal, signal])), told);
  }
  const untold = machine.signals.filter(({ signal }) => !told.has(signal));
  const lines = [`    # ${printable(machine.title)}`, ...untoldLines(untold, told.size > 0)];
  const [first, ...rest] = document.toString({ lineWidth: 0, flowCollectionPadding: true }).trimEnd().split('\n');
  return `${[first, ...rest].map((line) => `  ${line}`).join('\n')}\n${lines.join('\n')}\n`;
}

/** Puts what a signal reads behind its key, wherever in the settings that is. What is deeper is written on its line. */
function comment(node: Node | null, signals: ReadonlyMap<string, ProbedSignal>, told: Set<string>): void {
  if (isSeq(node)) for (const item of node.items) if (isMap(item)) item.flow = true;
  if (!isMap(node)) return;
  for (const pair of node.items) {
    const value = pair.value as Node | null;
    const signal = isScalar(pair.key) ? signals.get(String(pair.key.value)) : undefined;
    if (signal === undefined) {
      comment(value, signals, told);
      continue;
    }
    if (isMap(value) || isSeq(value)) value.flow = true;
    const text = valueText(signal.value, signal.unit, signal.quality);
    if (value !== null) value.comment = ` ${text === undefined ? 'not read' : `read ${text}`}`;
    told.add(signal.signal);
  }
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
