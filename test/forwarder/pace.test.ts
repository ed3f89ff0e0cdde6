import t from 'tap';
import { Pace, Rate, Reach } from '../../src/forwarder/pace.ts';

t.test('grows while acknowledgements are quick, up to the most', async (t) => {
  const pace = new Pace(16);
  t.equal(pace.size, 4);
  for (let i = 0; i < 20; i++) pace.acknowledged(i, i + 200);
  t.equal(pace.size, 16);
  t.equal(new Pace(0).size, 1, 'one at least');
});

t.test('is halved once for each round of slow ones, down to one, and grows again', async (t) => {
  const pace = new Pace(64);
  for (let i = 0; i < 60; i++) pace.acknowledged(0, 50);
  for (let i = 0; i < 64; i++) pace.acknowledged(100 + i, 2000 + i);
  t.equal(pace.size, 32, 'all were sent before the first came back');
  for (let round = 1; round < 10; round++) pace.acknowledged(round * 3000, round * 3000 + 2000);
  t.equal(pace.size, 1);
  pace.acknowledged(40_000, 40_100);
  t.equal(pace.size, 2);
});

t.test('a link that is slow by itself is no queue', async (t) => {
  const pace = new Pace(64);
  for (let i = 0; i < 60; i++) pace.acknowledged(0, 1400 + (i % 5) * 100);
  t.equal(pace.size, 64);
});

t.test('a rate lets a second’s worth go at once, and then what the time gives', async (t) => {
  const rate = new Rate(1000);
  let now = 0;
  let sent = 0;
  while (now < 10_000) {
    const wait = rate.wait(now);
    if (wait === 0) {
      rate.sent(300);
      sent += 300;
    } else now += wait;
  }
  t.ok(sent >= 10_900 && sent <= 11_300, `${sent} bytes in 10 s`);
  t.equal(new Rate(undefined).wait(5), 0);
});

t.test('on a slow line two seconds of it may be under way, on a fast one what it takes', async (t) => {
  const slow = new Reach();
  t.equal(slow.size(0), 32 * 1024, 'nothing is known yet');
  for (let at = 0; at < 10_000; at += 100) slow.acknowledged(1000, at);
  t.equal(slow.size(10_000), 32 * 1024, '10 kB/s: the least');
  const fast = new Reach();
  for (let at = 0; at < 10_000; at += 100) fast.acknowledged(100_000, at);
  t.ok(Math.abs(fast.size(9999) - 2_000_000) < 200_000, `1 MB/s: ${fast.size(9999)}`);
  t.equal(fast.size(20_000), 32 * 1024, 'what was long ago counts no more');
});
