import { randomUUID } from 'node:crypto';
import { UserError, messageOf } from '../../errors.ts';
import { recordEpisode } from '../../episodes/recordEpisode.ts';
import type { Assessment, Robot } from '../../robot/robot.ts';
import { approach } from '../../control/approach.ts';
import { type AttemptResult, runAttempt } from '../../control/attempt.ts';
import type { Misfit } from '../../check/case.ts';
import { examineOpen } from '../../check/examine.ts';
import { findingsOf } from '../../check/report.ts';
import type { Finding } from '../../console/protocol.ts';
import { judge } from '../../control/judge.ts';
import type { Configured } from './configured.ts';
import { armsOfKind } from '../../topics/commandKinds.ts';
import { ensureModes } from '../operatingModes.ts';
import { attemptExploration } from './attemptExploration.ts';
import type { PolicyParameters } from './policyParameters.ts';
import type { RosNode } from '../rclnodejs.ts';
import { checkAlone, checkTopics } from '../topics.ts';
import { callTrigger } from '../trigger.ts';
import { fromZeroNoise, exploring } from '../../policy/policyWrappers.ts';
import type { LoopOptions } from '../../control/loopOptions.ts';
import type { Verdict } from '../../control/operation.ts';
import type { Outcome } from '../../episodes/episode.ts';

/** What an attempt needs of what is configured, with the robot that it moves. */
export type Attempting = Omit<Configured, 'robot'> & { robot: Robot };

export interface AttemptOptions {
  parameters: PolicyParameters;
  task: string;
  prompt: string;
  seed: number;
  verdict: () => Verdict;
  /** Asks a person about an attempt that ran out of time. */
  judgement: () => Promise<Outcome>;
  warn: (text: string) => void;
  onChunk: NonNullable<LoopOptions['onChunk']>;
  signal: AbortSignal;
}

/** A slow move to the start pose, from wherever the arms are. */
export async function goHome(
  { robot, heartbeat }: Attempting,
  { dry_run, approach_speed: speed }: PolicyParameters,
  signal: AbortSignal,
): Promise<void> {
  if (dry_run) return;
  const pose = Float64Array.from(robot.embodiment.joints, ({ home }) => home);
  await approach({ robot, pose, speed, heartbeat, signal });
  if (signal.reason instanceof UserError) throw signal.reason;
}

/**
 * Makes sure that Interbotix' drivers take angles, if commands go to them. Throws a `UserError` where they do not;
 * a dry run only warns.
 */
export async function checkModes(
  node: RosNode,
  { calibration }: Configured,
  { output, dry_run: dryRun, set_gripper_mode: set }: PolicyParameters,
  warn: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const arms = armsOfKind(calibration, output, 'interbotix');
  if (arms.length === 0) return;
  try {
    await ensureModes(node, arms, { setGripper: set && !dryRun, warn, signal });
  } catch (error) {
    if (!dryRun || signal?.aborted) throw error;
    warn(messageOf(error));
  }
}

/**
 * Makes sure, before anything moves, that the robot's topics speak, that nobody else commands its arms, that its
 * drivers take angles, and that the scene is reset where it can be. Throws a `UserError` otherwise.
 */
export async function prepare(
  node: RosNode,
  configured: Configured,
  parameters: PolicyParameters,
  warn: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  checkTopics(node, configured.robot);
  checkAlone(node, configured.commands);
  await checkModes(node, configured, parameters, warn, signal);
  if (parameters.reset_service) await callTrigger(node, parameters.reset_service, signal);
}

/** What does not fit between policy and robot, as `nalu check` finds it; `show` takes all that was found. */
export async function fitOf(
  { robot, driver: { policy, own }, calibration }: Attempting,
  prompt: string,
  show: (findings: Finding[]) => void,
): Promise<readonly Misfit[]> {
  const { fit, misfits } = await examineOpen({
    ...{ robot, policy, calibration, prompt },
    ...(own && !own.commandsEndEffector && { bundle: own.bundle }),
  });
  show(findingsOf(misfits, fit));
  return misfits;
}

/**
 * Warns of what does not fit, before the policy moves anything. Throws a `UserError` where it must not move this robot
 * and may not do so all the same.
 */
export function judgeFit(
  misfits: readonly Misfit[],
  { dry_run: dryRun, ignore_misfits: ignore }: PolicyParameters,
  warn: (text: string) => void,
): void {
  const errors = misfits.filter(({ severity }) => severity === 'error');
  for (const { severity, message } of misfits) if (severity !== 'note') warn(message);
  if (errors.length > 0 && !dryRun && !ignore)
    throw new UserError(
      'the policy does not fit the robot, so nothing is moved; mend what the warnings name, or set ignore_misfits',
      { kind: 'mismatch' },
    );
}

const assessment = (verdict: Verdict): Assessment => ({
  reward: verdict === 'success' ? 1 : 0,
  success: verdict === 'success',
  failed: verdict === 'failure',
});

/**
 * One attempt from where the arms are, recorded if the parameters say so. It has succeeded where the
 * classifier says so, unless the operator has said otherwise.
 */
export async function attemptOnce(
  { robot, driver, published, classifier, meters, heartbeat }: Attempting,
  { parameters, task, prompt, seed, verdict, judgement, warn, onChunk, signal }: AttemptOptions,
): Promise<AttemptResult> {
  const { seconds, zero_noise: zero, record } = parameters;
  const exploration = attemptExploration(parameters);
  const policy = exploration ? exploring(published, exploration) : published;
  const id = `${new Date().toISOString().replace(/[:.]/g, '-')}-${task}-${randomUUID().slice(0, 8)}`;
  const recorder = record
    ? await recordEpisode(record, {
        id,
        embodiment: robot.embodiment,
        task,
        prompt,
        seed,
        policy: `${driver.name} ${driver.version}`,
      })
    : undefined;
  const judged = classifier && judge(robot, classifier, { awaitLooks: false, onProblem: warn });
  const seen = () => (judged?.succeeded() ? 'success' : undefined);
  return runAttempt({
    robot: judged?.robot ?? robot,
    task: {
      name: task,
      prompt,
      maxSteps: Math.round(seconds * robot.embodiment.controlRate),
      reset: () => Promise.resolve(),
      assess: () => assessment(verdict() ?? seen()),
    },
    policy: zero ? fromZeroNoise(policy) : policy,
    seed,
    recorder,
    meters,
    awaitChunks: false,
    heartbeat,
    onChunk,
    warn,
    judgement,
    signal,
  });
}
