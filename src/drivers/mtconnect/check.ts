import type { ConfiguredMachine, SettingsFinding } from '../driver.ts';
import type { settings } from './settings.ts';

/** Two machines that read the same device would send everything twice. */
export function check(machines: readonly ConfiguredMachine<typeof settings>[]): SettingsFinding[] {
  const first = new Map<string, string>();
  return machines.flatMap(({ id, settings: { url, device } }, machine) => {
    const source = JSON.stringify([new URL(url).href.replace(/\/$/, ''), device ?? null]);
    const other = first.get(source);
    if (other !== undefined)
      return [{ machine, path: ['url'], message: `the same url and device as machine ${other}` }];
    first.set(source, id);
    return [];
  });
}
