import t from 'tap';
import { findAnswer, rtuFrame, silenceMs, wireMs } from '../../../src/drivers/modbus/rtu-frame.ts';

const request = Buffer.from([3, 0, 0, 0, 2]);
const answer = rtuFrame(7, Buffer.from([3, 4, 1, 2, 3, 4]));

t.test('the checksum is that of the standard', async (test) => {
  // Modbus over Serial Line 1.02, appendix B, and the frame that every description of RTU shows.
  test.equal(rtuFrame(1, Buffer.from([3, 0, 0, 0, 10])).toString('hex'), '01030000000ac5cd');
  test.equal(rtuFrame(2, Buffer.from([7])).toString('hex'), '02074112');
});

t.test('finds the answer whole, behind noise, behind an echo and behind the answer of another', async (test) => {
  const pdu = Buffer.from([3, 4, 1, 2, 3, 4]);
  const before = [
    Buffer.alloc(0),
    Buffer.from([0xff, 0, 7]),
    rtuFrame(7, request),
    rtuFrame(8, Buffer.from([3, 2, 9, 9])),
    rtuFrame(7, Buffer.from([3, 2, 9, 9])),
  ];
  for (const bytes of before) {
    test.same(findAnswer(Buffer.concat([bytes, answer]), 7, request), { pdu }, bytes.toString('hex'));
  }
});

t.test('waits for what is missing, and knows when it came damaged', async (test) => {
  for (let length = 0; length < answer.length; length++) {
    test.same(findAnswer(answer.subarray(0, length), 7, request), { isDamaged: false }, `${length} bytes`);
  }
  const damaged = Buffer.from(answer);
  damaged[4] = 0x55;
  test.same(findAnswer(damaged, 7, request), { isDamaged: true });
  const late = rtuFrame(8, Buffer.from([3, 4, 1, 2, 3, 4]));
  test.same(findAnswer(late, 7, request), { isDamaged: false }, 'of another unit: ours may still come');
  const one = Buffer.from([3, 2, 0, 0, 1]);
  test.same(findAnswer(rtuFrame(7, one), 7, one), { isDamaged: false }, 'an echo that looks like an answer of 2 bytes');
});

t.test('finds exceptions, and answers whose length the request does not tell', async (test) => {
  test.same(findAnswer(rtuFrame(7, Buffer.from([0x83, 2])), 7, request), { pdu: Buffer.from([0x83, 2]) });
  const identification = Buffer.from([0x2b, 0x0e, 1, 1, 0, 0, 2, 0, 2, 65, 66, 1, 1, 67]);
  const ask = Buffer.from([0x2b, 0x0e, 1, 0]);
  const frame = rtuFrame(7, identification);
  for (let length = 0; length < frame.length; length++) {
    test.same(findAnswer(frame.subarray(0, length), 7, ask), { isDamaged: false }, `${length} bytes`);
  }
  test.same(findAnswer(frame, 7, ask), { pdu: identification });
});

t.test('times on the wire', async (test) => {
  const line = { baud: 9600, parity: 'even', data: 8, stop: 1 } as const;
  test.equal(wireMs(960, line), 1100);
  test.ok(Math.abs(silenceMs(line) - 4.01) < 0.01);
  test.equal(silenceMs({ ...line, baud: 115_200 }), 1.75);
});
