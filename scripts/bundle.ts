import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** As Node.js names them. */
export type Architecture = 'arm64' | 'x64';

/** Asked for by node-opcua only where it is installed. */
const OPTIONAL = ['proper-lockfile'];

/** A CommonJS package in the bundle asks for Node's own modules with `require`. */
const BANNER = "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);";

/** Packages that look for files in their own folder, and those files. node-opcua's server side is wanted by the demo only. */
const ownFiles = (arch: Architecture): Readonly<Record<string, readonly string[]>> => ({
  'better-sqlite3': [`prebuilds/linux-${arch}.node`],
  '@serialport/bindings-cpp': [
    `prebuilds/linux-${arch}/@serialport+bindings-cpp.${arch === 'arm64' ? 'armv8.' : ''}glibc.node`,
  ],
  'node-opcua-server': ['package.json'],
  'node-opcua-nodesets': ['package.json', 'nodesets/Opc.Ua.NodeSet2.xml'],
});

/**
 * Bundles the program with its dependencies into `folder`/dist/src, where the launcher looks for what was compiled, for Linux with glibc.
 * What is imported lazily is a file of its own and stays lazy. Files that packages look for at run time go to `folder`/node_modules.
 * @returns folders of the packages that are inside, from the root of the project: `node_modules/zod`, …
 * @throws Error of esbuild
 */
export async function bundle(folder: string, arch: Architecture): Promise<string[]> {
  const own = ownFiles(arch);
  const outdir = join(folder, 'dist/src');
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    // The outbox's thread is started from a file, which is found beside the file that starts it.
    entryPoints: { main: 'src/main.ts', worker: 'src/outbox/worker.ts' },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: OPTIONAL,
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    banner: { js: BANNER },
    // Less source for V8 to hold: 12 MB of memory with OPC UA. Names stay: node-opcua finds its types by those of their classes,
    // and people read stack traces.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: 'none',
    plugins: [inOwnFolder(Object.keys(own)), named],
    metafile: true,
    logLevel: 'warning',
  });
  for (const [name, files] of Object.entries(own)) {
    for (const file of files) {
      const path = join('node_modules', name, file);
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      cpSync(join(ROOT, path), join(folder, path));
    }
  }
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const packages = used.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(packages)].sort();
}

/** Has packages look for their files in their own folder, below the `node_modules` that lies two folders above the bundle's files. */
function inOwnFolder(names: readonly string[]): Plugin {
  const filter = new RegExp(`/node_modules/(${names.join('|')})/[^:]*\\.[cm]?js$`);
  return {
    name: 'in-own-folder',
    setup: ({ onLoad }) =>
      onLoad({ filter }, ({ path }) => {
        const folder = `require("node:path").join(__dirname, "../..", ${JSON.stringify(relative(ROOT, dirname(path)))})`;
        const contents = readFileSync(path, 'utf8').replaceAll(/\b__dirname\b|\bimport\.meta\.dirname\b/g, folder);
        return { contents, loader: 'js' };
      }),
  };
}

/** Gives `await import('serialport')` the names that Node.js finds in a CommonJS package; of itself esbuild would give but `default`. */
const named: Plugin = {
  name: 'named',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
      const isOurs = importer.endsWith('.ts') && !importer.includes('/node_modules/');
      return kind === 'dynamic-import' && isOurs && !isBuiltin(path) ? { path, namespace: 'named' } : undefined;
    });
    onLoad({ filter: /./, namespace: 'named' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => /^[\w$]+$/.test(name) && name !== 'default');
      return { contents: `export { ${names.join(', ')} } from ${JSON.stringify(path)}`, resolveDir: ROOT };
    });
  },
};
