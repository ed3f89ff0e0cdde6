import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Architecture, bundle } from './bundle.ts';
import { bashCompletion } from './package-completion.ts';
import { readCommands } from './package-help.ts';
import { manPage } from './package-man.ts';
import { setModes } from './package-modes.ts';
import { unpackNode } from './package-node.ts';
import { copyright, sbom } from './package-sbom.ts';

const ROOT = join(import.meta.dirname, '..');
const PROGRAM = 'usr/lib/edge-gateway';
const DOC = 'usr/share/doc/edge-gateway';

/**
 * Lays the files of the package into `root`, an empty or missing folder, as they will lie on the target computer.
 * @param date that is written where one has to be, so that the same source always gives the same files
 * @throws Error when something that ships is not built, or Node.js cannot be fetched
 */
export async function layTree(root: string, arch: Architecture, date: Date): Promise<void> {
  if (existsSync(root) && readdirSync(root).length > 0) throw new Error(`${root} is not empty`);
  const { version, type, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const lay = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const copy = (from: string, path: string) => {
    if (!existsSync(join(ROOT, from))) throw new Error(`${from} is missing: run npm run build`);
    cpSync(join(ROOT, from), join(root, path), { recursive: true });
  };

  const packages = await bundle(join(root, PROGRAM), arch);
  copy('dist/page', `${PROGRAM}/dist/page`);
  copy('bin', `${PROGRAM}/bin`);
  lay(`${PROGRAM}/package.json`, `${JSON.stringify({ name: 'edge-gateway', version, type })}\n`);
  unpackNode(join(root, PROGRAM), devDependencies.node, arch);
  const license = join(root, PROGRAM, 'LICENSE');
  const contents = {
    packages,
    node: { version: devDependencies.node, license: readFileSync(license, 'utf8') },
    date,
  };
  rmSync(license);
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync('../lib/edge-gateway/bin/edge-gateway', join(root, 'usr/bin/edge-gateway'));

  copy('systemd/edge-gateway.service', 'usr/lib/systemd/system/edge-gateway.service');
  copy('packaging/gateway.yaml', 'etc/edge-gateway/gateway.yaml');

  const commands = readCommands(join(root, PROGRAM, 'dist/src/main.js'));
  lay('usr/share/bash-completion/completions/edge-gateway', bashCompletion(commands));
  lay('usr/share/man/man1/edge-gateway.1.gz', gzipSync(manPage(commands, version, date), { level: 9 }));
  lay(`${DOC}/copyright`, copyright(contents));
  lay(`${DOC}/sbom.cdx.json`, sbom(contents));
  copy('packaging/README.md', `${DOC}/README.md`);
  for (const page of globSync('docs/*.md', { cwd: ROOT })) copy(page, page.replace('docs', DOC));
  copy('docs/contract', `${DOC}/contract`);
  for (const file of ['example.yaml', 'edge-gateway.schema.json']) copy(`config/${file}`, `${DOC}/examples/${file}`);
  copy('examples/rules', `${DOC}/examples/rules`);
  setModes(root);
}
