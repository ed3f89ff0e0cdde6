/**
 * Preloaded into a gateway by a test (`node --import`): on SIGUSR2 the part that WEDGE names hangs as only a bug of ours can
 * make it. `loop`: the event loop; `uplink`: the next connect never ends; `driver`: requests to agents never end, once.
 */
import { AgentClient } from '../../src/drivers/mtconnect/agent.ts';
import { Uplink } from '../../src/forwarder/uplink.ts';

const forever = () => new Promise<never>(() => undefined);

const WEDGES: Readonly<Record<string, () => void>> = {
  loop: () => {
    for (;;);
  },
  uplink: () => {
    const { connect } = Uplink.prototype;
    Uplink.prototype.connect = () => {
      Uplink.prototype.connect = connect;
      return forever();
    };
  },
  driver: () => {
    const { probe } = AgentClient.prototype;
    AgentClient.prototype.probe = () => {
      AgentClient.prototype.probe = probe;
      return forever();
    };
  },
};

process.on('SIGUSR2', () => {
  // A line as the log has them: the test goes on once it is there.
  process.stdout.write(`${JSON.stringify({ level: 0, msg: 'wedged' })}\n`);
  WEDGES[process.env['WEDGE'] ?? '']?.();
});
