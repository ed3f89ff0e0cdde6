import { parentPort } from 'node:worker_threads';
import { Device } from './device.ts';

/** A device in a thread of its own, so that its work is not counted as the driver's. Posts its port. */
parentPort?.postMessage(await new Device().listen());
