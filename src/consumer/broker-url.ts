const SCHEMES: readonly string[] = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];

/** A broker's address, apart from what must not be shown. */
export interface BrokerUrl {
  /** Without user and password. */
  readonly href: string;
  readonly username?: string;
  readonly password?: string;
}

/** Undefined for what is no URL of an MQTT broker. */
export function parseBrokerUrl(text: string): BrokerUrl | undefined {
  const url = URL.parse(text);
  if (url === null || !SCHEMES.includes(url.protocol) || url.hostname === '') return undefined;
  const { username, password } = url;
  url.username = '';
  url.password = '';
  return {
    href: url.href,
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  };
}
