import { ServiceFault, StatusCodes } from 'node-opcua';
import type { MillServer } from './server.ts';

type OnRequest = MillServer['server']['on_request'];
type Message = Parameters<OnRequest>[0];

/** What becomes of a request to a server that is not as it should be. */
export interface Interception {
  /** Answered with this status instead. */
  readonly refuse?: (request: Message['request']) => keyof typeof StatusCodes | undefined;
  /** Never answered. */
  readonly hold?: () => boolean;
  /** Changes the server's answer before it is sent. */
  readonly change?: (response: never, request: Message['request']) => void;
}

/** Stands between a server and its clients for one service, e.g. `Read`. */
export function intercept(mill: MillServer, service: string, { refuse, hold, change }: Interception): void {
  const { server } = mill;
  const answer = server.on_request.bind(server);
  server.on_request = (message, channel) => {
    if (message.request.schema.name !== `${service}Request`) return answer(message, channel);
    const status = refuse?.(message.request);
    if (status !== undefined) {
      const { requestHandle } = message.request.requestHeader;
      const fault = new ServiceFault({
        responseHeader: { requestHandle, serviceResult: StatusCodes[status] as never },
      });
      return channel.send_response('MSG', fault, message as never, () => undefined);
    }
    if (hold?.()) return undefined;
    if (change === undefined) return answer(message, channel);
    // Of this one answer only: others may wait on the same channel.
    const send = channel.send_response;
    channel.send_response = (type, response, asked, callback) => {
      if (asked === (message as unknown)) change(response as never, message.request);
      send.call(channel, type, response, asked, callback);
    };
    return answer(message, channel);
  };
}
