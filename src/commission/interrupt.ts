/** For what hangs up properly, such as a session of a server, when a person ends the command. */
const GRACE_MS = 1000;

/**
 * Aborts at the first SIGINT or SIGTERM; what still runs a second later, or at the second signal, is ended with exit code 1.
 * For commands that change nothing and may be ended anywhere.
 */
export function interruption(): AbortSignal {
  const stop = new AbortController();
  const end = () => process.exit(1);
  const onSignal = () => {
    if (stop.signal.aborted) end();
    process.stderr.write('\nedge-gateway: stopped\n');
    process.exitCode = 1;
    setTimeout(end, GRACE_MS).unref();
    stop.abort(new Error('stopped'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return stop.signal;
}

/** Ends the process a little later, whatever a driver has left open: a finished command must not hang. */
export function endSoon(): void {
  setTimeout(() => process.exit(), GRACE_MS).unref();
}
