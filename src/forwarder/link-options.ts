import type { UplinkConfig } from '../config/schema.ts';
import type { LinkOptions, TlsMaterial } from './mqtt.ts';
import type { Identity } from './presence.ts';
import type { Protocol } from './reasons.ts';

/** The id that the gateway connects with. */
export function clientIdOf(config: UplinkConfig, { tenant, id }: Identity): string {
  return config.clientId ?? `${tenant}-${id}`;
}

/**
 * How a gateway connects to its broker, but for the Last Will.
 * @throws Fault of the config where a secret is not known on this computer
 */
export function linkOptions(
  config: UplinkConfig,
  identity: Identity,
  protocol: Protocol,
  tls: TlsMaterial,
): Omit<LinkOptions, 'will'> {
  const clientId = clientIdOf(config, identity);
  const { username, password, token } = config.auth ?? {};
  return {
    url: config.url,
    protocol,
    clientId,
    // A password without a user name is not allowed in 3.1.1 (3.1.2.9).
    username: username ?? (token === undefined && password === undefined ? undefined : clientId),
    password: (token ?? password)?.reveal(),
    keepalive: config.keepalive,
    connectTimeout: config.connectTimeout,
    tls,
    serverName: config.tls?.serverName,
  };
}
