import type { Output } from '../terminal/output.ts';
import { START, invocation } from '../terminal/invocation.ts';
import type { Finding, State } from './finding.ts';

const MARKS: Record<State, string> = { ok: 'ok', lack: 'LACK', absent: '-' };

const count = (findings: readonly Finding[], state: State) =>
  findings.filter((finding) => finding.state === state).length;

/** Columns to wrap at; output to anything but a terminal is not wrapped. */
const columnsOf = (out: Output) => (out.isTTY && out.columns) || Infinity;

/** What the simulated robot needs and this machine lacks. */
export const needed = (findings: readonly Finding[]): Finding[] =>
  findings.filter((finding) => finding.needed && finding.state === 'lack');

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

/** The next steps if the simulated robot runs. */
function conclusion(findings: readonly Finding[], bundle: string, calibration?: string): string {
  const lacking = count(findings, 'lack');
  const runs = `Everything is here that the simulated robot needs: ${START}`;
  if (lacking > 0)
    return `${runs}\nNot all is here that this machine or its robot wants besides: see ${lacking === 1 ? 'the line' : `the ${lacking} lines`} marked LACK.`;
  if (calibration === undefined) return runs;
  const check = invocation(`check ${bundle} --robot ros --calibration ${calibration}`);
  return `Everything is here that the robot needs. Next: ${check}`;
}

/** JSON lines: each finding as an object, then a summary. */
export function jsonReport(findings: readonly Finding[]): string[] {
  const summary = {
    ok: count(findings, 'ok'),
    lack: count(findings, 'lack'),
    absent: count(findings, 'absent'),
    needed: needed(findings).map(({ name }) => name),
  };
  return [...findings, { summary }].map((line) => JSON.stringify(line));
}

export interface TextReportOptions {
  bundle: string;
  calibration?: string;
  out: Output;
}

/** The findings as a text table, wrapped to the terminal, and the next steps. */
export function textReport(
  findings: readonly Finding[],
  { bundle, calibration, out }: TextReportOptions,
): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const indent = width + 10;
  const columns = columnsOf(out);
  const text = (words: string) => wrapped(words, indent, columns);
  const rows = findings.flatMap(({ part, name, state, found, next }, i) => [
    ...(part === findings[i - 1]?.part ? [] : [`${i > 0 ? '\n' : ''}${part}`]),
    `  ${MARKS[state].padEnd(4)}  ${name.padEnd(width)}  ${text(found)}`,
    ...(next === undefined ? [] : [`${' '.repeat(indent)}${text(`→ ${next}`)}`]),
  ]);
  return needed(findings).length > 0
    ? rows
    : [...rows, `\n${conclusion(findings, bundle, calibration)}`];
}
