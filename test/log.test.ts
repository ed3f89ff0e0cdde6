import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const LOG = join(import.meta.dirname, '../src/log.ts');

/** Logs two lines in a process whose standard output is `stdout`. */
function logTo(stdout: number | 'pipe', format: string) {
  const program = `
    const { openLog } = await import(${JSON.stringify(LOG)});
    const log = await openLog({ level: 'info', format: '${format}' }, { tenant: 'acme', gateway: 'gw' });
    log.info({ machine: 'vmc-1', model: { name: 'VMC' } }, 'found');
    log.info('goes on');`;
  const args = ['--input-type=module', '-e', program];
  return spawnSync(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'], encoding: 'utf8' });
}

t.test('one line for each message, as JSON and as text', async (t) => {
  const json = logTo('pipe', 'json').stdout.trimEnd().split('\n');
  t.match(JSON.parse(json[0] ?? ''), { tenant: 'acme', machine: 'vmc-1', model: { name: 'VMC' }, msg: 'found' });
  t.equal(json.length, 2);
  const text = logTo('pipe', 'text').stdout;
  t.match(text, /^\[\d\d:\d\d:\d\d\] INFO: vmc-1: found \{"model":\{"name":"VMC"\}\}\n\[.{8}\] INFO: goes on\n$/);
});

for (const format of ['json', 'text']) {
  t.test(`a full disk under the log stops nothing, and is told once: ${format}`, async (t) => {
    const { status, stderr } = logTo(openSync('/dev/full', 'w'), format);
    t.equal(status, 0);
    t.match(stderr, /^edge-gateway: the log cannot be written: ENOSPC[^\n]*\n$/);
  });
}
