import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { codeOf } from '../../errors.ts';
import { episodeFile, wholePath } from '../../episodes/files.ts';
import { type Label, labelsOf, mergeLabels, newestLabel } from '../../episodes/labels.ts';
import { listEpisode } from '../../episodes/listEpisodes.ts';
import { type HeldEpisode, heldEpisode } from '../../learning/corrections.ts';
import { openLedger } from '../ledger.ts';
import { digest } from '../../files/digest.ts';
import { type Expected, type Incoming, receive } from '../wire/transfer.ts';

const RECEIVED = 'received.txt';
/** A robot's name and an episode's a line. */
const ROBOTS = 'robots.txt';

/** An episode on the learner's disk. */
export interface KeptEpisode extends HeldEpisode {
  /** As its robot calls it. */
  name: string;
}

/** A learner's episodes on disk. */
export interface Store {
  /** Where it has this episode, or had it; `isNew` if it lies there and could not be noted before. */
  find(offered: Expected, robot?: string): Promise<{ path: string; isNew: boolean } | undefined>;
  /** Adds labels to those of an episode that it has; resolves when they are on the disk. */
  label(name: string, path: string, labels: readonly Label[]): Promise<KeptEpisode>;
  begin(offered: Expected): Promise<Incoming>;
  /** Keeps an episode that is all there, with its labels and its robot's name; resolves when all are on the disk. */
  keep(arrived: Incoming, labels: readonly Label[], robot?: string): Promise<KeptEpisode>;
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

/** Begins what arrives in a folder, where each file leaves room for the others that are arriving. */
function createArrivals(folder: string) {
  let count = 0;
  let arriving: { readonly missing: number }[] = [];
  return {
    async begin(offered: Expected): Promise<Incoming> {
      arriving = arriving.filter(({ missing }) => missing > 0);
      const taken = arriving.reduce((sum, { missing }) => sum + missing, 0);
      const room = { missing: offered.bytes };
      arriving.push(room);
      try {
        const begun = await receive(join(folder, `${count++}.part`), offered, taken);
        arriving.push(begun);
        return begun;
      } finally {
        room.missing = 0;
      }
    },
  };
}

/** The robots that made the episodes of a learner's folder, by the episodes' ids; none in an older folder. */
export async function readRobots(folder: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(join(folder, ROBOTS), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  });
  return robotsIn(text.split('\n').slice(0, -1));
}

const robotsIn = (lines: Iterable<string>) =>
  new Map(
    [...lines].map((line): [string, string] => {
      const [robot] = line.split(' ', 1);
      return [line.slice(robot.length + 1), robot];
    }),
  );

/**
 * The store in a folder: `episodes/NAME.mcap` with its labels beside it, what is arriving in `incoming/`, `received.txt`
 * with what ever arrived, so that an episode that was removed since is not counted again, and `robots.txt` with the
 * robots that have names. Calls for episodes of one name must not overlap.
 */
export async function openStore(folder: string): Promise<Store> {
  const [episodes, incoming] = ['episodes', 'incoming'].map((name) => join(folder, name));
  await rm(incoming, { recursive: true, force: true });
  await makeFolder(incoming);
  await makeFolder(episodes);
  const ledger = await openLedger(join(folder, RECEIVED));
  const robots = await openLedger(join(folder, ROBOTS));
  const robotOf = robotsIn(robots.lines);
  const arrivals = createArrivals(incoming);

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

  const noteRobot = async (path: string, robot: string | undefined) => {
    const { id } = episodeFile(path)!;
    if (robot === undefined || robotOf.get(id) === robot) return;
    await robots.add(`${robot} ${id}`);
    robotOf.set(id, robot);
  };
  const keptAt = async (name: string, path: string): Promise<KeptEpisode> => {
    const listed = (await listEpisode(path))!;
    const label = newestLabel(await labelsOf(path))?.outcome;
    const held = heldEpisode(listed, robotOf.get(listed.id));
    return { ...held, name, ...(label !== undefined && { label }) };
  };

  return {
    async find(offered, robot) {
      const known = idsOf(offered).find((id) => ledger.lines.has(keyOf(offered.sha256, id)));
      if (known !== undefined) return { path: wholePath(episodes, known), isNew: false };
      const { path, key, isThere } = await placeOf(offered);
      if (!isThere) return undefined;
      await noteRobot(path, robot);
      await ledger.add(key);
      return { path, isNew: true };
    },
    async label(name, path, labels) {
      await mergeLabels(path, labels);
      return keptAt(name, path);
    },
    begin: (offered) => arrivals.begin(offered),
    async keep(arrived, labels, robot) {
      const { path, key } = await placeOf(arrived);
      // First, so that nobody finds the episode without them.
      await noteRobot(path, robot);
      await mergeLabels(path, labels);
      await arrived.keep(path);
      await ledger.add(key);
      return keptAt(arrived.name, path);
    },
    async close() {
      await ledger.close();
      await robots.close();
    },
  };
}
