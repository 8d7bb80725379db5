import { join } from 'node:path';
import type { Console, RuntimeAnswers } from '../console/console.ts';
import type { ConsoleChoice } from '../console/consoleAccess.ts';
import { openNoRobotConsole } from '../console/noRobotConsole.ts';
import type { EvaluationPoint, Learning, RequestName } from '../console/protocol.ts';
import { messageOf } from '../errors.ts';
import { watchFiles } from '../files/watchFiles.ts';
import { logFile } from './events.ts';
import { stateFile } from './learnerFolder.ts';
import { type ToldLearning, readLearning } from './learningTopic.ts';
import { ordersFile } from './orders.ts';

/** A learner's folder, as it is shown. */
export interface ShownLearner {
  folder: string;
  /** Episodes of an update; those of the last update where absent. */
  batch?: number;
  /** A run's evaluations, and the file that holds them. */
  evaluations?: { file: string; read: () => Promise<EvaluationPoint[]> };
  /** Whether the learner runs, so that what it waits for is told. */
  runs: boolean;
  /** What can be asked of it. */
  answers: readonly RequestName[];
}

/** What a learner does, by what its folder tells. */
function stateOf({ paused, pinned, waiting }: ToldLearning, batch: number, runs: boolean): string {
  if (paused) return 'paused';
  if (pinned !== undefined) return 'pinned';
  if (!runs) return 'as recorded';
  return waiting >= batch && batch > 0 ? 'updating' : 'waiting';
}

/** Estimates the time to the next update, ms, from the pace of episodes since the first look. */
function createEstimate() {
  const began = performance.now();
  let first: number | undefined;
  return ({ waiting, consumed }: ToldLearning, batch: number): number | undefined => {
    first ??= waiting + consumed;
    const come = waiting + consumed - first;
    const missing = batch - waiting;
    return come > 0 && missing > 0 ? ((performance.now() - began) / come) * missing : undefined;
  };
}

/** What shows a learner's folder. */
export interface LearningView {
  /** Shows it anew: labels were added, which no file tells that is watched. */
  refresh(): Promise<void>;
  /** Ends it, with how the folder then is. */
  end(): Promise<void>;
}

/** Shows a learner's folder at a console as it changes, and only reads it. */
export function showLearning(
  console: Pick<Console, 'publish'>,
  { folder, batch: given, evaluations, runs, answers }: ShownLearner,
  log: (line: string) => void,
): LearningView {
  const timeLeft = createEstimate();
  let problem: string | undefined;
  const learning = async (): Promise<Learning> => {
    const { consumed, lastBatch, ...told } = await readLearning(folder);
    const batch = given ?? lastBatch ?? 0;
    const all = { ...told, consumed };
    const left = runs && !told.paused && told.pinned === undefined && timeLeft(all, batch);
    return {
      ...told,
      at: Date.now(),
      state: stateOf(all, batch, runs),
      batch,
      ...(left && { timeLeft: left }),
      evaluations: (await evaluations?.read()) ?? [],
      answers: [...answers],
    };
  };
  const show = (more: Partial<Learning> = {}) =>
    learning().then(
      (value) => console.publish('learning', { ...value, ...more }),
      (error: unknown) => {
        const text = messageOf(error);
        if (text !== problem) log((problem = text));
      },
    );
  const files = [logFile, stateFile, ordersFile].map((of) => of(folder));
  const stop = watchFiles(
    [...files, join(folder, 'episodes'), ...(evaluations ? [evaluations.file] : [])],
    () => show(),
  );
  return {
    refresh: () => show(),
    async end() {
      stop();
      if (runs) await show({ state: 'ended' });
    },
  };
}

export interface LearningConsoleOptions extends ConsoleChoice {
  learner: Omit<ShownLearner, 'answers'>;
  /** Folders of episodes that it shows. */
  episodes: readonly string[];
  answers: RuntimeAnswers;
  /** Called when an episode's label was corrected on its page. */
  onLabel?: (id: string) => void;
  log: (line: string) => void;
}

/** A console on a learner. */
export interface LearningConsole {
  readonly url: string;
  /** Shows more than the learner's folder tells. */
  readonly publish: Console['publish'];
  close(): Promise<void>;
}

/** Opens a console on a learner, without a robot. Throws a `UserError` where it cannot listen. */
export async function openLearningConsole(
  options: LearningConsoleOptions,
): Promise<LearningConsole> {
  const { learner, answers, log } = options;
  const console = await openNoRobotConsole(options);
  const names = Object.keys(answers) as RequestName[];
  const view = showLearning(console, { ...learner, answers: names }, log);
  return {
    url: console.url,
    publish: (topic, value) => console.publish(topic, value),
    async close() {
      await view.end();
      await console.close();
    },
  };
}
