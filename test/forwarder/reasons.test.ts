import t from 'tap';
import { explain } from '../../src/errors.ts';
import {
  closedError,
  connackError,
  disconnectError,
  mayBlamePacket,
  refusesVersion5,
  socketError,
} from '../../src/forwarder/reasons.ts';

const withCode = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

t.test('tells a CONNACK of both versions in words, with what to do', async (t) => {
  t.equal(
    explain(connackError('5', 134)),
    'the broker refuses the connection: Bad User Name or Password (MQTT 5 code 134): check uplink.auth against the broker’s users',
  );
  t.match(explain(connackError('3.1.1', 4)), /Bad User Name or Password \(MQTT 3\.1\.1 code 4\): check uplink\.auth/);
  t.match(explain(connackError('5', 137, 'come back later')), /Server busy \(MQTT 5 code 137: come back later\)/);
  t.match(explain(connackError('5', 250)), /unknown reason \(MQTT 5 code 250\)/);
});

t.test('knows what heals alone and what needs a person', async (t) => {
  for (const code of [133, 134, 135, 138]) t.notOk(connackError('5', code).heals, `CONNACK ${code}`);
  for (const code of [2, 4, 5]) t.notOk(connackError('3.1.1', code).heals, `return code ${code}`);
  for (const code of [128, 136, 137, 151, 159]) t.ok(connackError('5', code).heals, `CONNACK ${code}`);
  t.notOk(disconnectError(142).heals, 'taken over');
  t.ok(disconnectError(139).heals, 'shutting down');
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'ECONNRESET', 'EHOSTUNREACH']) {
    t.ok(socketError(withCode(code), true).heals, code);
  }
  for (const code of [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ]) {
    const error = socketError(withCode(code), true);
    t.notOk(error.heals, code);
    t.ok(error.hint, `${code} says what to do`);
  }
});

t.test('finds the code that hides in an error of several addresses', async (t) => {
  const error = socketError(new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]), false);
  t.match(explain(error), /nothing listens there \(ECONNREFUSED\): check uplink\.url and that the broker runs/);
});

t.test('what answers without speaking MQTT is told with what to do', async (t) => {
  const error = socketError(new Error('Invalid header flag bits, must be 0x0 for puback packet'), false);
  t.match(explain(error), /^Invalid header flag bits[^:]*: check that uplink\.url is the address of an MQTT broker/);
});

t.test('takes a refusal of the version for a broker of 3.1.1, and nothing else', async (t) => {
  t.equal(refusesVersion5(connackError('5', 132)), 'yes');
  t.equal(refusesVersion5(connackError('5', 1)), 'yes', 'return code of a broker that answers in 3.1.1');
  t.equal(refusesVersion5(closedError(false)), 'perhaps');
  t.equal(refusesVersion5(socketError(withCode('ECONNRESET'), false)), 'perhaps');
  t.equal(refusesVersion5(connackError('5', 135)), 'no');
  t.equal(refusesVersion5(socketError(withCode('ECONNREFUSED'), true)), 'no');
});

t.test('blames a packet only where the broker closed', async (t) => {
  t.ok(mayBlamePacket(closedError(true)));
  t.ok(mayBlamePacket(socketError(withCode('ECONNRESET'), true)));
  t.ok(mayBlamePacket(disconnectError(149)));
  t.notOk(mayBlamePacket(disconnectError(139)), 'shutting down');
  t.notOk(mayBlamePacket(disconnectError(142)), 'taken over');
  t.notOk(mayBlamePacket(socketError(withCode('ETIMEDOUT'), true)));
});
