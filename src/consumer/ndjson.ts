import { type FileHandle, open } from 'node:fs/promises';
import { codeOf, Fault } from '../errors.ts';
import type { ReceivedBatch } from './inbox.ts';

/** Where batches are written, one JSON object a line. */
export interface NdjsonSink extends AsyncDisposable {
  /**
   * Resolves when the line is handed to the system. Lines come in the order of the calls; one call at a time. A batch
   * that is late carries `"late":true`.
   */
  write(received: ReceivedBatch): Promise<void>;
}

/**
 * Standard output for `-`, else a file that is begun anew, or continued with `append`.
 * @throws Fault of the config when the file cannot be opened; `write` throws the errors of the system
 */
export async function openNdjson(path: string, append: boolean): Promise<NdjsonSink> {
  const file = path === '-' ? undefined : await openFile(path, append);
  // A reader that has gone is told by the callback of the write; the event would end the process.
  if (file === undefined) process.stdout.on('error', () => undefined);
  const put = file === undefined ? writeStdout : (text: string) => file.appendFile(text);
  return {
    write: ({ batch, late }) => put(`${JSON.stringify(late ? { ...batch, late } : batch)}\n`),
    async [Symbol.asyncDispose]() {
      await file?.close();
    },
  };
}

async function openFile(path: string, append: boolean): Promise<FileHandle> {
  try {
    return await open(path, append ? 'a' : 'w');
  } catch (cause) {
    throw new Fault('config', `cannot write ${path} (${codeOf(cause)})`, { hint: 'choose another --out', cause });
  }
}

function writeStdout(text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  return promise;
}
