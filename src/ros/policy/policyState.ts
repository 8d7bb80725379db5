import type { AttemptResult } from '../../control/attempt.ts';
import type { LoopCounts } from '../../control/loopOptions.ts';
import { UserError, messageOf } from '../../errors.ts';
import { readingTable } from '../../measure/meters.ts';
import { type NamedTask, type TaskChoice, taskOf } from '../../robot/taskOf.ts';
import type { RosNode } from '../rclnodejs.ts';
import type { Configured } from './configured.ts';
import { type Verdict, attemptOnce, checkFit, goHome, prepare } from './policyAttempt.ts';
import type { PolicyParameters } from './policyParameters.ts';

/** What an active node is doing. */
interface Activity {
  abort: AbortController;
  verdict: Verdict;
  /** To be called when nothing is in the way of its first motion. */
  prepared: () => void;
  done: Promise<void>;
}

/** A policy's node and what it holds while it runs. */
export interface PolicyState {
  readonly node: RosNode;
  readonly parameters: PolicyParameters;
  readonly isActive: () => boolean;
  /** Logs a warning the first time that it is given. */
  readonly warnOnce: (text: string) => void;
  configured: Configured | undefined;
  /** Whether the configured policy was found to fit the robot. */
  fits: boolean;
  activity: Activity | undefined;
  /** Of the newest chunk's loop. */
  counts: LoopCounts | undefined;
  readonly tally: { attempts: number; successes: number };
  /** By topic, for the attempts to come. */
  readonly choice: TaskChoice;
  /** Of the next attempt. */
  seed: number;
}

/**
 * Runs a job of an active node; one at a time. Resolves when it is prepared and continues by itself, and
 * rejects where it cannot begin.
 */
export async function begin(
  state: PolicyState,
  job: (activity: Activity) => Promise<void>,
): Promise<void> {
  if (!state.isActive()) throw new UserError('the node is not active: activate it');
  if (state.activity) throw new UserError('the robot is busy; stop it first');
  return new Promise((prepared, refused) => {
    const begun: Activity = {
      abort: new AbortController(),
      verdict: undefined,
      prepared,
      done: Promise.resolve(),
    };
    state.activity = begun;
    begun.done = job(begun)
      .catch((error: unknown) => {
        state.node.getLogger().error(messageOf(error));
        refused(new UserError(messageOf(error), { cause: error }));
      })
      .finally(() => (state.activity = undefined));
  });
}

/** What each job does before it moves anything. */
async function ready(
  { node, parameters, warnOnce }: PolicyState,
  held: Configured,
  begun: Activity,
) {
  await prepare(node, held, parameters, warnOnce, begun.abort.signal);
  begun.prepared();
}

/** A task by topic comes before the parameters', and a prompt by topic before any task's own. */
function nextTask({ parameters, choice }: PolicyState, { calibration }: Configured): NamedTask {
  const task = choice.task ?? parameters.task;
  const prompt = choice.prompt ?? parameters.prompt;
  return taskOf(calibration, { task, prompt }, parameters.calibration);
}

const summaryOf = ({ outcome, steps, starvedSteps, chunks, problem }: AttemptResult) =>
  `${outcome}, ${steps} steps${starvedSteps > 0 ? `, ${starvedSteps} of them at rest for want of rows` : ''}, ${chunks} chunks${problem ? `: ${problem.message}` : ''}`;

function countAttempt(state: PolicyState, held: Configured, result: AttemptResult): void {
  const { node, tally } = state;
  held.courier?.notify();
  if (result.outcome !== 'discarded') {
    tally.attempts += 1;
    tally.successes += Number(result.success);
  }
  const log = node.getLogger();
  log.info(`attempt ${tally.attempts}: ${summaryOf(result)}; ${tally.successes} succeeded`);
  for (const line of readingTable(held.meters.reading())) log.info(line);
}

async function attempt(state: PolicyState, held: Configured, begun: Activity): Promise<void> {
  const { parameters } = state;
  const { signal } = begun.abort;
  const warn = (text: string) => state.node.getLogger().warn(text);
  const { name: task, prompt } = nextTask(state, held);
  await ready(state, held, begun);
  await goHome(held, parameters, signal);
  if (signal.aborted) return;
  if (!state.fits) await checkFit(held, parameters, prompt, warn);
  state.fits = true;
  const result = await attemptOnce(held, {
    ...{ parameters, task, prompt, warn, signal },
    seed: state.seed++,
    verdict: () => begun.verdict,
    onChunk: (counts) => (state.counts = counts),
  });
  countAttempt(state, held, result);
}

/** The job of so many attempts, one after the other. */
export const attempts = (state: PolicyState, count: number) => async (begun: Activity) => {
  for (let i = 0; i < count && !begun.abort.signal.aborted; i++) {
    begun.verdict = undefined;
    await attempt(state, state.configured!, begun);
  }
};

/** The job of going to the start pose. */
export const goingHome = (state: PolicyState) => async (begun: Activity) => {
  await ready(state, state.configured!, begun);
  await goHome(state.configured!, state.parameters, begun.abort.signal);
};

/** Ends what the node is doing; resolves when it has ended. */
export async function halt({ activity }: PolicyState): Promise<void> {
  activity?.abort.abort();
  await activity?.done;
}
