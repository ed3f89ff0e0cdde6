import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { until } from '../support/plant.ts';
import { buildPackage } from './build.ts';
import { cleanRoot, inRoot, spawnClean } from './clean-root.ts';
import { missingTools, notRoot } from './tools.ts';

/** Shorter than the unit's minute, so that the test does not take as long. */
const WATCHDOG_S = 3;
const BOOT_MS = 60_000;
const skip = missingTools('dpkg-deb', 'debootstrap', 'systemd-nspawn', 'nsenter', 'flock') || notRoot;

/** A Debian that has booted, with systemd as its first process, and nothing of a network but its own loopback. */
class Computer implements AsyncDisposable {
  readonly #nspawn: ChildProcess;
  readonly #first: string;

  private constructor(nspawn: ChildProcess, first: string) {
    this.#nspawn = nspawn;
    this.#first = first;
  }

  static async boot(root: string): Promise<Computer> {
    const options = ['--quiet', '--register=no', '--keep-unit', '--private-network', '--console=pipe', '--boot'];
    const nspawn = spawn('systemd-nspawn', ['--directory', root, ...options], { stdio: 'ignore' });
    const children = `/proc/${nspawn.pid}/task/${nspawn.pid}/children`;
    await until(
      'the container has a first process',
      () => existsSync(children) && readFileSync(children, 'utf8') !== '',
    );
    const computer = new Computer(nspawn, readFileSync(children, 'utf8').trim());
    try {
      // `degraded`: some unit of Debian's has failed, which is no concern of ours.
      await until(
        'it has booted',
        () => /^(running|degraded)/.test(computer.run('systemctl is-system-running')),
        BOOT_MS,
      );
    } catch (error) {
      t.comment(computer.run('systemctl --no-pager list-jobs; systemctl --no-pager --failed'));
      await computer[Symbol.asyncDispose]();
      throw error;
    }
    return computer;
  }

  /** What a command of a shell printed, whatever its exit code. */
  run(script: string): string {
    const { stdout, stderr } = spawnClean('nsenter', '--target', this.#first, '--all', 'sh', '-c', script);
    return stdout + stderr;
  }

  /** A property of the service. */
  show(property: string): string {
    return this.run(`systemctl show --property ${property} --value edge-gateway`).trim();
  }

  /** Pulls the plug. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#nspawn.exitCode !== null || this.#nspawn.signalCode !== null) return;
    const gone = once(this.#nspawn, 'exit');
    process.kill(Number(this.#first), 'SIGKILL');
    await gone;
  }
}

// A clean computer may have to be fetched first.
t.setTimeout(300_000);

t.test('the service, under a real systemd', { skip }, async (t) => {
  const folder = t.testdir();
  const root = cleanRoot(folder);
  copyFileSync(buildPackage(folder, 'amd64'), join(root, 'root/edge-gateway.deb'));
  t.match(inRoot(root, 'dpkg', '--install', '/root/edge-gateway.deb'), { status: 0 });
  // The documented way for a secret and for what differs on a site.
  mkdirSync(join(root, 'etc/edge-gateway/credentials'));
  writeFileSync(join(root, 'etc/edge-gateway/credentials/mqtt-password'), 'correct horse', { mode: 0o600 });
  const config = readFileSync(join(root, 'etc/edge-gateway/gateway.yaml'), 'utf8').replace(
    /^uplink: .*$/m,
    'uplink: { url: "mqtt://127.0.0.1", auth: { username: gw, password: "${credential:mqtt-password}" } }',
  );
  writeFileSync(join(root, 'etc/edge-gateway/gateway.yaml'), config);
  mkdirSync(join(root, 'etc/systemd/system/edge-gateway.service.d'), { recursive: true });
  writeFileSync(
    join(root, 'etc/systemd/system/edge-gateway.service.d/site.conf'),
    `[Service]
LoadCredential=mqtt-password:/etc/edge-gateway/credentials/mqtt-password
WatchdogSec=${WATCHDOG_S}
RestartSec=1
`,
  );
  await using computer = await Computer.boot(root);

  await t.test('installing it has started nothing', async (t) => {
    t.equal(
      computer.run('systemctl is-enabled edge-gateway; systemctl is-active edge-gateway'),
      'disabled\ninactive\n',
    );
  });

  await t.test('it tells when it is ready, and how it is', async (t) => {
    t.equal(
      computer.run('systemctl enable --quiet --now edge-gateway'),
      '',
      'start waits until it is ready, and succeeds',
    );
    t.equal(computer.show('ActiveState'), 'active');
    t.match(computer.show('StatusText'), /0 of 1 machines are read/);
    const status = 'edge-gateway status --config /etc/edge-gateway/gateway.yaml';
    t.match(computer.run(status), /^acme\/gw-01: edge-gateway /, 'a technician can ask it');
    t.match(computer.run(`su -s /bin/sh nobody -c '${status}'`), /may not be asked by user \d+/, 'nobody else can');
  });

  await t.test('it runs in the sandbox', async (t) => {
    const facts = computer.run(`grep -E '^(CapEff|NoNewPrivs|Seccomp|Uid):' /proc/${computer.show('MainPID')}/status`);
    t.match(facts, /^CapEff:\s+0+$/m);
    t.match(facts, /^NoNewPrivs:\s+1$/m);
    t.match(facts, /^Seccomp:\s+2$/m);
    t.notMatch(facts, /^Uid:\s+0/m);
  });

  await t.test('a healthy gateway is left alone, one that makes no progress is started again', async (t) => {
    const first = computer.show('MainPID');
    await sleep(WATCHDOG_S * 1500);
    t.equal(computer.show('MainPID'), first, 'a healthy one is left alone');
    computer.run(`kill -STOP ${first}`);
    await until(
      'it was started again',
      () => computer.show('NRestarts') === '1' && computer.show('ActiveState') === 'active',
    );
    t.match(computer.run('journalctl --output cat --unit edge-gateway'), /Watchdog timeout/);
  });

  await t.test('SIGKILL starts it again, reload does not', async (t) => {
    computer.run('systemctl kill --signal SIGKILL edge-gateway');
    await until(
      'it was started again',
      () => computer.show('NRestarts') === '2' && computer.show('ActiveState') === 'active',
    );
    const pid = computer.show('MainPID');
    computer.run('systemctl reload edge-gateway');
    await until('the config was read', () =>
      computer.run('journalctl -o cat -u edge-gateway').includes('config reloaded'),
    );
    t.equal(computer.show('MainPID'), pid);
  });

  await t.test('an upgrade goes on with the new program', async (t) => {
    const pid = computer.show('MainPID');
    t.notMatch(computer.run('dpkg --install /root/edge-gateway.deb'), /error|not restarted/i);
    t.not(computer.show('MainPID'), pid);
    t.equal(computer.show('ActiveState'), 'active');
  });

  await t.test('a config with mistakes is told, ends with 78 and is not tried again and again', async (t) => {
    computer.run('sed -i "s/^uplink/uplnk/" /etc/edge-gateway/gateway.yaml; systemctl restart edge-gateway');
    await until('it has given up', () => computer.show('ActiveState') === 'failed');
    t.equal(computer.show('ExecMainStatus'), '78');
    t.match(computer.run('journalctl -o cat -u edge-gateway'), /gateway\.yaml:\d+:1: uplnk: unknown key/);
  });

  await t.test('removing it stops it and leaves no unit behind', async (t) => {
    computer.run('sed -i "s/^uplnk/uplink/" /etc/edge-gateway/gateway.yaml; systemctl restart edge-gateway');
    t.equal(computer.show('ActiveState'), 'active');
    t.notMatch(computer.run('dpkg --remove edge-gateway'), /error|warning/i);
    t.equal(computer.run('systemctl is-active edge-gateway'), 'inactive\n');
    t.match(computer.run('systemctl status edge-gateway'), /could not be found/);
  });
});
