import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../simulator/mtconnect/agent.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/** A command as a process of its own; without a terminal. */
export function command(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (output.stdout += text));
  child.stderr.on('data', (text) => (output.stderr += text));
  return {
    child: child as ChildProcess,
    output,
    ended: once(child, 'close').then(([status]) => ({ status, ...output })),
  };
}

/** Runs a command to its end. */
export function run(folder: string, args: readonly string[], env?: Readonly<Record<string, string>>) {
  return command(folder, args, env).ended;
}

/** An agent with one machine that is running. */
export async function runningAgent(t: Test, options: AgentOptions = {}, host = '127.0.0.1', port = 0) {
  const agent = new SimulatedAgent(options);
  t.teardown(() => agent.stop());
  await agent.start(port, host);
  for (const { name } of agent.machines) {
    for (const [item, value] of [
      ['avail', 'AVAILABLE'],
      ['execution', 'ACTIVE'],
      ['Srpm', 1523.5],
    ] as const) {
      agent.observe(name, item, value);
    }
  }
  return { agent, url: agent.url.href.replace(/\/$/, ''), port: Number(agent.url.port) };
}

/** What `check` says of a config with these machine entries. */
export async function checked(folder: string, entries: string, env?: Readonly<Record<string, string>>) {
  const text = `gateway: { id: gw-01, tenant: acme }\nmachines:\n${entries}uplink: { url: "mqtts://broker" }\n`;
  writeFileSync(join(folder, 'pasted.yaml'), text);
  const { status, stderr, stdout } = await run(folder, ['check', 'pasted.yaml'], env);
  return { status, told: stderr || stdout };
}
