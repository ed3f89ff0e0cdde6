import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { UplinkPlan } from './config-text.ts';
import type { Prompts } from './prompts.ts';

/** What an environment variable or a systemd credential may be called. */
const NAME = /^[A-Za-z_][A-Za-z0-9._-]*$/;

/**
 * Asks for the broker. A password is only referred to: it is never typed here.
 * @param folder of the config, from which its paths start
 * @param urlError what is wrong with a URL, in the words of the config's schema
 */
export async function askUplink(
  prompts: Prompts,
  folder: string,
  urlError: (url: string) => string | undefined,
): Promise<UplinkPlan> {
  const url = await prompts.input('MQTT broker', {
    default: 'mqtts://broker.example.com:8883',
    error: urlError,
  });
  const isTls = /^(mqtts|wss):/.test(url);
  const ca = isTls
    ? await prompts.input('PEM file of the CA that signed the broker’s certificate (empty: the CAs of the system)', {
        error: (path) => (path === '' || existsSync(resolve(folder, path)) ? undefined : 'there is no such file'),
      })
    : '';
  const username = await prompts.input('User name at the broker (empty: none)');
  const password = username === '' ? undefined : await askReference(prompts, folder);
  return { url, ca: ca || undefined, username: username || undefined, password };
}

/** Where the password is, as the config refers to it; undefined for none. */
async function askReference(prompts: Prompts, folder: string): Promise<string | undefined> {
  const kind = await prompts.select('Where will the password be? It is never written into the config.', [
    { name: 'in an environment variable', value: 'env' },
    { name: 'in a file', value: 'file' },
    { name: 'in a credential of systemd (LoadCredential=)', value: 'credential' },
    { name: 'there is none', value: 'none' },
  ] as const);
  if (kind === 'none') return undefined;
  const question = { env: 'Name of the variable', file: 'Path of the file', credential: 'Name of the credential' }[
    kind
  ];
  const name = await prompts.input(question, {
    default: { env: 'MQTT_PASSWORD', file: 'mqtt-password', credential: 'mqtt-password' }[kind],
    error: (text) => {
      if (text.includes('}')) return 'without braces, please';
      return kind === 'file' || NAME.test(text) ? undefined : 'expected letters, digits, dots, dashes and underscores';
    },
  });
  if (kind === 'file' && !existsSync(resolve(folder, name))) prompts.say(`Remember to write ${resolve(folder, name)}.`);
  return `\${${kind}:${name}}`;
}
