/** An answer as it came, without what framed it. */
export interface Answer {
  /** Function code and what follows. */
  readonly pdu: Buffer;
  /** When its last byte arrived, in milliseconds since the epoch. */
  readonly t: number;
}

/** An answer with the milliseconds from its request to its last byte, the queue not counted. */
export interface Reply extends Answer {
  readonly roundTrip: number;
}

/** An open wire that carries requests to units and their answers back. Nothing but `Link` uses it. */
export interface Transport {
  /** Requests that it can tell apart while they are under way at once. */
  readonly maxInFlight: number;
  /** Whether an answer that comes late could be taken for that of the next request to the same unit. */
  readonly isAmbiguous: boolean;
  /**
   * Sends a request and resolves with its answer, whatever else comes meanwhile.
   * @throws NoAnswer after `timeout` milliseconds (time on the wire not counted), BadAnswer, LinkDown
   */
  exchange(unit: number, pdu: Buffer, timeout: number): Promise<Answer>;
  /** Called once when the wire is of no more use, with the reason; everything under way has failed by then. */
  onClose(listener: (reason: Error) => void): void;
  /** Closes it; everything under way fails. */
  close(): void;
}
