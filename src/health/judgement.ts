/** How a stage is doing. */
export interface StageHealth {
  /** `event-loop`, `outbox`, `pipeline`, `uplink`, `memory`, or `driver` of a machine. */
  readonly stage: string;
  readonly machine?: string | undefined;
  /** `idle`: there is nothing that should progress. `recovering`: it was restarted and has time to come back. */
  readonly state: 'progress' | 'idle' | 'recovering' | 'stalled';
  /** Milliseconds without progress; 0 while it progresses. */
  readonly stalledFor: number;
  /** What does not progress, in words. */
  readonly message?: string | undefined;
  /** How often the watchdog has restarted it since the process was started. */
  readonly restarts: number;
}

/** What the watchdog, `/healthz` and the container's health check say. */
export interface Judgement {
  /** Whether everything that should progress does, or is being brought back. */
  readonly healthy: boolean;
  /** Of drivers only those that do not progress. */
  readonly stages: readonly StageHealth[];
  /** Process restarts by the watchdog that this data folder remembers. */
  readonly processRestarts: number;
}
