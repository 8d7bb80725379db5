import { readFile, readdir, readlink, rm, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';

/** A file that changed within these milliseconds may be in use by a writer. */
const RECENT = 10_000;
/** Milliseconds for which such a file is watched for growth. */
const WATCHED = 1000;

const keyOf = ({ dev, ino }: Stats) => `${dev}:${ino}`;
const none = (): undefined => undefined;

/** Whether an open file's flags (octal) include write access. */
const isForWriting = (flags: string) => (parseInt(flags, 8) & 3) !== 0;

async function filesOf(process: string): Promise<string[]> {
  const folder = `/proc/${process}/fd`;
  const open = await readdir(folder).catch(() => []);
  const keys = open.map(async (number) => {
    const target = await readlink(`${folder}/${number}`).catch(none);
    if (!target?.startsWith('/')) return undefined;
    const information = await readFile(`/proc/${process}/fdinfo/${number}`, 'utf8').catch(none);
    const flags = /^flags:\s*(\d+)$/m.exec(information ?? '')?.[1];
    if (flags === undefined || !isForWriting(flags)) return undefined;
    return stat(`${folder}/${number}`).then(keyOf, none);
  });
  return (await Promise.all(keys)).filter((key) => key !== undefined);
}

/** The files that this machine's processes have open for writing, as far as permissions show them (Linux). */
async function openForWriting(): Promise<Set<string>> {
  const entries = await readdir('/proc').catch(() => []);
  const files = new Set<string>();
  for (const process of entries.filter((entry) => /^\d+$/.test(entry)))
    for (const key of await filesOf(process)) files.add(key);
  return files;
}

/**
 * Which of these files are being written: those that a process has open for writing, and those that grow because of a
 * process of another user, container or machine. There is no lock file that a dead process could leave behind.
 */
export async function beingWritten(paths: readonly string[]): Promise<Set<string>> {
  const stats = () => Promise.all(paths.map((path) => stat(path).catch(none)));
  const before = await stats();
  const open = await openForWriting();
  const written = paths.filter((_, i) => before[i] && open.has(keyOf(before[i])));
  const isRecent = (file: Stats | undefined) => file && Date.now() - file.mtimeMs < RECENT;
  if (!before.some((file, i) => isRecent(file) && !written.includes(paths[i])))
    return new Set(written);
  await setTimeout(WATCHED);
  const after = await stats();
  const grown = paths.filter(
    (_, i) => before[i]?.size !== after[i]?.size || before[i]?.mtimeMs !== after[i]?.mtimeMs,
  );
  return new Set([...written, ...grown]);
}

/** Removes the partial file of a dead process. Throws a `UserError` if a process is still writing it. */
export async function discardAbandoned(path: string): Promise<void> {
  if (!(await isThere(path))) return;
  if ((await beingWritten([path])).has(path))
    throw new UserError(`${path}: another process is recording this episode; wait for it, or choose another folder`, { kind: 'unready', subject: path }); // prettier-ignore
  await rm(path, { force: true });
}
