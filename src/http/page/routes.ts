/** Which part of the page is shown; kept in the address, so that the browser’s back button and bookmarks work. */
export interface Route {
  readonly machine: string | undefined;
  readonly signal: string | undefined;
}

/** `#/machine/signal`, each percent-encoded. */
export function hashOf(machine: string, signal?: string): string {
  return `#/${encodeURIComponent(machine)}${signal === undefined ? '' : `/${encodeURIComponent(signal)}`}`;
}

/** What is no route is the overview. */
export function routeOf(hash: string): Route {
  const [root, machine, signal] = hash.split('/').map(decoded);
  if (root !== '#' || machine === undefined || machine === '') return { machine: undefined, signal: undefined };
  return { machine, signal };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Cut or typed by hand.
    return part;
  }
}
