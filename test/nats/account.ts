import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { labelsOf } from '../../src/episodes/labels.ts';
import { digest } from '../../src/files/digest.ts';

/** The names of a robot's or a learner's episodes; none where it has no folder for them yet. */
export const episodesIn = async (folder: string) =>
  (await readdir(join(folder, 'episodes')).catch(() => [])).filter((name) =>
    name.endsWith('.mcap'),
  );

/** Episodes by their content, with their labels. */
async function contentsOf(folder: string) {
  const at = join(folder, 'episodes');
  return Promise.all(
    (await episodesIn(folder)).map(async (file) => ({
      sha256: (await digest(join(at, file))).sha256,
      labels: JSON.stringify(await labelsOf(join(at, file))),
    })),
  );
}

/** What robots recorded, and what the learner has of it, by the files' content. */
export async function accountOf(robotFolders: readonly string[], learnerFolder: string) {
  const made = (await Promise.all(robotFolders.map(contentsOf))).flat();
  const kept = await contentsOf(learnerFolder);
  const times = new Map<string, number>();
  for (const { sha256 } of kept) times.set(sha256, (times.get(sha256) ?? 0) + 1);
  const labels = new Map(kept.map(({ sha256, labels }) => [sha256, labels]));
  const lines = (await readFile(join(learnerFolder, 'received.txt'), 'utf8')).trim().split('\n');
  return {
    made: made.length,
    /** Episodes that the learner has exactly once. */
    once: made.filter(({ sha256 }) => times.get(sha256) === 1).length,
    doubled: kept.length - times.size + lines.length - new Set(lines).size,
    lost: made.filter(({ sha256 }) => !times.has(sha256)).length,
    labelsLost: made.filter((one) => times.has(one.sha256) && labels.get(one.sha256) !== one.labels)
      .length,
  };
}
