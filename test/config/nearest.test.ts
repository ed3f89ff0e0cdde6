import t from 'tap';
import { nearest } from '../../src/config/nearest.ts';

const KEYS = ['id', 'url', 'log', 'uplink', 'machines', 'maxBytes', 'maxAge', 'keepalive'];

t.test('a slip of the finger is recognised', async (t) => {
  const slips = {
    uplnk: 'uplink',
    uplinkk: 'uplink',
    uplimk: 'uplink',
    UPLINK: 'uplink',
    machine: 'machines',
    mahcines: 'machines',
    maxbytes: 'maxBytes',
    max_age: 'maxAge',
    keep_alive: 'keepalive',
    lgo: 'log',
    urls: 'url',
  };
  for (const [word, meant] of Object.entries(slips)) t.equal(nearest(word, KEYS), meant, word);
});

t.test('what is not near is not guessed', async (t) => {
  for (const word of ['', 'x', 'ix', 'lot of words', 'maximum', 'broker', 'log!!', 'k'.repeat(100_000)]) {
    t.equal(nearest(word, KEYS), undefined, word.slice(0, 20));
  }
  t.equal(nearest('anything', []), undefined);
});

t.test('of two the nearer one is taken', async (t) => {
  t.equal(nearest('maxAgee', ['maxBge', 'maxAge', 'maxAgeee1']), 'maxAge');
});
