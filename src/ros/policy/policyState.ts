import type { AttemptResult } from '../../control/attempt.ts';
import { attemptLine } from '../../control/attemptLine.ts';
import type { LoopCounts } from '../../control/loopOptions.ts';
import type { RobotConsole } from '../../console/robotConsole.ts';
import type { Operation, OperationWork } from '../../control/operation.ts';
import type { Misfit } from '../../check/case.ts';
import { messageOf } from '../../errors.ts';
import { describeMisfits, describeStarvation } from '../../rollouts/attemptReport.ts';
import type { OperatedVersions } from '../../rollouts/operatedVersions.ts';
import { readingTable } from '../../measure/meters.ts';
import { type NamedTask, type TaskChoice, taskOf } from '../../robot/taskOf.ts';
import type { RosNode } from '../rclnodejs.ts';
import type { Configured } from './configured.ts';
import { attemptOnce, fitOf, goHome, judgeFit, prepare } from './policyAttempt.ts';
import { versionOf } from './policyStatus.ts';
import type { PolicyParameters } from './policyParameters.ts';

/** A policy's node and what it holds while it runs. */
export interface PolicyState {
  readonly node: RosNode;
  readonly parameters: PolicyParameters;
  readonly isActive: () => boolean;
  /** Logs a warning the first time that it is given. */
  readonly warnOnce: (text: string) => void;
  configured: Configured | undefined;
  /** Why the configured node is not active, unless it is on its way there. */
  inactive: string | undefined;
  /** Whether the configured policy was found to fit the robot. */
  fits: boolean;
  readonly operation: Operation;
  console: RobotConsole | undefined;
  /** The versions that are played and compared from the console, where there is a choice. */
  versions: OperatedVersions | undefined;
  /** Of the newest chunk's loop. */
  counts: LoopCounts | undefined;
  readonly tally: { attempts: number; successes: number };
  /** By topic, for the attempts to come. */
  readonly choice: TaskChoice;
  /** Of the next attempt. */
  seed: number;
}

/** A task by topic comes before the parameters', and a prompt by topic before any task's own. */
export function nextTask(
  { parameters, choice }: PolicyState,
  { calibration, driver }: Pick<Configured, 'calibration' | 'driver'>,
): NamedTask {
  const task = choice.task ?? parameters.task;
  const prompt = choice.prompt ?? parameters.prompt;
  return taskOf(calibration, { task, prompt }, parameters.calibration, driver.own?.bundle.tasks);
}

function summaryOf(result: AttemptResult): string {
  const { outcome, steps, starvedSteps, chunks, problem } = result;
  const parts = [
    outcome,
    `${steps} steps`,
    ...describeStarvation(starvedSteps),
    `${chunks} chunks`,
    ...describeMisfits(result),
  ].join(', ');
  return problem ? `${parts}: ${problem.message}` : parts;
}

/** Counts an attempt, and tells of it. */
export function countAttempt(state: PolicyState, result: AttemptResult): void {
  const { node, tally, operation, console } = state;
  const held = state.configured!;
  held.courier?.notify();
  if (result.outcome !== 'discarded') {
    tally.attempts += 1;
    tally.successes += Number(result.success);
  }
  const log = node.getLogger();
  const { attempt } = operation.state;
  const counted = `${tally.successes} of ${tally.attempts} succeeded`;
  log.info(`attempt ${attempt}: ${summaryOf(result)}; ${counted}`);
  for (const line of readingTable(held.meters.reading())) log.info(line);
  const { controlRate } = held.robot.embodiment;
  const line = attemptLine(result, { attempt, version: versionOf(held), controlRate });
  console?.attempt(line);
  state.versions?.judged(line).catch((error: unknown) => {
    log.error(messageOf(error));
    console?.log('error', messageOf(error));
  });
}

/** The robot to move: through the console, where there is one. */
const robotOf = ({ console }: PolicyState, { robot }: Configured) => console?.robot ?? robot;

/** Warns in the node's log and on the console. */
const warnerOf =
  ({ node, console }: PolicyState) =>
  (text: string) => {
    node.getLogger().warn(text);
    console?.log('warn', text);
  };

/** Compares the policy with the robot, and shows the pages what was found. */
export function examineFit(state: PolicyState): Promise<readonly Misfit[]> {
  const held = state.configured!;
  const { prompt } = nextTask(state, held);
  return fitOf({ ...held, robot: robotOf(state, held) }, prompt, (findings) =>
    state.console?.fit(findings),
  );
}

/** What an active node does. */
export function workOf(given: () => PolicyState): OperationWork {
  const parts = () => {
    const state = given();
    const held = state.configured!;
    return { state, held: { ...held, robot: robotOf(state, held) } };
  };
  return {
    async prepare(signal) {
      const { node, parameters, warnOnce, configured, versions } = given();
      await versions?.prepare();
      await prepare(node, configured!, parameters, warnOnce, signal);
    },
    home(signal) {
      const { state, held } = parts();
      return goHome(held, state.parameters, signal);
    },
    async check() {
      const state = given();
      if (state.fits) return;
      judgeFit(await examineFit(state), state.parameters, warnerOf(state));
      state.fits = true;
    },
    async attempt({ verdict, judgement, signal }) {
      const { state, held } = parts();
      const { parameters, console } = state;
      const { name: task, prompt } = nextTask(state, held);
      const warn = warnerOf(state);
      return attemptOnce(held, {
        ...{ parameters, task, prompt, warn, verdict, judgement, signal },
        seed: state.seed++,
        onChunk(counts, chunk) {
          state.counts = counts;
          console?.chunk(chunk);
        },
      });
    },
  };
}
