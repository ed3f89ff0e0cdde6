import type { Quality, Value } from '../observation.ts';

/** How a driver helps to commission a machine: `probe`, `discover` and `init` are made of it. */
export interface DriverTools {
  /** URL protocols that `probe` hands to this driver, with the colon, e.g. `['http:', 'https:']`. */
  readonly protocols: readonly string[];
  /** TCP ports on which `discover` looks for it. */
  readonly ports: readonly number[];
  /** Imports the code when it is used. */
  load(): Promise<Toolbox>;
}

export interface Toolbox {
  /**
   * Asks whatever listens at a TCP port whether it speaks the protocol, without changing anything and with as few
   * requests as can be. Empty when it does not, or does not answer in a few seconds. Rejects only with the abort reason.
   */
  identify(host: string, port: number, signal: AbortSignal): Promise<readonly Found[]>;
  /**
   * Looks at what is behind a URL and suggests how to configure it.
   * @throws Fault of the machine or the config that says in one sentence what is wrong and what to do; the abort reason
   */
  probe(url: string, options: ProbeOptions, signal: AbortSignal): Promise<Probed>;
}

/** A machine, or a server in front of some, that answered. */
export interface Found {
  /** A URL that `probe` takes. */
  readonly url: string;
  /** What it calls itself, for a person. */
  readonly name: string;
  /** What else it says of itself, e.g. `manufacturer`, `version`, `security`. */
  readonly facts: Readonly<Record<string, string>>;
}

/** What a person may say to a probe beside the URL; each driver takes what it has a use for. */
export interface ProbeOptions {
  /** A folder for what must be kept, such as the application certificate: see `DriverContext.folder`. */
  readonly folder: string;
  /** Told what is being done, one line at a time. */
  readonly tell: (line: string) => void;
  /** Values that the machine's own panel shows now: the probe looks for them. */
  readonly expect?: readonly number[];
  readonly user?: string;
  readonly password?: string;
  /** What stands for the password in suggested settings, e.g. `${env:PLC_PASSWORD}`: the password itself never does. */
  readonly passwordReference?: string;
  /** A server whose certificate is not yet trusted is trusted from now on. */
  readonly trust?: boolean;
}

/** What a probe found. */
export interface Probed {
  /** What is there, as label and text, in the order to show. */
  readonly facts: readonly (readonly [label: string, text: string])[];
  /** The machines behind the URL; an entry each. */
  readonly machines: readonly ProbedMachine[];
  /** What a person should know or do next, one sentence each. */
  readonly notes: readonly string[];
}

export interface ProbedMachine {
  /** A suggestion; the characters fit an id. */
  readonly id: string;
  /** What to call it in a choice, e.g. `VMC-3Axis (000)`. */
  readonly title: string;
  /** The driver's own keys as they belong into the config. `driver` and `id` are added by the caller. */
  readonly settings: { readonly [key: string]: Value };
  /** Canonical signals first. */
  readonly signals: readonly ProbedSignal[];
}

/** A signal as the suggested settings would send it. */
export interface ProbedSignal {
  readonly signal: string;
  /** Where it is read from: a node, a register, a data item. */
  readonly source: string;
  readonly unit?: string;
  readonly type?: string;
  /** What it read just now; left out when nothing was read. */
  readonly value?: Value;
  readonly quality?: Quality;
}
