import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../errors.ts';
import { wholePath } from '../episodes/files.ts';
import { openLedger } from './ledger.ts';
import { type Expected, type Incoming, digest, receive } from './transfer.ts';

const RECEIVED = 'received.txt';

/** A learner's episodes on disk. */
export interface Store {
  /** Episodes that ever arrived. */
  readonly received: number;
  /** Whether it has this episode, or had it. */
  has(offered: Expected): Promise<boolean>;
  begin(offered: Expected): Promise<Incoming>;
  /** Keeps an episode that is all there; resolves to its file when that is on the disk. */
  keep(arrived: Incoming): Promise<string>;
  close(): Promise<void>;
}

const keyOf = ({ name, sha256 }: Expected) => `${sha256} ${name}`;

const digestIfThere = (path: string) =>
  digest(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });

/**
 * The store in a folder: `episodes/NAME.mcap`, what is arriving in `incoming/`, and `received.txt`
 * with what ever arrived, so that an episode that was removed since is not counted again.
 */
export async function openStore(folder: string): Promise<Store> {
  const [episodes, incoming] = ['episodes', 'incoming'].map((name) => join(folder, name));
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  await mkdir(episodes, { recursive: true });
  const ledger = await openLedger(join(folder, RECEIVED));
  let begun = 0;

  /** Robots may give different episodes the same name: the later one gets its hash beside it. */
  const placeOf = async (arrived: Expected): Promise<{ path: string; isThere: boolean }> => {
    const { name, sha256 } = arrived;
    for (const id of [name, `${name}-${sha256.slice(0, 12)}`]) {
      const path = wholePath(episodes, id);
      const found = await digestIfThere(path);
      if (!found || found.sha256 === sha256) return { path, isThere: found !== undefined };
    }
    throw new Error(`${name}: both of its names are taken`);
  };

  return {
    get received() {
      return ledger.lines.size;
    },
    async has(offered) {
      if (ledger.lines.has(keyOf(offered))) return true;
      const { isThere } = await placeOf(offered);
      if (isThere) await ledger.add(keyOf(offered));
      return isThere;
    },
    begin: (offered) => receive(join(incoming, `${begun++}.part`), offered),
    async keep(arrived) {
      const { path } = await placeOf(arrived);
      await arrived.keep(path);
      await ledger.add(keyOf(arrived));
      return path;
    },
    close: () => ledger.close(),
  };
}
