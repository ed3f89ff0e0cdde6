import { spawnSync } from 'node:child_process';

/**
 * Looks for known vulnerabilities in what is shipped (`npm audit`, without the dependencies of development) and exits 1 where one is high or
 * critical. A registry that does not answer such questions is told, and is no fault.
 */
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
const report = parsed(stdout);
const vulnerabilities = report?.vulnerabilities;
if (vulnerabilities === undefined) {
  console.log(
    `dependencies were not audited: the registry does not answer${report?.message ? ` (${report.message})` : ''}`,
  );
} else {
  const bad = Object.values(vulnerabilities).filter(({ severity }) => severity === 'high' || severity === 'critical');
  for (const { name, severity, range } of bad) console.error(`${name} ${range}: ${severity}`);
  console.log(`${Object.keys(vulnerabilities).length} known vulnerabilities, ${bad.length} of them high or critical`);
  process.exitCode = bad.length > 0 ? 1 : 0;
}

interface Report {
  readonly message?: string;
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly name: string; readonly severity: string; readonly range: string }>
  >;
}

function parsed(text: string): Report | undefined {
  try {
    return JSON.parse(text);
  } catch {
    // No answer at all, or none of npm's.
    return undefined;
  }
}
