import { z } from 'zod';
import { aborted, untilAborted } from '../abort.ts';
import { Backoff } from '../backoff.ts';
import { filePath, folderPath, secret } from '../config/secrets.ts';
import { duration, size } from '../config/units.ts';
import { Fault } from '../errors.ts';
import type { DriverModule } from './driver.ts';
import { StateFromRule, stateInputs, stateRule } from './state-rule.ts';

/** What a driver of another package builds on: handed over, so that it needs no dependency on this one. */
export const kit = {
  /** The gateway's own zod: schemas of another copy would not fit into the config. */
  z,
  /** Settings: `250ms`, `8MiB`, secrets and paths by reference. */
  duration,
  size,
  secret,
  filePath,
  folderPath,
  /** The `state` key, and what follows from it. */
  stateRule,
  stateInputs,
  StateFromRule,
  /** What a driver throws. */
  Fault,
  Backoff,
  aborted,
  untilAborted,
};

export type DriverKit = typeof kit;

/** What a driver package exports under the name `driver`. */
export type DriverPackage = (kit: DriverKit) => DriverModule;

export type { Clock } from '../clock.ts';
export type { Log } from '../log.ts';
export type { Cursor, Gap, MachineEvent, Observation, Quality, Reading, SignalInfo, Value } from '../observation.ts';
export type { ConfiguredMachine, Driver, DriverContext, DriverModule, SettingsFinding, Vital } from './driver.ts';
export type { DriverTools, Found, Probed, ProbedMachine, ProbedSignal, ProbeOptions, Toolbox } from './toolbox.ts';
