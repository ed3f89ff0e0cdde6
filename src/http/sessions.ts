import { createHash, randomBytes } from 'node:crypto';

/** Browsers that are logged in; of more, the one that was not seen for longest is logged out. */
const MAX_SESSIONS = 256;
/** A session that is not used for so long is over. */
export const SESSION_MS = 30 * 86_400_000;
/** How often a browser is told anew how long its cookie holds. */
const RENEW_MS = 86_400_000;
const ID_BYTES = 32;

interface Session {
  readonly renewedAt: number;
  readonly usedAt: number;
}

/**
 * Who has logged in: random ids, in memory only, so that a restart logs everybody out. An id is looked up by its hash, so that the
 * time this takes says nothing about it. Times are milliseconds of any steady clock.
 */
export class Sessions {
  /** By hash of their id; the one that was not seen for longest is first. */
  readonly #sessions = new Map<string, Session>();

  /** @returns the id of a new session */
  open(now: number): string {
    const id = randomBytes(ID_BYTES).toString('base64url');
    this.#sessions.set(hashOf(id), { renewedAt: now, usedAt: now });
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= MAX_SESSIONS) break;
      this.#sessions.delete(oldest);
    }
    return id;
  }

  /** Whether there is such a session, which goes on from now; `renew`: and its cookie should be sent again. */
  use(id: string, now: number): 'unknown' | 'known' | 'renew' {
    const hash = hashOf(id);
    const session = this.#sessions.get(hash);
    this.#sessions.delete(hash);
    if (session === undefined || now - session.usedAt > SESSION_MS) return 'unknown';
    const renew = now - session.renewedAt > RENEW_MS;
    this.#sessions.set(hash, { usedAt: now, renewedAt: renew ? now : session.renewedAt });
    return renew ? 'renew' : 'known';
  }

  close(id: string): void {
    this.#sessions.delete(hashOf(id));
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
