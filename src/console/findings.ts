import { execFile } from 'node:child_process';
import { UserError } from '../errors.ts';
import { packagePath } from '../files/packagePath.ts';
import { parseJson } from '../validate.ts';
import type { Finding } from './protocol.ts';
import type { OwnAnswers } from './hub.ts';

const CLI = packagePath('dist/src/cli.js');
/** Milliseconds that the doctor may take. */
const PATIENCE = 60_000;

/** A line of `nalu doctor --json`. */
interface Line {
  part: string;
  name: string;
  state: 'ok' | 'lack' | 'absent';
  found: string;
  next?: string;
}

const SEVERITIES = { ok: 'ok', lack: 'error', absent: 'note' } as const;

const findingOf = ({ part, name, state, found, next }: Line): Finding => ({
  severity: SEVERITIES[state],
  topic: part,
  message: `${name}: ${found}${next === undefined ? '' : `; ${next}`}`,
});

/** What the doctor finds, in a process of its own. Its exit code only says whether something is lacking. */
const examine = (args: readonly string[]) =>
  new Promise<Finding[]>((resolve, reject) => {
    const options = { timeout: PATIENCE, maxBuffer: 1 << 20 };
    execFile(process.execPath, [CLI, 'doctor', ...args, '--json'], options, (error, out, err) => {
      const texts = out.split('\n').filter((line) => line.startsWith('{'));
      const lines = texts.map(
        (text) => parseJson(text, 'nalu doctor') as Line | { summary: object },
      );
      const findings = lines.filter((line) => 'part' in line).map(findingOf);
      if (findings.length > 0) resolve(findings);
      else
        reject(
          new UserError(`nalu doctor says nothing: ${err.trim() || error?.message}`, {
            kind: 'unreachable',
          }),
        );
    });
  });

/** Answers what this machine lacks; `args` are the doctor's. One examination at a time. */
export function findingsAnswer(args: readonly string[]): Pick<OwnAnswers, 'findings'> {
  let examination: Promise<Finding[]> | undefined;
  return {
    async findings() {
      examination ??= examine(args).finally(() => (examination = undefined));
      return { value: await examination };
    },
  };
}
