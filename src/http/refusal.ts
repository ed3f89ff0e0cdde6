/** What a request is answered with instead of what it asked for: `{"error": message}`. */
export class Refusal extends Error {
  readonly status: 400 | 401 | 403 | 404 | 413 | 429 | 503;
  /** When asking again makes sense, in milliseconds. */
  readonly retryAfter: number | undefined;

  /** @param message what is wrong, and what to do */
  constructor(status: Refusal['status'], message: string, retryAfter?: number) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
