import { randomUUID } from 'node:crypto';
import { UserError, messageOf } from '../errors.ts';
import { recordEpisode } from '../episodes/recordEpisode.ts';
import { loadSessionConfig } from '../onnx/session.ts';
import { type Bundle, loadBundle } from '../policy/bundle.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import { openWorkerPolicy } from '../policy/workerPolicy.ts';
import { type Calibration, loadCalibration } from '../robot/calibration.ts';
import type { Task } from '../robot/robot.ts';
import { approach } from '../runtime/approach.ts';
import { type AttemptResult, runAttempt } from '../runtime/attempt.ts';
import type { LoopCounts } from '../runtime/loop.ts';
import { commandTopics } from './commands.ts';
import { publishDiagnostics } from './diagnostics.ts';
import { createLifecycle } from './lifecycle.ts';
import { jointTrajectory } from './messages.ts';
import type { Running } from './nodeMain.ts';
import { type Answer, createOperator } from './operator.ts';
import { declareParameters } from './parameters.ts';
import { POLICY_PARAMETERS, type PolicyParameters } from './policyParameters.ts';
import { policyStatuses } from './policyStatus.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';
import { type RosRobot, rosRobot } from './rosRobot.ts';
import { callTrigger } from './trigger.ts';
import { awaitTopics, checkAlone } from './topics.ts';

/** What a configured node holds. */
export interface Configured {
  bundle: Bundle;
  calibration: Calibration;
  policy: ChunkPolicy;
  robot: RosRobot;
}

/** What an active node is doing. */
interface Activity {
  abort: AbortController;
  verdict: 'success' | 'failure' | undefined;
  done: Promise<void>;
}

async function configure(
  ros: Ros,
  node: RosNode,
  parameters: PolicyParameters,
): Promise<Configured> {
  const bundle = await loadBundle(parameters.policy);
  const calibration = await loadCalibration(parameters.calibration);
  if (bundle.embodiment !== calibration.name)
    throw new UserError(
      `${parameters.policy} is a policy for ${bundle.embodiment}, but ${parameters.calibration} is ${calibration.name}`,
    );
  const session = await loadSessionConfig(parameters.session || undefined);
  const { output, dry_run: dryRun } = parameters;
  const robot = rosRobot({ ros, node, calibration, cameras: bundle.cameras, output, dryRun });
  const policy = await openWorkerPolicy(bundle, session).catch(async (error: unknown) => {
    await robot.close();
    throw error;
  });
  return { bundle, calibration, robot, policy };
}

/** The policy, its chunks published as trajectories for those who want them. */
function published(ros: Ros, node: RosNode, { policy, calibration }: Configured): ChunkPolicy {
  const type = 'trajectory_msgs/msg/JointTrajectory';
  const publisher = node.createPublisher(type, '~/chunk', quality(ros, 'command'));
  const names = calibration.joints.map(({ name }) => name);
  return {
    ...policy,
    async sample(observation, noise) {
      const chunk = await policy.sample(observation, noise);
      const { actions, horizon } = chunk;
      const rows = Array.from({ length: horizon }, (_, row) =>
        actions.subarray(row * names.length, (row + 1) * names.length),
      );
      const stamp = observation.joints.stamp;
      publisher.publish(jointTrajectory(stamp, names, rows, 1 / calibration.controlRate));
      return chunk;
    },
  };
}

const said = (result: AttemptResult) =>
  `${result.outcome}, ${result.steps} steps, ${result.chunks} chunks${result.problem ? `: ${result.problem.message}` : ''}`;

/** The policy's node: a managed node that runs attempts when it is active. */
export function startPolicyNode(ros: Ros, node: RosNode): Running {
  const parameters = declareParameters(ros, node, POLICY_PARAMETERS);
  const log = node.getLogger();
  let configured: Configured | undefined;
  let activity: Activity | undefined;
  let counts: LoopCounts | undefined;
  const tally = { attempts: 0, successes: 0 };
  let seed = parameters.seed;
  let stopDiagnostics = () => {};

  /** Runs a job of the active node; one at a time. */
  const begin = (job: (activity: Activity) => Promise<void>) => {
    if (lifecycle.state !== 'active') throw new UserError('the node is not active: activate it');
    if (activity) throw new UserError('the robot is busy; stop it first');
    const begun: Activity = {
      abort: new AbortController(),
      verdict: undefined,
      done: Promise.resolve(),
    };
    activity = begun;
    begun.done = job(begun)
      .catch((error: unknown) => log.error(messageOf(error)))
      .finally(() => (activity = undefined));
  };

  const goHome = async ({ robot }: Configured, signal: AbortSignal) => {
    if (parameters.dry_run) return;
    const pose = Float64Array.from(robot.embodiment.joints, ({ home }) => home);
    await approach({ robot, pose, speed: parameters.approach_speed, signal });
  };

  const attempt = async (held: Configured, begun: Activity) => {
    const { robot, bundle } = held;
    const { signal } = begun.abort;
    if (parameters.reset_service) await callTrigger(node, parameters.reset_service);
    await goHome(held, signal);
    if (signal.aborted) return;
    const { prompt, task: name, seconds, zero_noise: zero } = parameters;
    const task: Task = {
      name,
      prompt,
      maxSteps: Math.round(seconds * robot.embodiment.controlRate),
      reset: () => Promise.resolve(),
      assess: () => ({
        reward: begun.verdict === 'success' ? 1 : 0,
        success: begun.verdict === 'success',
        failed: begun.verdict === 'failure',
      }),
    };
    const policy = published(ros, node, held);
    const id = `${new Date().toISOString().replace(/[:.]/g, '-')}-${name}-${randomUUID().slice(0, 8)}`;
    const recorder = parameters.record
      ? await recordEpisode(parameters.record, {
          id,
          embodiment: robot.embodiment,
          task: name,
          prompt,
          seed,
          policy: `${bundle.name} ${bundle.version}`,
        })
      : undefined;
    const result = await runAttempt({
      robot,
      task,
      policy: zero ? { ...policy, sample: (seen) => policy.sample(seen, 'zero') } : policy,
      seed: seed++,
      recorder,
      awaitChunks: false,
      onChunk: (now) => (counts = now),
      signal,
    });
    if (result.outcome !== 'discarded') {
      tally.attempts += 1;
      tally.successes += Number(result.success);
    }
    log.info(`attempt ${tally.attempts}: ${said(result)}; ${tally.successes} succeeded`);
  };

  const attempts = (count: number) => (begun: Activity) =>
    (async () => {
      for (let i = 0; i < count && !begun.abort.signal.aborted; i++) {
        begun.verdict = undefined;
        await attempt(configured!, begun);
      }
    })();

  const decide = (verdict: 'success' | 'failure') => () => {
    if (!activity) throw new UserError('no attempt is running');
    activity.verdict = verdict;
    return verdict;
  };
  const interrupt = (what: string) => () => {
    if (!activity) throw new UserError('nothing is running');
    activity.abort.abort();
    return what;
  };
  const answer: Answer = {
    start: () => {
      begin(attempts(1));
      return 'an attempt begins';
    },
    success: decide('success'),
    failure: decide('failure'),
    discard: interrupt('the attempt is discarded; the robot holds'),
    stop: interrupt('the robot holds'),
    home: () => {
      begin(({ abort }) => goHome(configured!, abort.signal));
      return 'the arms go to their start pose';
    },
  };

  const halt = async () => {
    activity?.abort.abort();
    await activity?.done;
  };
  const release = async () => {
    stopDiagnostics();
    const held = configured;
    configured = undefined;
    await held?.robot.close();
    await held?.policy.close();
  };

  const lifecycle = createLifecycle(ros, node, {
    async configure() {
      configured = await configure(ros, node, parameters);
      const held = configured;
      const statuses = () => policyStatuses(held, counts, lifecycle.state);
      stopDiagnostics = publishDiagnostics(ros, node, held.calibration.name, statuses);
    },
    async activate() {
      const { calibration, robot } = configured!;
      await awaitTopics(node, robot, new AbortController().signal);
      const topics = calibration.arms.flatMap(({ namespace }) =>
        Object.values(commandTopics(namespace)),
      );
      checkAlone(node, topics);
    },
    deactivate: halt,
    cleanup: release,
    async shutdown() {
      await halt();
      await release();
    },
    onError: halt,
  });
  createOperator(ros, node, parameters.outcome_topic, answer);

  if (parameters.autostart)
    void (async () => {
      if (!(await lifecycle.change('configure'))) return;
      if (!(await lifecycle.change('activate'))) return;
      if (parameters.attempts > 0) begin(attempts(parameters.attempts));
    })();
  return {
    async stop() {
      await lifecycle.change('shutdown');
    },
  };
}
