import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setModes } from './package-modes.ts';

const ROOT = join(import.meta.dirname, '..');

/** better-sqlite3's binary wants glibc 2.34: Debian 12, Raspberry Pi OS of 2023. */
const DEPENDS = 'libc6 (>= 2.34), libstdc++6 (>= 12), libgcc-s1 (>= 3.5), passwd';

const DESCRIPTION = `Description: store-and-forward gateway for CNC machines
 Reads the machines of a shop floor (MTConnect, OPC UA, Modbus TCP and RTU),
 keeps every observation in a durable buffer and publishes it over MQTT.
 .
 Node.js is inside. The service is not started by the installation: the config
 in /etc/edge-gateway is an example.`;

export interface DebOptions {
  /** As Debian names it. */
  readonly architecture: 'arm64' | 'amd64';
  readonly version: string;
  /** Clamps the times of files, so that the same tree always gives the same file. */
  readonly date: Date;
  /** Of dpkg-deb: `-Zxz` is small and takes half a minute, `-Zzstd` is quick. */
  readonly compression: readonly string[];
}

/**
 * Makes a Debian package of a tree, without root and without debhelper.
 * @throws Error with what dpkg-deb says
 */
export function buildDeb(tree: string, file: string, { architecture, version, date, compression }: DebOptions): void {
  const control = join(tree, 'DEBIAN');
  const files = filesOf(tree).sort();
  const bytes = files.reduce((sum, path) => sum + statSync(join(tree, path)).size, 0);
  mkdirSync(control);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(join(ROOT, 'packaging/debian', script), join(control, script));
  }
  const fields = {
    Package: 'edge-gateway',
    Version: version,
    Architecture: architecture,
    Maintainer: 'Edge Gateway Project <edge-gateway@example.com>',
    'Installed-Size': String(Math.ceil(bytes / 1024)),
    Depends: DEPENDS,
    Recommends: 'ca-certificates, systemd',
    Suggests: 'bash-completion',
    Section: 'net',
    Priority: 'optional',
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  writeFileSync(join(control, 'control'), `${[...lines, DESCRIPTION].join('\n')}\n`);
  const configs = files.filter((path) => path.startsWith('etc/'));
  writeFileSync(join(control, 'conffiles'), configs.map((path) => `/${path}\n`).join(''));
  // For `dpkg --verify`: is what is on the card still what was installed?
  const sums = files.filter((path) => !configs.includes(path)).map((path) => `${md5(join(tree, path))}  ${path}\n`);
  writeFileSync(join(control, 'md5sums'), sums.join(''));
  setModes(tree);
  execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', tree, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(Math.floor(date.getTime() / 1000)) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Files and not links, from the tree's root. */
function filesOf(tree: string): string[] {
  const entries = readdirSync(tree, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(tree, join(entry.parentPath, entry.name)));
}

function md5(file: string): string {
  return createHash('md5').update(readFileSync(file)).digest('hex');
}
