import type { ClientSession } from 'node-opcua-client';
import type { StateFromRule } from '../state-rule.ts';
import { ClockSkew } from './clock-skew.ts';
import type { Connected } from './connect.ts';
import type { Item } from './items.ts';
import { Overflows } from './losses.ts';
import type { Watched } from './monitored.ts';
import type { Survey } from './survey.ts';

/** A subscription that lives in the server, whatever becomes of the connection. Times are in milliseconds. */
export interface Subscribed {
  readonly id: number;
  items: readonly Item[];
  /** Of the items. */
  print: string;
  readonly survey: Survey;
  /** By the item's place. */
  readonly watched: Map<number, Watched>;
  readonly publishingInterval: number;
  readonly keepAlive: number;
  readonly lifetime: number;
  /** How often the server's clock is reported; undefined where it is not, or not known. */
  readonly heartbeat: number | undefined;
  /** Reports of the server's clock: some servers send the first only. */
  ticks: number;
  readonly state: StateFromRule | undefined;
  /** Of each item's last value: where an overflow begins. */
  readonly lastTimes: Map<number, number>;
  /** Items whose last value was bad. */
  readonly badValues: Set<number>;
  /** Monitored items whose node is gone, to be taken away. */
  readonly dead: number[];
  /** It went silent or was ended: it is not taken up again. */
  isSuspect: boolean;
  /** Nodes have changed since they were resolved. */
  isOutdated: boolean;
}

/** What the driver keeps from one connection to the next. */
export class Life {
  session: ClientSession | undefined;
  subscribed: Subscribed | undefined;
  /** What was told of `available`. */
  available: boolean | undefined;
  /** The way of reading that was told since the last fault. */
  mode: 'streaming' | 'polling' | undefined;
  /** Subscribing is not tried before this time, in milliseconds since the epoch, and why. */
  barredUntil = 0;
  barReason: string | undefined;
  readonly skew = new ClockSkew();
  readonly overflows = new Overflows();
  /** Notices that were told, by code and text: a reconnect does not repeat them. */
  readonly told = new Map<string, string>();

  /** Polls that were missed and are not yet told. Times are in milliseconds since the epoch. */
  readonly skipped = { polls: 0, from: 0, toldAt: 0 };

  /** For the vitals. */
  connected: Pick<Connected, 'offer' | 'expires'> | undefined;
  isUp = false;
  sessions = 0;
  /** When the server was last heard, in milliseconds since the epoch. */
  heard: number | undefined;
  missedPolls = 0;
}
