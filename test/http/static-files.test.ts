import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t from 'tap';
import { StaticFiles } from '../../src/http/static-files.ts';
import { serving } from './support.ts';

const SCRIPT = 'console.log("hello");\n'.repeat(200);
const FILES = {
  'index.html': '<!doctype html>',
  'page.js': SCRIPT,
  'page.css': 'body{}',
  'icon.svg': '<svg/>',
  'notes.txt': 'no',
};

t.test('the page is served with what keeps it safe', async (t) => {
  const { get } = await serving(t, { pageFolder: t.testdir(FILES) });
  const types = {
    '/': 'text/html; charset=utf-8',
    '/page.js': 'text/javascript; charset=utf-8',
    '/page.css': 'text/css; charset=utf-8',
    '/icon.svg': 'image/svg+xml',
  };
  for (const [path, type] of Object.entries(types)) {
    const { status, headers } = await get(path);
    t.equal(status, 200, path);
    t.match(headers, {
      'content-type': type,
      'content-security-policy':
        /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;.* frame-ancestors 'none'$/,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-cache',
      vary: 'accept-encoding',
    });
  }
  t.equal((await get('/notes.txt')).status, 404, 'files of other kinds are not');
  t.equal((await get('/index.html')).status, 404);
});

t.test('whoever has the file is not sent it again', async (t) => {
  const { get, send } = await serving(t, { pageFolder: t.testdir(FILES) });
  const { headers, body } = await get('/page.js');
  t.equal(body, SCRIPT);
  const again = await get('/page.js', { 'if-none-match': String(headers.etag) });
  t.equal(again.status, 304);
  t.equal(again.body, '');
  t.equal((await get('/page.js', { 'if-none-match': '"other"' })).status, 200);
  t.equal((await send('HEAD', '/page.js')).body, '');
});

t.test('files go out in the best encoding that is accepted', async (t) => {
  const page = new StaticFiles(t.testdir(FILES));
  const encodingOf = async (accept: string | undefined) => (await page.get('/page.js', accept))?.encoding;
  t.equal(await encodingOf('gzip, deflate, br, zstd'), 'br');
  t.equal(await encodingOf('gzip, deflate'), 'gzip');
  t.equal(await encodingOf('br;q=0, gzip;q=0.5'), 'gzip');
  t.equal(await encodingOf('br; q=0.0, gzip;q=0'), undefined);
  t.equal(await encodingOf('identity'), undefined);
  t.equal(await encodingOf(undefined), undefined);
  const bodyOf = async (accept: string) => (await page.get('/page.js', accept))?.body ?? new Uint8Array();
  t.equal(String(brotliDecompressSync(await bodyOf('br'))), SCRIPT);
  t.equal(String(gunzipSync(await bodyOf('gzip'))), SCRIPT);
  t.equal((await page.get('/page.css', 'br'))?.encoding, undefined, 'what would only get longer goes out as it is');
});

t.test('a page that was not built is told, and served once it is', async (t) => {
  const pageFolder = join(t.testdir(), 'page');
  const { get } = await serving(t, { pageFolder });
  const { status, body } = await get('/');
  t.equal(status, 503);
  t.strictSame(JSON.parse(body), { error: 'the status page was not built: npm run build' });
  mkdirSync(pageFolder);
  writeFileSync(join(pageFolder, 'index.html'), 'now');
  t.equal((await get('/')).body, 'now');
});
