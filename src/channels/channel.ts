/** What is to be told: as it was queued with the alert. */
export interface AlertNotice {
  readonly tenant: string;
  readonly gateway: string;
  readonly site?: string | undefined;
  readonly machine: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As on the wire, but for its times, which are milliseconds since the epoch. */
  readonly alert: NoticedAlert;
}

export interface NoticedAlert {
  readonly id: string;
  readonly rule: string;
  readonly state: string;
  readonly severity: string;
  readonly t: number;
  /** When its condition became true. */
  readonly since: number;
  /** Reminders so far. */
  readonly repeat?: number | undefined;
  readonly summary?: string | undefined;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

/** A notice in words. */
export interface Message {
  /** The same for each attempt: lets a receiver drop what it has. */
  readonly key: string;
  readonly subject: string;
  readonly text: string;
  readonly notice: AlertNotice;
}

/** One way to tell people. Attempts are made one after the other. */
export interface Channel {
  /**
   * Resolves when the receiver has taken it.
   * @throws Refusal when it said no; any other error when it could not be reached
   */
  send(message: Message, signal: AbortSignal): Promise<void>;
}

/** The receiver was reached, and did not take it. */
export class Refusal extends Error {
  /** Milliseconds that it asks to wait. */
  readonly retryAfter: number | undefined;
  /** Whether the same attempt may succeed later without anybody's help. */
  readonly isPassing: boolean;

  constructor(message: string, { isPassing, retryAfter }: { isPassing: boolean; retryAfter?: number | undefined }) {
    super(message);
    this.isPassing = isPassing;
    this.retryAfter = retryAfter;
  }
}
