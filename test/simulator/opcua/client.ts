import {
  AttributeIds,
  type ClientSession,
  type DataValue,
  OPCUAClient,
  type OPCUAClientOptions,
  type UserIdentityInfo,
} from 'node-opcua';
import type { Test } from 'tap';
import { type SimulatedOpcuaOptions, SimulatedOpcuaServer } from '../../../simulator/opcua/server.ts';

/** A server that ends with the test. */
export async function started(t: Test, options: SimulatedOpcuaOptions = {}): Promise<SimulatedOpcuaServer> {
  const server = new SimulatedOpcuaServer(options);
  t.teardown(() => server[Symbol.asyncDispose]());
  await server.start();
  return server;
}

interface Opening extends OPCUAClientOptions {
  readonly user?: UserIdentityInfo;
}

/** A session of node-opcua's own client. */
export async function open(t: Test, url: string, { user, ...options }: Opening = {}): Promise<ClientSession> {
  const client = OPCUAClient.create({
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0 },
    keepSessionAlive: false,
    ...options,
  });
  await client.connect(url);
  t.teardown(() => client.disconnect());
  return client.createSession(user);
}

export function read(session: ClientSession, nodeId: string): Promise<DataValue> {
  return session.read({ nodeId, attributeId: AttributeIds.Value });
}
