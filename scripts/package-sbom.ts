import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const LICENSE_FILE = /^(licen[cs]e|copying)([.-].*)?$/i;

/** The parts of a CycloneDX document that are read or changed here. */
interface Bom {
  serialNumber?: string;
  metadata: { timestamp: string; component: { name: string } };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

interface Component {
  'bom-ref': string;
  type: string;
  name: string;
  version: string;
  purl: string;
  licenses?: unknown;
}

/** A package of npm that is inside. */
interface Part {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Text of its license; empty where it has none. */
  readonly text: string;
}

export interface Contents {
  /** Folders of packages, from the root of the project. */
  readonly packages: readonly string[];
  /** Of the Node.js inside. */
  readonly node: { readonly version: string; readonly license: string };
  readonly date: Date;
}

/** Software bill of materials in CycloneDX: what npm knows, but only of what is really inside, and Node.js. */
export function sbom({ packages, node, date }: Contents): string {
  const npm = ['sbom', '--sbom-format', 'cyclonedx'];
  const bom: Bom = JSON.parse(
    execFileSync('npm', npm, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const inside = new Set(packages.map(readPart).map(({ name, version }) => `${name}@${version}`));
  const root = bom.dependencies.find(({ ref }) => ref.startsWith('edge-gateway@'));
  // What would be another one at each build.
  delete bom.serialNumber;
  bom.metadata.timestamp = date.toISOString();
  bom.metadata.component.name = 'edge-gateway';
  const runtime = {
    'bom-ref': `node@${node.version}`,
    type: 'platform',
    name: 'node',
    version: node.version,
    purl: `pkg:generic/node@${node.version}`,
    licenses: [{ license: { id: 'MIT' } }],
  };
  bom.components = [runtime, ...bom.components.filter((component) => inside.has(component['bom-ref']))];
  bom.dependencies = bom.dependencies
    .filter((dependency) => dependency === root || inside.has(dependency.ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => inside.has(one)) }));
  return `${JSON.stringify(bom, undefined, 2)}\n`;
}

/** Debian's `copyright` file: the license of each part; texts that are the same stand once. */
export function copyright({ packages, node }: Contents): string {
  const byText = new Map<string, Part[]>();
  for (const part of packages.map(readPart)) {
    const same = byText.get(part.text);
    if (same === undefined) byText.set(part.text, [part]);
    else same.push(part);
  }
  const sections = [...byText].map(([text, parts]) => {
    const names = parts.map(({ name, version, license }) => `${name} ${version} (${license})`);
    return `${names.join('\n')}\n\n${text || 'Its package has no text of the license.'}`;
  });
  const own =
    'edge-gateway: all rights reserved. It contains the software below, under the licenses that follow each list.';
  return `${[own, ...sections, `Node.js ${node.version}, in /usr/lib/edge-gateway/bin/node\n\n${node.license.trim()}`].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

function readPart(folder: string): Part {
  const path = join(ROOT, folder);
  const { name, version, license = 'unknown' } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  const file = readdirSync(path).find((entry) => LICENSE_FILE.test(entry));
  return { name, version, license, text: file === undefined ? '' : readFileSync(join(path, file), 'utf8').trim() };
}
