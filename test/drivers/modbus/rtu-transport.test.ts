import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { rtuFrame } from '../../../src/drivers/modbus/rtu-frame.ts';
import { RtuTransport } from '../../../src/drivers/modbus/rtu-transport.ts';

/** A wire on which the test decides what comes. */
class Wire extends Duplex {
  onRequest: (frame: Buffer) => void = () => undefined;

  override _read(): void {}

  override _write(frame: Buffer, _: string, done: () => void): void {
    this.onRequest(frame);
    done();
  }
}

function transportFor(test: Test, silence = 4): { wire: Wire; transport: RtuTransport } {
  const wire = new Wire();
  const timing = { silence, wire: () => 0 };
  const transport = new RtuTransport(wire, () => wire.destroy(), timing, { now: () => Date.now() });
  test.teardown(() => transport.close());
  return { wire, transport };
}

const answer = rtuFrame(1, Buffer.from([3, 2, 0, 5]));

t.test('an answer that comes long after the echo, or after a late one of another unit, is waited for', async (test) => {
  const { wire, transport } = transportFor(test);
  const others = [(request: Buffer) => request, () => rtuFrame(9, Buffer.from([3, 2, 0, 9]))];
  for (const other of others) {
    wire.onRequest = (request) => {
      wire.push(other(request));
      setTimeout(() => wire.push(answer), 80);
    };
    const { pdu } = await transport.exchange(1, Buffer.from([3, 2, 0, 0, 1]), 500);
    test.equal(pdu.toString('hex'), '03020005');
  }
});

t.test('a request that is only echoed is not answered', async (test) => {
  const { wire, transport } = transportFor(test);
  wire.onRequest = (request) => wire.push(request);
  const message = 'no answer within 60 ms, only 8 bytes of something else';
  await test.rejects(transport.exchange(1, Buffer.from([3, 2, 0, 0, 1]), 60), { name: 'NoAnswer', message });
});

t.test('a line that is never silent fails the request, and is used again once it is', async (test) => {
  // Long enough that a pause of this process is no silence.
  const { wire, transport } = transportFor(test, 80);
  let isNoisy = true;
  const noise = async () => {
    while (isNoisy) {
      wire.push(Buffer.of(0));
      await new Promise(setImmediate);
    }
  };
  const over = noise();
  await sleep(10);
  const request = Buffer.from([3, 0, 0, 0, 1]);
  const outcome = await Promise.race([transport.exchange(1, request, 100).catch((error) => error), sleep(1500)]);
  isNoisy = false;
  await over;
  test.match(outcome, { name: 'BadAnswer', message: /never silent/ });
  wire.onRequest = () => wire.push(answer);
  test.equal((await transport.exchange(1, request, 500)).pdu.toString('hex'), '03020005');
});
