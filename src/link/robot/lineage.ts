import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import { discard } from '../../episodes/mcap.ts';
import { adapterVersion, readAdapterHead } from '../../policy/bundle/adapter.ts';
import { openLedger } from '../ledger.ts';
import type { MessageOf } from '../wire/protocol.ts';
import { digest } from '../../files/digest.ts';
import type { Bundle } from '../../policy/bundle/config.ts';

const SUFFIX = '.safetensors';
const LINE = 'line.txt';
/** Adapters whose files are kept: a runtime may be fetching one while the next is published. */
const KEPT = 3;

type Announcement = Omit<MessageOf<'adapter'>, 'line' | 'kind'>;

/** Adapters that a learner has published, and which came from which. */
export interface Lineage {
  readonly newest: Announcement | undefined;
  /** One whose file is kept; undefined for any other. */
  of(version: string): Promise<Announcement | undefined>;
  /**
   * Copies an adapter in as the newest, for the first time or again; gives its version. The files of the last ones stay,
   * and of those that are `needed`. Throws a `UserError` if it does not belong here.
   */
  add(file: string, parent: string, needed?: readonly string[]): Promise<string>;
  /** An adapter's ancestors, newest first, back to `version` or to the policy as it was opened; by default the newest one's. */
  since(version: string, of?: string): [string, ...string[]];
  pathOf(version: string): string;
  close(): Promise<void>;
}

/** The error of an adapter in a file that does not belong to this lineage. */
const misplaced = (path: string, why: string) =>
  new UserError(`${path}: ${why}`, { kind: 'mismatch', subject: path });

/** Throws a `UserError` for an adapter of another policy; `remedy` ends its sentence. */
function checkBase(path: string, base: string, policy: Pick<Bundle, 'base'>, remedy = ''): void {
  if (base === policy.base) return;
  const why = `an adapter of the policy ${base}, this learner improves ${policy.base}${remedy}`;
  throw misplaced(path, why);
}

/** The lineage in a folder, made if absent: `line.txt` has a running number, a version and its parent a line. */
export async function openLineage(
  folder: string,
  policy: Pick<Bundle, 'base' | 'version'>,
): Promise<Lineage> {
  await makeFolder(folder);
  const ledger = await openLedger(join(folder, LINE));
  const pathOf = (version: string) => join(folder, version + SUFFIX);
  const origin = adapterVersion(policy);
  const parents = new Map<string, string>();
  /** A version that is taken up again is the newest again. */
  const append = (version: string, parent: string) => {
    parents.delete(version);
    parents.set(version, parent);
  };
  for (const line of ledger.lines) {
    const [, version, parent] = line.split(' ');
    append(version, parent);
  }
  let newest: Announcement | undefined;

  const announcement = async (version: string): Promise<Announcement> => {
    const path = pathOf(version);
    const { base, trainable } = await readAdapterHead(path);
    checkBase(path, base, policy, '; give each policy a folder of its own');
    return { name: version, base, trainable, ...(await digest(path)) };
  };
  const last = [...parents.keys()].at(-1);
  if (last !== undefined) newest = await announcement(last);

  const removeOld = async (needed: readonly string[]) => {
    const last = [...parents.keys()].slice(-KEPT);
    const keep = new Set([...last, ...needed].map((version) => version + SUFFIX));
    for (const name of await readdir(folder))
      if (name.endsWith(SUFFIX) && !keep.has(name)) await discard(join(folder, name));
  };

  return {
    get newest() {
      return newest;
    },
    async of(version) {
      if (version === newest?.name) return newest;
      if (!parents.has(version) || !(await isThere(pathOf(version)))) return undefined;
      return announcement(version);
    },
    async add(file, parent, needed = []) {
      const { version, base } = await readAdapterHead(file);
      checkBase(file, base, policy);
      if (parent !== policy.base && parent !== origin && !parents.has(parent))
        throw misplaced(
          file,
          `its parent ${parent} was never published; publish that first, or name the base ${policy.base}`,
        );
      if (newest?.name === version) return version;
      const from = parents.get(version) ?? parent;
      await writeWhole(pathOf(version), async (copy) => {
        for await (const part of createReadStream(file)) await copy.writeFile(part as Buffer);
      });
      await ledger.add(`${ledger.lines.size} ${version} ${from}`);
      append(version, from);
      newest = await announcement(version);
      await removeOld(needed);
      return version;
    },
    since(version, of = newest!.name) {
      let at = parents.get(of)!;
      const line: [string, ...string[]] = [at];
      for (let parent; at !== version && (parent = parents.get(at)) !== undefined; at = parent)
        line.push(parent);
      return line;
    },
    pathOf,
    close: () => ledger.close(),
  };
}
