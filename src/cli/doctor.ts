import { existsSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { START, invocation } from '../terminal/invocation.ts';
import { loadSessionConfig } from '../session/session.ts';
import { acceleratorFindings } from '../doctor/accelerators.ts';
import type { State } from '../doctor/finding.ts';
import { libraryFindings } from '../doctor/libraries.ts';
import { machineFindings } from '../doctor/machine.ts';
import { policyFindings } from '../doctor/policy.ts';
import { rosFindings } from '../doctor/ros.ts';
import type { Finding } from '../doctor/finding.ts';

export interface DoctorOptions {
  calibration?: string;
  session?: string;
  record: string;
  json?: boolean;
}

const MARKS: Record<State, string> = { ok: 'ok', lack: 'LACK', absent: '-' };

const count = (findings: readonly Finding[], state: State) =>
  findings.filter((finding) => finding.state === state).length;

/** Columns of the output; a page where it is no terminal, whose lines nobody wraps. */
const columns = () => (process.stdout.isTTY && process.stdout.columns) || Infinity;

/** Text that begins at column `indent`, wrapped between words to the terminal's width. */
export function wrapped(text: string, indent: number, width: number): string {
  const room = Math.max(20, width - indent);
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= room) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}

function printText(findings: readonly Finding[]) {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const indent = width + 10;
  const text = (words: string) => wrapped(words, indent, columns());
  let last = '';
  for (const { part, name, state, found, next } of findings) {
    if (part !== last) console.log(`${last ? '\n' : ''}${part}`);
    last = part;
    console.log(`  ${MARKS[state].padEnd(4)}  ${name.padEnd(width)}  ${text(found)}`);
    if (next !== undefined) console.log(`${' '.repeat(indent)}${text(`→ ${next}`)}`);
  }
}

/** What to do next, where the simulated robot runs. */
function conclusion(findings: readonly Finding[], bundle: string, calibration?: string): string {
  const lacking = count(findings, 'lack');
  const runs = `Everything is here that the simulated robot needs: ${START}`;
  if (lacking > 0)
    return `${runs}\nNot all is here that this machine or its robot wants besides: see ${lacking === 1 ? 'the line' : `the ${lacking} lines`} marked LACK.`;
  if (calibration === undefined) return runs;
  const check = invocation(`check ${bundle} --robot ros --calibration ${calibration}`);
  return `Everything is here that the robot needs. Next: ${check}`;
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
    if (lacking.length === 0) console.log(`\n${conclusion(findings, bundle, options.calibration)}`);
  }
  if (lacking.length > 0)
    throw new UserError(
      `the simulated robot does not run here without: ${lacking.map(({ name }) => name).join(', ')}`,
    );
  return 'done';
}
