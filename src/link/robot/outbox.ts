import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { episodeFile, wholePath } from '../../episodes/files.ts';
import { type Ledger, openLedger } from '../ledger.ts';
import { fileName } from '../wire/protocol.ts';

const ACKNOWLEDGED = 'acknowledged.txt';

/** Finished episodes of a folder that the learner does not have yet, as far as this side knows. */
export interface Outbox {
  readonly pending: number;
  readonly acknowledged: number;
  /** Looks for episodes that were finished meanwhile. */
  refresh(): Promise<void>;
  /** The one to offer next. */
  next(): { name: string; path: string } | undefined;
  /** The learner has it: resolves when that is on this disk too. */
  acknowledge(name: string): Promise<void>;
  /** Lets the others go first. */
  postpone(name: string): void;
  /** It is no longer there. */
  forget(name: string): void;
  close(): Promise<void>;
}

/** An episode that was removed and recorded again under its name is another one. */
async function identity(path: string, name: string): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  return `${name}\t${size}\t${mtimeNs}`;
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
    if (ledger.lines.has(key)) settled.add(name);
    else pending.set(name, key);
  };

  return {
    get pending() {
      return pending.size;
    },
    get acknowledged() {
      return settled.size;
    },
    async refresh() {
      for (const file of (await readdir(folder)).sort()) {
        const episode = episodeFile(file);
        if (!episode?.finished || !fileName.safeParse(episode.id).success) continue;
        if (!pending.has(episode.id) && !settled.has(episode.id)) await look(episode.id);
      }
    },
    next() {
      for (const name of pending.keys()) return { name, path: wholePath(folder, name) };
      return undefined;
    },
    async acknowledge(name) {
      const key = pending.get(name);
      if (key === undefined) return;
      await ledger.add(key);
      pending.delete(name);
      settled.add(name);
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
