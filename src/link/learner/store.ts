import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { codeOf } from '../../errors.ts';
import type { Outcome } from '../../episodes/episode.ts';
import { episodeFile, wholePath } from '../../episodes/files.ts';
import { type Label, labelsOf, mergeLabels, newestLabel } from '../../episodes/labels.ts';
import { openLedger } from '../ledger.ts';
import { digest } from '../../files/digest.ts';
import { type Expected, type Incoming, receive } from '../wire/transfer.ts';

const RECEIVED = 'received.txt';

/** An episode on the learner's disk. */
export interface KeptEpisode {
  name: string;
  path: string;
  /** The outcome that its newest label gives; absent where it has none. */
  label?: Outcome;
}

/** A learner's episodes on disk. */
export interface Store {
  /** Where it has this episode, or had it; `isNew` if it lies there and could not be noted before. */
  find(offered: Expected): Promise<{ path: string; isNew: boolean } | undefined>;
  /** Adds labels to those of an episode that it has; resolves when they are on the disk. */
  label(name: string, path: string, labels: readonly Label[]): Promise<KeptEpisode>;
  begin(offered: Expected): Promise<Incoming>;
  /** Keeps an episode that is all there, with its labels; resolves when both are on the disk. */
  keep(arrived: Incoming, labels: readonly Label[]): Promise<KeptEpisode>;
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

async function keptAt(name: string, path: string): Promise<KeptEpisode> {
  const label = newestLabel(await labelsOf(path))?.outcome;
  return { name, path, ...(label !== undefined && { label }) };
}

/**
 * The store in a folder: `episodes/NAME.mcap` with its labels beside it, what is arriving in `incoming/`, and `received.txt`
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
      const known = idsOf(offered).find((id) => ledger.lines.has(keyOf(offered.sha256, id)));
      if (known !== undefined) return { path: wholePath(episodes, known), isNew: false };
      const { path, key, isThere } = await placeOf(offered);
      if (!isThere) return undefined;
      await ledger.add(key);
      return { path, isNew: true };
    },
    async label(name, path, labels) {
      await mergeLabels(path, labels);
      return keptAt(name, path);
    },
    begin: (offered) => receive(join(incoming, `${begun++}.part`), offered),
    async keep(arrived, labels) {
      const { path, key } = await placeOf(arrived);
      // First, so that nobody finds the episode without them.
      await mergeLabels(path, labels);
      await arrived.keep(path);
      await ledger.add(key);
      return keptAt(arrived.name, path);
    },
    close: () => ledger.close(),
  };
}
