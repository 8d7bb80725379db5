import { existsSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { loadSessionConfig } from '../onnx/session.ts';
import { acceleratorFindings } from '../doctor/accelerators.ts';
import type { Finding, State } from '../doctor/finding.ts';
import { libraryFindings } from '../doctor/libraries.ts';
import { machineFindings } from '../doctor/machine.ts';
import { policyFindings } from '../doctor/policy.ts';
import { rosFindings } from '../doctor/ros.ts';

export interface DoctorOptions {
  calibration?: string;
  session?: string;
  record: string;
  json?: boolean;
}

const MARKS: Record<State, string> = { ok: 'ok', lack: 'LACK', absent: '-' };

const count = (findings: readonly Finding[], state: State) =>
  findings.filter((finding) => finding.state === state).length;

function printText(findings: readonly Finding[]) {
  const width = Math.max(...findings.map(({ name }) => name.length));
  let last = '';
  for (const { part, name, state, found, next } of findings) {
    if (part !== last) console.log(`${last ? '\n' : ''}${part}`);
    last = part;
    console.log(`  ${MARKS[state].padEnd(4)}  ${name.padEnd(width)}  ${found}`);
    if (next !== undefined) console.log(`${' '.repeat(width + 10)}→ ${next}`);
  }
}

/** Looks at everything; what needs no other's answer goes at once. */
async function examine(bundle: string, options: DoctorOptions): Promise<Finding[]> {
  const named = options.session
    ? (await loadSessionConfig(options.session)).executionProviders
    : [];
  const hasRos = Boolean(process.env.AMENT_PREFIX_PATH);
  const policy = await policyFindings(bundle);
  const [machine, libraries, ros, accelerators] = await Promise.all([
    machineFindings(options.record, hasRos),
    libraryFindings(),
    rosFindings(options.calibration),
    acceleratorFindings(named, existsSync('/etc/nv_tegra_release'), policy.model),
  ]);
  return [...machine, ...libraries, ...accelerators, ...policy.findings, ...ros];
}

/**
 * Says what this machine can do, and for each lack the next step. Throws a UserError if something is
 * lacking that the simulated robot needs; see `nalu doctor --help`.
 */
export async function doctorCommand(bundle: string, options: DoctorOptions): Promise<'done'> {
  const findings = await examine(bundle, options);
  const lacking = findings.filter(({ state, needed }) => needed && state === 'lack');
  if (options.json) {
    for (const finding of findings) console.log(JSON.stringify(finding));
    const summary = {
      ok: count(findings, 'ok'),
      lack: count(findings, 'lack'),
      absent: count(findings, 'absent'),
      needed: lacking.map(({ name }) => name),
    };
    console.log(JSON.stringify({ summary }));
  } else {
    printText(findings);
    if (lacking.length === 0)
      console.log('\nEverything is here that the simulated robot needs: npm start');
  }
  if (lacking.length > 0)
    throw new UserError(
      `the simulated robot does not run here without: ${lacking.map(({ name }) => name).join(', ')}`,
    );
  return 'done';
}
