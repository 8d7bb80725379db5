import { join } from 'node:path';
import type { ConsoleChoice } from '../console/consoleAccess.ts';
import { UserError } from '../errors.ts';
import { type LearningConsole, openLearningConsole } from '../learning/learningConsole.ts';
import { type PageOrders, orderAnswers } from '../link/learner/learnerOrders.ts';
import { evaluationsIn } from './evaluation.ts';
import type { AdaptFolders, AdaptParts } from './parts.ts';

/** Where the page of a run is to be. */
export interface AdaptConsole extends ConsoleChoice {
  /** Whether the run goes on where there can be none. */
  isOptional?: boolean;
}

/** Opens the page of a run. Throws a `UserError` where it must have one and cannot. */
export async function openAdaptConsole(
  { isOptional = false, ...place }: AdaptConsole,
  run: { folder: string; folders: AdaptFolders; batch: number },
  { learner, ...parts }: AdaptParts,
  log: (line: string) => void,
): Promise<LearningConsole | undefined> {
  const orders: PageOrders = {
    pauseLearning: (...given) => learner.order('pauseLearning', ...given),
    pin: (...given) => learner.order('pin', ...given),
    rollBack: (...given) => learner.order('rollBack', ...given),
  };
  const { folder, folders, batch } = run;
  const opening = openLearningConsole({
    ...place,
    learner: { folder: folders.learner, batch, runs: true, evaluations: evaluationsIn(folder) },
    // Of an episode in both, the learner goes by the labels of its own.
    episodes: [join(folders.learner, 'episodes'), folders.recorded],
    answers: orderAnswers(orders),
    onLabel: (id) => parts.relabelled(id),
    log,
  });
  return opening.catch((error: unknown) => {
    if (!isOptional || !(error instanceof UserError)) throw error;
    log(`there is no page: ${error.message}`);
    return undefined;
  });
}
