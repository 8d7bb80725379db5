import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { codeOf } from '../../errors.ts';
import { episodeFile, wholePath } from '../../episodes/files.ts';
import { openLedger } from '../ledger.ts';
import { type Expected, type Incoming, digest, receive } from '../wire/transfer.ts';

const RECEIVED = 'received.txt';

/** A learner's episodes on disk. */
export interface Store {
  /** `noted` if it has this episode, or had it; its file if it lies there and could not be noted before. */
  find(offered: Expected): Promise<'noted' | { path: string } | undefined>;
  begin(offered: Expected): Promise<Incoming>;
  /** Keeps an episode that is all there; resolves to its file when that is on the disk. */
  keep(arrived: Incoming): Promise<string>;
  close(): Promise<void>;
}

const keyOf = (sha256: string, id: string) => `${sha256} ${id}`;

/** Robots may give different episodes the same name: the later one gets its hash beside it. */
const idsOf = ({ name, sha256 }: Expected) => [name, `${name}-${sha256.slice(0, 12)}`];

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
  await makeFolder(incoming);
  await makeFolder(episodes);
  const ledger = await openLedger(join(folder, RECEIVED));
  let begun = 0;

  const noted = new Set([...ledger.lines].map((line) => line.slice(line.indexOf(' ') + 1)));
  for (const file of await readdir(episodes)) {
    const episode = episodeFile(file);
    if (!episode?.finished || noted.has(episode.id)) continue;
    const { sha256 } = await digest(join(episodes, file));
    await ledger.add(keyOf(sha256, episode.id));
  }

  const placeOf = async (arrived: Expected) => {
    for (const id of idsOf(arrived)) {
      const path = wholePath(episodes, id);
      const found = await digestIfThere(path);
      if (!found || found.sha256 === arrived.sha256)
        return { path, key: keyOf(arrived.sha256, id), isThere: found !== undefined };
    }
    throw new Error(`${arrived.name}: both of its names are taken`);
  };

  return {
    async find(offered) {
      if (idsOf(offered).some((id) => ledger.lines.has(keyOf(offered.sha256, id)))) return 'noted';
      const { path, key, isThere } = await placeOf(offered);
      if (!isThere) return undefined;
      await ledger.add(key);
      return { path };
    },
    begin: (offered) => receive(join(incoming, `${begun++}.part`), offered),
    async keep(arrived) {
      const { path, key } = await placeOf(arrived);
      await arrived.keep(path);
      await ledger.add(key);
      return path;
    },
    close: () => ledger.close(),
  };
}
