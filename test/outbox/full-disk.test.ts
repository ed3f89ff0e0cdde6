import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { verify } from '../../src/outbox/verify.ts';
import { batch, bulky, claimAll, open, valuesOf } from './support.ts';

const KIB = 1024;

const dataDir = mkdtempSync(join(tmpdir(), 'outbox-'));
t.teardown(() => rmdirSync(dataDir));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dataDir]).status === 0;

t.test(
  'a disk that is really full heals when room is freed',
  { skip: mounted ? false : 'a tmpfs needs root' },
  async (t) => {
    try {
      const ballast = join(dataDir, 'ballast');
      writeFileSync(ballast, Buffer.alloc(2 * 1024 * KIB));
      const { outbox, logged } = await open(t, dataDir);
      const refused = logged('cannot write').then(() => true);
      const appends: Promise<void>[] = [];
      let stuck = false;
      while (!stuck) {
        const append = outbox.append({ batches: [bulky(20 * KIB), batch([appends.length], { machine: 'm2' })] });
        appends.push(append);
        stuck = await Promise.race([append.then(() => false), refused]);
      }
      const kept = await claimAll(outbox);
      rmSync(ballast);
      await Promise.all(appends);
      const all = (await claimAll(outbox)).filter(({ machine }) => machine === 'm2');
      t.same(
        all.map((entry) => valuesOf(entry)[0]),
        [...appends.keys()],
        'everything is there, in order',
      );
      t.equal(kept.length, 2 * (appends.length - 1), 'what failed left nothing behind');
      await outbox.close();
      using archive = Archive.open(dataDir);
      t.same([...verify(archive, { quick: false })], []);
    } finally {
      execFileSync('umount', ['--lazy', dataDir]);
    }
  },
);
