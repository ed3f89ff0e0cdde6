import { once } from 'node:events';
import { connect } from 'node:net';
import { codeOf, Fault } from '../errors.ts';
import { readLines } from './lines.ts';
import { socketPath } from './socket-path.ts';

/** A gateway that says nothing for so long hangs. */
const SILENCE_MS = 10_000;

/**
 * Asks the running gateway of a data folder. `onProgress` gets what it tells before its answer.
 * @throws Fault of the config when no gateway runs there or it may not be asked, of ours with what it refuses, or when it
 *   says nothing for ten seconds
 */
export async function ask<Result>(
  dataDir: string,
  request: { readonly command: string } & Readonly<Record<string, unknown>>,
  onProgress: (progress: Readonly<Record<string, unknown>>) => void = () => undefined,
  silenceMs = SILENCE_MS,
): Promise<Result> {
  const socket = await open(dataDir);
  socket.setTimeout(silenceMs, () => socket.destroy(silent(silenceMs)));
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const { progress, result, error } of readLines(socket)) {
      if (typeof error === 'string') throw new Fault('us', error);
      if (result !== undefined) return result as Result;
      onProgress(progress as Readonly<Record<string, unknown>>);
    }
  } finally {
    socket.destroy();
  }
  throw new Fault('us', 'the gateway has ended meanwhile', { hint: 'ask again once it runs' });
}

async function open(dataDir: string) {
  try {
    using place = socketPath(dataDir);
    const socket = connect(place.path);
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
      throw new Fault('config', `no gateway runs on ${dataDir}`, {
        cause: error,
        hint: 'start it (systemctl start edge-gateway), or check gateway.dataDir',
      });
    }
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new Fault('config', `the gateway on ${dataDir} may not be asked by user ${process.getuid?.() ?? 'me'}`, {
      cause: error,
      hint: `run it as the owner of ${dataDir}: sudo -u '#'$(stat -c %u ${dataDir}) edge-gateway …`,
    });
  }
}

function silent(ms: number): Fault {
  return new Fault('us', `the gateway has said nothing for ${ms / 1000} s: it hangs`, {
    hint: 'look at its log; its watchdog restarts it',
  });
}
