import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError, invalid } from '../../errors.ts';
import type { EpisodeHeader, EpisodeResult } from '../../episodes/episode.ts';
import { readHeader, readResult, writeHeader, writeResult } from '../../episodes/metadata.ts';
import type { Episode } from '../../episodes/readEpisode.ts';
import { isThere } from '../../files/isThere.ts';
import { readJsonLines } from '../../files/jsonLines.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import { V3_FILES } from './layout.ts';

/** What Nalu has written beside a data set of its own. */
export interface OwnRecord {
  embodiment: Embodiment;
  episodes: { header: EpisodeHeader; result: EpisodeResult }[];
}

interface Line {
  embodiment?: Embodiment;
  header?: Record<string, string>;
  result?: Record<string, string>;
}

/** A header's strings but for the robot, which is said once. */
const headerStrings = (header: EpisodeHeader) =>
  Object.fromEntries(Object.entries(writeHeader(header)).filter(([key]) => key !== 'embodiment'));

/** Begins the record of a data set; gives a function that adds an episode. */
export async function createOwnRecord(folder: string, embodiment: Embodiment) {
  const path = join(folder, V3_FILES.nalu);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify({ embodiment })}\n`);
  return async ({ header, result }: Episode): Promise<void> => {
    const line = { header: headerStrings(header), result: result && writeResult(result) };
    await appendFile(path, `${JSON.stringify(line)}\n`);
  };
}

/**
 * Reads the record of a data set that Nalu wrote; undefined where there is none. Throws a `UserError` if it is of
 * another number of episodes.
 */
export async function readOwnRecord(
  folder: string,
  episodes: number,
): Promise<OwnRecord | undefined> {
  const path = join(folder, V3_FILES.nalu);
  if (!(await isThere(path))) return undefined;
  const [first, ...lines] = await readJsonLines<Line>(path);
  const robot = first?.embodiment;
  if (!robot || lines.length !== episodes)
    throw invalid(
      path,
      `has ${lines.length} episodes, the data set ${episodes}; if another program changed the data set, remove this file and give --calibration`,
    );
  const embodiment = JSON.stringify(robot);
  try {
    const read = lines.map(({ header, result }) => ({
      header: readHeader(new Map(Object.entries({ ...header, embodiment }))),
      result: readResult(new Map(Object.entries({ ...result }))),
    }));
    return { embodiment: read[0].header.embodiment, episodes: read };
  } catch (error) {
    throw new UserError(
      `${path}: an episode's header or result is not readable; remove this file and give --calibration`,
      { cause: error, kind: 'invalid', subject: path },
    );
  }
}
