import { readFileSync } from 'node:fs';

/** `version` of package.json: two folders up from `dist/src/`, one from `src/`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const folder = import.meta.url.includes('/dist/src/') ? '../../package.json' : '../package.json';
  return JSON.parse(readFileSync(new URL(folder, import.meta.url), 'utf8')).version;
}
