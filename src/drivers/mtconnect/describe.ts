import type { SignalInfo } from '../../observation.ts';
import type { DevicesDocument } from './document.ts';
import { mapDevice } from './mapping.ts';
import { agentModel, type DeviceModel } from './model.ts';

/** A device as a person wants to see it before it is configured. */
export interface DescribedDevice extends Omit<DeviceModel, 'items'> {
  /** What it would send without a `signals` of its own: the canonical ones first, then in document order. */
  readonly signals: readonly (SignalInfo & { readonly signal: string })[];
}

export interface DescribedAgent {
  readonly instanceId: string;
  readonly agentVersion: string | undefined;
  readonly schemaVersion: string | undefined;
  /** Observations that it keeps. */
  readonly bufferSize: number | undefined;
  readonly devices: readonly DescribedDevice[];
}

/** What a probe promises, for `edge-gateway probe` and `discover`. */
export function describeAgent(document: DevicesDocument): DescribedAgent {
  const { header, devices } = agentModel(document);
  const { instanceId, agentVersion, schemaVersion, bufferSize } = header;
  return { instanceId, agentVersion, schemaVersion, bufferSize, devices: devices.map(describe) };
}

function describe(device: DeviceModel): DescribedDevice {
  const { items: _, ...facts } = device;
  const signals = [...mapDevice(device, {}).signals].map(([signal, info]) => ({ signal, ...info }));
  return { ...facts, signals };
}
