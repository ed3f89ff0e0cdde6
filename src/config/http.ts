import { z } from 'zod';
import { always } from './pieces.ts';
import { secret } from './secrets.ts';

/** `host:port`, an IPv6 host in brackets. */
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

/** One that is shorter can be guessed. */
export const MIN_TOKEN_CHARACTERS = 16;

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined for `off` */
export function listenAddress(listen: string): ListenAddress | undefined {
  const [, host = '', port = ''] = ADDRESS.exec(listen) ?? [];
  return listen === 'off' ? undefined : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

export const httpSchema = z
  .strictObject({
    listen: z
      .string()
      .refine((text) => text === 'off' || Number(ADDRESS.exec(text)?.[2]) <= 65_535, {
        error: 'expected host:port, e.g. 127.0.0.1:8080 or 0.0.0.0:8080, or off',
      })
      .default('127.0.0.1:8080')
      .describe(
        'Address of the status page, `/metrics` and `/healthz`, or `off`; any but this computer’s own wants a token',
      ),
    token: secret({ least: MIN_TOKEN_CHARACTERS })
      .optional()
      .describe('Reference to the token that the status page and its data want; 16 characters or more'),
  })
  .refine(
    ({ listen, token }) => {
      const address = listenAddress(listen);
      return address === undefined || isLoopback(address.host) || token !== undefined;
    },
    {
      ...always,
      path: ['token'],
      error: 'is missing: anyone on the network could see this page: give a token, or listen on 127.0.0.1',
    },
  );
