import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { codeOf, Fault } from '../errors.ts';
import { PROJECT_ROOT } from '../project-root.ts';

/** Where scripts/page.ts builds the page. */
export const PAGE_FOLDER: string = join(PROJECT_ROOT, 'dist/page');

/** Other files are not served. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
};
/** Best first. */
const ENCODINGS = ['br', 'gzip'] as const;
/** Of 11: much of the gain for little of the time, which a Raspberry Pi has not. */
const BROTLI_QUALITY = 9;

export interface StaticFile {
  readonly type: string;
  readonly etag: string;
  readonly encoding?: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * The files of the status page, read when they are first asked for and served from memory: no name that comes over the
 * network reaches the file system.
 */
export class StaticFiles {
  readonly #folder: string;
  #files: Promise<ReadonlyMap<string, readonly StaticFile[]>> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The file of a path, in the best encoding that is accepted. undefined: there is none.
   * @throws Fault when the page was not built
   */
  async get(path: string, acceptEncoding: string | undefined): Promise<StaticFile | undefined> {
    this.#files ??= read(this.#folder);
    try {
      const variants = (await this.#files).get(path);
      return variants?.find(({ encoding }) => encoding === undefined || accepts(acceptEncoding, encoding));
    } catch (error) {
      this.#files = undefined;
      throw error;
    }
  }
}

async function read(folder: string): Promise<ReadonlyMap<string, readonly StaticFile[]>> {
  const files = new Map<string, readonly StaticFile[]>();
  for (const name of await namesIn(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    files.set(name === 'index.html' ? '/' : `/${name}`, await variantsOf(await readFile(join(folder, name)), type));
  }
  return files;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new Fault('us', 'the status page was not built', { hint: 'npm run build', cause: error });
  }
}

/** Best first; the plain file is last, and what is not smaller than it is left out. */
async function variantsOf(plain: Buffer, type: string): Promise<StaticFile[]> {
  const packed = await Promise.all([
    promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
    promisify(gzip)(plain, { level: constants.Z_BEST_COMPRESSION }),
  ]);
  const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 16);
  const variants = ENCODINGS.map((encoding, n) => ({
    type,
    etag: `"${hash}-${encoding}"`,
    encoding,
    body: new Uint8Array(packed[n] ?? plain),
  }));
  const shorter = variants.filter(({ body }) => body.length < plain.length);
  return [...shorter, { type, etag: `"${hash}"`, body: new Uint8Array(plain) }];
}

function accepts(header: string | undefined, encoding: string): boolean {
  const entries = (header ?? '').toLowerCase().split(',');
  return entries.some((entry) => {
    const [name, weight] = entry.split(';').map((part) => part.trim());
    return name === encoding && !/^q=0(\.0*)?$/.test(weight ?? '');
  });
}
