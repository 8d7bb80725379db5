import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { type Fault, UserError } from '../src/errors.ts';
import { packagePath } from '../src/files/packagePath.ts';

/** What a refusal is about, and what its message has to name: joints, options, numbers, commands to type. */
export interface About extends Fault {
  names?: readonly (string | number)[];
}

/** In `wording.txt`, what differs from one message to another; at the end of a line, also of more lines. */
const ANYTHING = '…';

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Messages as people read them, in one place, line by line. Lines that begin with # are headings. */
const WORDING = readFileSync(packagePath('test/wording.txt'), 'utf8')
  .split('\n')
  .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  .map((line) => ({
    line,
    pattern: new RegExp(`^${line.split(ANYTHING).map(escaped).join('.*').replace(/\.\*$/, '[^]*')}$`), // prettier-ignore
  }));

/** The file that takes the lines of wording that a message has met; a run of all tests asks for it. */
const MET_FILE = process.env.NALU_WORDING_MET;
const met = new Set<string>();

/** Whether a line, or a message of several, is in `wording.txt`. */
function isKnown(said: string): boolean {
  const known = WORDING.filter(({ pattern }) => pattern.test(said)).map(({ line }) => line);
  const first = known.filter((line) => !met.has(line));
  for (const line of first) met.add(line);
  if (MET_FILE && first.length > 0) appendFileSync(MET_FILE, `${first.join('\n')}\n`);
  return known.length > 0;
}

/** Lines of wording that no message has met, by the file in which those that were are noted. */
export function unmetWording(metFile: string): string[] {
  const noted = new Set(readFileSync(metFile, 'utf8').split('\n'));
  return WORDING.map(({ line }) => line).filter((line) => !noted.has(line));
}

/** Whether a text has a name as a whole, as `left` in "of left;" but not in "left_elbow". */
const hasName = (text: string, name: string | number) =>
  new RegExp(`(?<![\\w.])${escaped(String(name))}(?![\\w])`).test(text);

/** Asserts that a message names these things, and that its wording is known. */
export function assertSaid(message: string, ...names: (string | number)[]): void {
  for (const name of names) assert.ok(hasName(message, name), `${name} is not named: ${message}`);
  const unknown = isKnown(message) ? [] : message.split('\n').filter((line) => !isKnown(line));
  assert.deepEqual(unknown, [], 'lines that test/wording.txt has not');
}

/** The lines that name these things. */
const linesAbout = (text: string, names: readonly (string | number)[]) =>
  text.split('\n').filter((line) => names.every((name) => hasName(line, name)));

/** Whether a text of many lines has one that names these things in known wording, to wait for. */
export const isSaidIn = (text: string, ...names: (string | number)[]): boolean =>
  linesAbout(text, names).some(isKnown);

/** Asserts that a text of many lines has one that names these things in known wording. Gives the text after it. */
export function assertSaidIn(text: string, ...names: (string | number)[]): string {
  const lines = linesAbout(text, names);
  assert.ok(lines.length > 0, `no line names ${names.join(', ')}:\n${text}`);
  const known = lines.find(isKnown);
  assert.ok(known, `lines that test/wording.txt has not:\n${lines.join('\n')}`);
  return text.slice(text.indexOf(known) + known.length);
}

/** What of a path is compared with its end; all of it where the end is not below a folder. */
const endOf = (path = '', end: string) => (path.endsWith(`/${end}`) ? end : path);

/** Asserts what an error is about, that its message names what it has to, and that its wording is known. */
export function assertAbout(
  thrown: unknown,
  { kind, subject, fields = [], names = [] }: About,
): void {
  assert.ok(thrown instanceof UserError, thrown instanceof Error ? thrown.stack : String(thrown));
  const { message } = thrown;
  assert.equal(thrown.kind, kind, message);
  if (subject !== undefined) assert.equal(endOf(thrown.subject, subject), subject, message);
  for (const field of fields)
    assert.ok(thrown.fields.includes(field), `not of ${field}: ${message}`);
  assertSaid(message, ...names);
}

/** Asserts that a call throws an error about this. */
export function assertThrowsAbout(call: () => unknown, about: About): void {
  assert.throws(call, (error) => {
    assertAbout(error, about);
    return true;
  });
}

/** Asserts that a promise rejects with an error about this. */
export const assertRejectsAbout = (promise: Promise<unknown>, about: About): Promise<void> =>
  assert.rejects(promise, (error) => {
    assertAbout(error, about);
    return true;
  });
