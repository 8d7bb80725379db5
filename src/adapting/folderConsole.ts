import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConsoleChoice } from '../console/consoleAccess.ts';
import { openNoRobotConsole } from '../console/noRobotConsole.ts';
import { UserError, messageOf } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { watchFiles } from '../files/watchFiles.ts';
import { drawCurve } from '../learning/curve.ts';
import { logFile } from '../learning/events.ts';
import { type ShownLearner, showLearning } from '../learning/learningConsole.ts';
import { stateFile } from '../learning/learnerFolder.ts';
import { comparisonsFile, readComparisons } from '../rollouts/comparison.ts';
import { drawRun, evaluationsIn } from './evaluation.ts';
import { foldersIn } from './plan.ts';

/** What a folder holds that a console shows. */
interface Shown {
  episodes: string[];
  learner?: Pick<ShownLearner, 'folder' | 'evaluations'>;
  /** Draws the curve in the folder anew. */
  draw?: () => Promise<void>;
}

const isLearners = async (folder: string) =>
  (await isThere(stateFile(folder))) || (await isThere(logFile(folder)));

/** What a folder is: an adaptation's, a learner's, or one of episodes. Throws a `UserError` for what is no folder. */
async function shownIn(folder: string): Promise<Shown> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory())
    throw new UserError(`${folder}: no such folder; name one of episodes, or one that a learner keeps`, { kind: 'missing', subject: folder }); // prettier-ignore
  const { learner, recorded } = foldersIn(folder);
  if (await isThere(learner))
    return {
      episodes: [join(learner, 'episodes'), recorded],
      learner: { folder: learner, evaluations: evaluationsIn(folder) },
      draw: async () => {
        await drawCurve(learner);
        await drawRun(folder);
      },
    };
  if (await isLearners(folder))
    return {
      episodes: [join(folder, 'episodes')],
      learner: { folder },
      draw: () => drawCurve(folder),
    };
  return { episodes: [folder] };
}

/**
 * Shows what a folder holds at a console, as it grows, until `signal` aborts. It only reads, unless an episode is
 * labelled, by which its curve is drawn anew: nothing that works in the folder is disturbed. Throws a `UserError` where
 * there is no such folder, or the console cannot listen.
 */
export async function showFolder(
  folder: string,
  place: ConsoleChoice,
  { log, signal }: { log: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const { episodes, learner, draw } = await shownIn(folder);
  const said = (error: unknown) => log(messageOf(error));
  const showComparisons = () =>
    readComparisons(episodes[0]).then(
      (comparisons) => console.publish('comparisons', comparisons),
      said,
    );
  const onLabel = () => {
    void view?.refresh();
    void showComparisons();
    draw?.().catch(said);
  };
  const console = await openNoRobotConsole({ ...place, episodes, answers: {}, onLabel, log });
  const view = learner && showLearning(console, { ...learner, runs: false, answers: [] }, log);
  const endComparisons = watchFiles([comparisonsFile(episodes[0])], showComparisons);
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  endComparisons();
  await view?.end();
  await console.close();
}
