import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { episodeFile, labelsFile, wholePath } from '../../episodes/files.ts';
import { type Label, labelsOf } from '../../episodes/labels.ts';
import { type Ledger, openLedger } from '../ledger.ts';
import { fileName } from '../wire/protocol.ts';

const ACKNOWLEDGED = 'acknowledged.txt';

/** Finished episodes of a folder that the learner does not have yet with all of their labels, as far as this side knows. */
export interface Outbox {
  readonly pending: number;
  readonly acknowledged: number;
  /** Looks for episodes that were finished or labelled meanwhile. */
  refresh(): Promise<void>;
  /** The one to offer next, of those that are not on offer. */
  next(isOut?: (name: string) => boolean): { name: string; path: string } | undefined;
  /** The labels to offer an episode with: those that `acknowledge` then speaks of. Throws a `UserError`. */
  labels(name: string): Promise<Label[]>;
  /** The learner has it, with these labels: resolves when that is on this disk too. */
  acknowledge(name: string): Promise<void>;
  /** Lets the others go first. */
  postpone(name: string): void;
  /** It is no longer there. */
  forget(name: string): void;
  close(): Promise<void>;
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/**
 * An episode that was removed and recorded again under its name is another one, and so is one that was labelled: labels
 * are only ever added.
 */
async function identity(path: string, name: string): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  const labels = await sizeOf(labelsFile(path));
  return `${name}\t${size}\t${mtimeNs}${labels > 0 ? `\t${labels}` : ''}`;
}

/** The outbox of a folder, made if absent; what was acknowledged lies in its `acknowledged.txt`. */
export async function openOutbox(folder: string): Promise<Outbox> {
  await makeFolder(folder);
  const ledger: Ledger = await openLedger(join(folder, ACKNOWLEDGED));
  const pending = new Map<string, string>();
  const settled = new Set<string>();

  const look = async (name: string) => {
    const key = await identity(wholePath(folder, name), name).catch(() => undefined);
    if (key === undefined) return;
    if (ledger.lines.has(key)) return void settled.add(name);
    settled.delete(name);
    pending.set(name, key);
  };

  return {
    get pending() {
      return pending.size;
    },
    get acknowledged() {
      return settled.size;
    },
    async refresh() {
      const files = new Set(await readdir(folder));
      for (const file of [...files].sort()) {
        const { id, finished } = episodeFile(file) ?? {};
        if (!finished || !fileName.safeParse(id).success) continue;
        const isKnown = settled.has(id!) && !files.has(labelsFile(file));
        if (!pending.has(id!) && !isKnown) await look(id!);
      }
    },
    next(isOut = () => false) {
      for (const name of pending.keys())
        if (!isOut(name)) return { name, path: wholePath(folder, name) };
      return undefined;
    },
    async labels(name) {
      const path = wholePath(folder, name);
      // One that is added between these two is offered the next time too.
      const key = await identity(path, name);
      const labels = await labelsOf(path);
      pending.set(name, key);
      return labels;
    },
    async acknowledge(name) {
      const key = pending.get(name);
      if (key === undefined) return;
      await ledger.add(key);
      pending.delete(name);
      settled.add(name);
      await look(name);
    },
    postpone(name) {
      const key = pending.get(name);
      if (key === undefined) return;
      pending.delete(name);
      pending.set(name, key);
    },
    forget: (name) => void pending.delete(name),
    close: () => ledger.close(),
  };
}
