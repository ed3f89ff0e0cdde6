import { nearest } from '../config/nearest.ts';
import type { DriverModule } from '../drivers/driver.ts';
import type { DriverTools, Found, Toolbox } from '../drivers/toolbox.ts';

/** The tools of a driver with the name that a config gives it. */
export interface NamedTools {
  readonly driver: string;
  readonly tools: DriverTools;
}

/** Something found, and by which driver. */
export type FoundBy = Found & { readonly driver: string };

/** The drivers that help to commission. */
export function toolsOf(drivers: Readonly<Record<string, DriverModule>>): NamedTools[] {
  return Object.entries(drivers).flatMap(([driver, { tools }]) => (tools === undefined ? [] : [{ driver, tools }]));
}

/** What a person named: a URL for one driver, or a host that drivers have to look at. */
export type Target =
  | { readonly kind: 'url'; readonly url: string; readonly by: NamedTools }
  | { readonly kind: 'host'; readonly host: string; readonly port: number | undefined };

/**
 * Reads what a person gave to be probed: `http://…`, `opc.tcp://…`, or only `host` or `host:port`.
 * @throws TargetError in plain words
 */
export function parseTarget(text: string, all: readonly NamedTools[]): Target {
  // A person may have typed a password where none belongs.
  const shown = text.replace(/^(\S*?:\/\/)?.*@/s, '$1…@');
  const protocols = all.flatMap(({ tools }) => tools.protocols);
  const [, scheme] = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(text) ?? [];
  if (scheme !== undefined) {
    const by = all.find(({ tools }) => tools.protocols.includes(scheme.toLowerCase()));
    if (by !== undefined && URL.canParse(text)) return { kind: 'url', url: text, by };
    if (by !== undefined) throw new TargetError(`${shown} is no URL: check host and port`);
    const meant = nearest(scheme, protocols);
    const expected = protocols.map((protocol) => `${protocol}//`).join(', ');
    throw new TargetError(
      `no driver reads ${scheme}//: ${meant === undefined ? `expected ${expected}` : `did you mean ${meant}//?`}`,
    );
  }
  const [, host, port] = /^(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) {
    throw new TargetError(
      `${shown}: expected a URL such as ${protocols[0]}//192.168.0.21, or a host with or without :port`,
    );
  }
  return { kind: 'host', host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) };
}

/** Why a text names nothing that can be probed, for a person. */
export class TargetError extends Error {}

/** Loads each driver's toolbox once, when it is first needed. */
export class Toolboxes {
  readonly #loaded = new Map<string, Promise<Toolbox>>();

  get({ driver, tools }: NamedTools): Promise<Toolbox> {
    const loading = this.#loaded.get(driver) ?? tools.load();
    this.#loaded.set(driver, loading);
    return loading;
  }
}
