import { type Line, type LinkAddress, parseModbusUrl } from '../url.ts';

/** What a person gave to be probed: what they left out is looked for. */
export interface ProbeTarget {
  readonly link: LinkAddress;
  readonly unit: number | undefined;
  /** The ways the line may be set, the likeliest first; one where the URL says it, none where there is no line. */
  readonly lines: readonly Line[];
}

/** How devices leave their factories: the standard's own default, what most do instead, and the rest by how often. */
const LINES: readonly Line[] = (
  [
    [19_200, 'even'],
    [9600, 'none'],
    [9600, 'even'],
    [19_200, 'none'],
    [38_400, 'none'],
    [115_200, 'none'],
    [38_400, 'even'],
    [57_600, 'none'],
    [4800, 'none'],
    [2400, 'even'],
  ] as const
).map(([baud, parity]) => ({ baud, parity, data: 8, stop: 1 }));

/** @throws Fault of the config that says what is wrong with the URL */
export function targetOf(text: string): ProbeTarget {
  const { link, unit } = parseModbusUrl(text);
  const url = new URL(text);
  if (link.kind !== 'rtu') return { link, unit: url.pathname.length > 1 ? unit : undefined, lines: [] };
  const given = (key: string) => url.searchParams.has(key);
  const lines = LINES.filter(
    ({ baud, parity }) =>
      (!given('baud') || baud === link.line.baud) && (!given('parity') || parity === link.line.parity),
  ).map((line) => ({ ...line, data: link.line.data, stop: link.line.stop }));
  return {
    link,
    unit: given('unit') ? unit : undefined,
    lines: (given('baud') && given('parity')) || lines.length === 0 ? [link.line] : lines,
  };
}

/** The link with its line set so. */
export function withLine(link: LinkAddress, line: Line | undefined): LinkAddress {
  return link.kind === 'rtu' && line !== undefined ? { ...link, line } : link;
}

/** The URL of a unit, as a config has it. */
export function urlOf(link: LinkAddress, unit: number): string {
  if (link.kind === 'rtu') {
    const { baud, parity, data, stop } = link.line;
    const frame = `${data === 8 ? '' : `&data=${data}`}${stop === 1 ? '' : `&stop=${stop}`}`;
    const path = encodeURI(link.path).replace(/[?#]/g, encodeURIComponent);
    return `modbus+rtu://${path}?baud=${baud}&parity=${parity}${frame}&unit=${unit}`;
  }
  const host = link.host.includes(':') ? `[${link.host}]` : link.host;
  return `${link.kind === 'tcp' ? 'modbus' : 'modbus+rtutcp'}://${host}:${link.port}/${unit}`;
}

/** How a line is set, for a person, e.g. `19200 baud, 8E1`. */
export function lineText({ baud, parity, data, stop }: Line): string {
  return `${baud} baud, ${data}${parity.charAt(0).toUpperCase()}${stop}`;
}
