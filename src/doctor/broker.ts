import { pino } from 'pino';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import { Fault } from '../errors.ts';
import { clientIdOf, linkOptions } from '../forwarder/link-options.ts';
import { type Link, openLink, placeOf, type TlsMaterial } from '../forwarder/mqtt.ts';
import { LinkError, type Protocol, refusesVersion5 } from '../forwarder/reasons.ts';
import { TlsFiles } from '../forwarder/tls.ts';
import { isLoopback, lookUp, reach } from './broker-address.ts';
import { provePublishing } from './broker-publish.ts';
import { ownAuthority, ownCertificate, shakeHands } from './broker-tls.ts';
import { type Finding, failed, type Section, type Tell } from './check.ts';
import { bytes, time } from './words.ts';

/** A batch is closed at about 96 KiB; its envelope and a last large value come on top. */
const BATCH_BYTES = 128 * 1024;
/** Steps that may each take as long as a connect. */
const CONNECTS = 6;
const MARGIN_MS = 5000;

export interface BrokerSetup {
  readonly config: Config;
  /** Ids of the machines whose topics are tried. */
  readonly machines: readonly string[];
  readonly publish: boolean;
  /** What is said of the password or token when it is not known here. */
  readonly absentSecret: string | undefined;
}

/**
 * The way to the broker, step by step; the first step that fails ends it. The client id is the gateway's with `-doctor`
 * behind it, so that a gateway that runs stays connected, and there is no Last Will.
 */
export function brokerSection(setup: BrokerSetup): Section {
  const { url, connectTimeout, ackTimeout } = setup.config.uplink;
  return {
    group: 'broker',
    subject: url,
    limit: CONNECTS * connectTimeout + ackTimeout + MARGIN_MS,
    run: (tell, signal) => walk(setup, tell, signal),
  };
}

async function walk(setup: BrokerSetup, tell: Tell, signal: AbortSignal): Promise<void> {
  const { uplink } = setup.config;
  const { host, port } = placeOf(uplink.url);
  const isSecure = /^(mqtts|wss):/.test(uplink.url);
  const limited = () => AbortSignal.any([signal, AbortSignal.timeout(uplink.connectTimeout)]);
  let step = 'name';
  try {
    tell(await lookUp(host, limited()));
    step = 'connection';
    tell(await reach(host, port, limited()));
    step = 'encryption';
    const now = systemClock.now();
    const tls = new TlsFiles(uplink.tls, pino({ level: 'silent' }), systemClock).read();
    if (isSecure) {
      const options = { url: uplink.url, tls, serverName: uplink.tls?.serverName };
      tell(await shakeHands(options, now, limited()));
      for (const finding of ownAuthority(tls, now)) tell(finding);
    } else tell(plain(host, uplink.auth !== undefined));
    step = 'login';
    if (setup.absentSecret !== undefined) throw absent(setup.absentSecret);
    await converse(setup, tls, tell, signal);
  } catch (error) {
    signal.throwIfAborted();
    tell(failed(step, isTimeout(error) ? silence(step, uplink.connectTimeout) : error));
  }
}

/** Connects, tells what the broker offers, and proves the right to publish. */
async function converse(setup: BrokerSetup, tls: TlsMaterial, tell: Tell, signal: AbortSignal): Promise<void> {
  const { gateway, uplink } = setup.config;
  const begun = performance.now();
  let link: Link | undefined = await connect(setup.config, tls, signal);
  try {
    tell(greeting(link, uplink, performance.now() - begun));
    for (const finding of ownCertificate(tls, true, systemClock.now())) tell(finding);
    tell(limits(link, uplink.window));
    if (!setup.publish) {
      const hint = 'leave out --no-publish to prove it';
      tell({ name: 'publish right', level: 'warn', text: 'not tried', hint });
      return;
    }
    const open = async (own: AbortSignal) => {
      const ready = link ?? (await connect(setup.config, tls, own));
      link = undefined;
      return ready;
    };
    const { ackTimeout } = uplink;
    const identity = { tenant: gateway.tenant, gateway: gateway.id, machines: setup.machines };
    for (const finding of await provePublishing({ ...identity, ackTimeout, open }, signal)) tell(finding);
  } finally {
    await link?.end();
  }
}

/** With MQTT 5, or with 3.1.1 where the broker takes nothing else and the config allows it. */
async function connect(config: Config, tls: TlsMaterial, signal: AbortSignal): Promise<Link> {
  const { gateway, uplink } = config;
  const open = (protocol: Protocol) => {
    const clientId = `${clientIdOf(uplink, gateway)}-doctor`;
    return openLink({ ...linkOptions(uplink, gateway, protocol, tls), clientId }, signal);
  };
  if (uplink.version !== 'auto') return open(uplink.version);
  try {
    return await open('5');
  } catch (error) {
    if (refusesVersion5(error) === 'no') throw error;
    return open('3.1.1').catch((second: unknown) => {
      // A broker that just closes says more of itself in its answer to the version that it was meant to be asked for.
      throw second instanceof LinkError && second.why === 'closed' ? error : second;
    });
  }
}

function greeting({ protocol }: Link, uplink: Config['uplink'], took: number): Finding {
  const who = uplink.auth?.username === undefined ? '' : ` as ${uplink.auth.username}`;
  const text = `accepted${who} with MQTT ${protocol} in ${time(took)}`;
  if (protocol === '5' || uplink.version === '3.1.1') return { name: 'login', level: 'good', text };
  const hint = 'a broker of MQTT 5 is better: with 3.1.1 it cannot say that it refuses a batch';
  return { name: 'login', level: 'warn', text: `${text}, as the broker takes no MQTT 5`, hint };
}

function limits({ receiveMaximum, maximumPacketSize }: Link, window: number): Finding {
  const name = 'limits';
  const size = Number.isFinite(maximumPacketSize) ? `packets up to ${bytes(maximumPacketSize)}` : 'packets of any size';
  const used = receiveMaximum < window ? ` (uplink.window is ${window})` : '';
  const text = `${size}, ${receiveMaximum} on the way at once${used}`;
  if (maximumPacketSize >= BATCH_BYTES) return { name, level: 'good', text };
  const hint = `let the broker take packets of ${bytes(BATCH_BYTES)}`;
  return { name, level: 'warn', text: `${text}: a full batch of about 96 KiB does not fit`, hint };
}

function plain(host: string, hasAuth: boolean): Finding {
  const name = 'encryption';
  if (isLoopback(host)) return { name, level: 'good', text: 'none is needed on this computer' };
  const text = hasAuth
    ? 'none: anybody on the way can read the password and the data'
    : 'none: anybody on the way can read the data';
  return { name, level: 'warn', text, hint: 'use mqtts:// (or wss://) in uplink.url where the broker offers it' };
}

function absent(text: string): Fault {
  return new Fault('config', text, { hint: 'set it here as it is set for the service, or test as the service runs' });
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

function silence(step: string, limit: number): Fault {
  const what =
    step === 'name'
      ? 'the DNS server does not answer'
      : step === 'connection'
        ? 'nothing answers'
        : 'the port takes connections but does not answer';
  const hint =
    step === 'name' ? 'check the network and the DNS server' : 'check uplink.url, the route and the firewall';
  return new Fault('uplink', `${what} within ${time(limit)}`, { hint });
}
