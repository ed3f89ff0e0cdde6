import { untilAborted } from '../abort.ts';
import { type Check, type Finding, failed, type Section } from './check.ts';
import { time } from './words.ts';

/**
 * Runs a section within its limit: what it told until then counts, and what it throws is a finding.
 * @throws the abort reason of `signal`
 */
export async function runSection({ group, subject, limit, run }: Section, signal: AbortSignal): Promise<Check[]> {
  const found: Finding[] = [];
  const tooLong = AbortSignal.timeout(limit);
  const both = AbortSignal.any([signal, tooLong]);
  let isOver = false;
  try {
    const tell = (finding: Finding) => {
      if (!isOver) found.push(finding);
    };
    await untilAborted(run(tell, both), both);
  } catch (error) {
    signal.throwIfAborted();
    const text = `did not end within ${time(limit)}`;
    const hint = 'it hangs: look at the log of what it talks to, and test again';
    found.push(tooLong.aborted ? { name: 'time', level: 'bad', text, hint } : failed('test', error));
  }
  isOver = true;
  return found.map((finding) => ({ group, subject, ...finding }));
}
