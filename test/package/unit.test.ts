import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { missingTools } from './tools.ts';

const UNIT = join(import.meta.dirname, '../../systemd/edge-gateway.service');
/** Of 10, which is a service without any sandbox. */
const MAX_EXPOSURE = 2.5;

const skip = missingTools('systemd-analyze');

t.test('systemd-analyze verify finds nothing in the unit', { skip }, async (t) => {
  // A root folder of its own, where the programs are that the unit names.
  const root = t.testdir();
  mkdirSync(join(root, 'usr/lib/systemd/system'), { recursive: true });
  for (const program of ['usr/bin/edge-gateway', 'bin/sh']) {
    mkdirSync(join(root, program, '..'), { recursive: true });
    writeFileSync(join(root, program), '', { mode: 0o755 });
  }
  cpSync('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), { recursive: true });
  cpSync(UNIT, join(root, 'usr/lib/systemd/system/edge-gateway.service'));
  const verify = ['verify', '--man=no', `--root=${root}`, 'edge-gateway.service'];
  const { status, stdout, stderr } = spawnSync('systemd-analyze', verify, { encoding: 'utf8' });
  t.equal(stdout + stderr, '');
  t.equal(status, 0);
});

t.test(`systemd-analyze security gives at most ${MAX_EXPOSURE}`, { skip }, async (t) => {
  const told = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', UNIT], {
    encoding: 'utf8',
  });
  const [, exposure] = /Overall exposure level for edge-gateway\.service: ([\d.]+)/.exec(told) ?? [];
  t.comment(`exposure ${exposure}`);
  t.ok(Number(exposure) <= MAX_EXPOSURE, 'it is sandboxed');
});

t.test('what the sandbox takes away leaves serial ports, the JIT and the figures of the computer', async (t) => {
  const unit = readFileSync(UNIT, 'utf8');
  for (const device of ['ttyUSB', 'ttyACM', 'ttyAMA', 'ttyS']) t.match(unit, `\nDeviceAllow=char-${device} rw\n`);
  t.match(unit, '\nSupplementaryGroups=dialout\n');
  for (const harm of ['PrivateDevices', 'MemoryDenyWriteExecute', 'ProcSubset']) t.notMatch(unit, `\n${harm}=`);
});
