import { inlinePolicy } from '../src/rollouts/inlinePolicy.ts';
import { serve } from '../src/processes/serve.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { withIntegration } from '../src/policy/bundle/withIntegration.ts';
import type { IntegrationChanges } from '../src/policy/integration.ts';
import type { SimTaskName } from '../src/sim/taskNames.ts';
import { openSampler } from '../src/policy/sampler.ts';
import { runAttempt } from '../src/control/attempt.ts';
import { simulatedAloha } from '../src/sim/simulatedAloha.ts';
import { type MotionFigures, motionFigures } from './motionFigures.ts';
import { delegatePolicy, fromZeroNoise } from '../src/policy/policyWrappers.ts';
import { type ReuseRule, reusingPrefix } from './prefixReuse.ts';
import { delegateRobot } from '../src/robot/delegates.ts';
import { type JoinKind, sampledJoin } from '../src/policy/joinKinds.ts';

/** What all attempts of a process have in common. */
export interface AttemptSettings {
  policy: string;
  /** transfer-cube where absent. */
  task?: SimTaskName;
  join: JoinKind;
  /** Control steps that a chunk takes to be there. */
  delay: number;
  /** Rows of a chunk to play; the bundle's where absent. */
  execute?: number;
  /** What differs from how the bundle integrates its flow. */
  integration?: IntegrationChanges;
  zeroNoise?: boolean;
  /** When a prefix is used again; never where absent. */
  reuse?: ReuseRule;
}

export interface MeasuredAttempt {
  seed: number;
  success: boolean;
  /** Control steps. */
  steps: number;
  motion: MotionFigures;
  chunks: number;
  /** Of these, those that used an earlier prefix. */
  reused: number;
}

export interface AttemptFunctions {
  attempt: (seed: number) => Promise<MeasuredAttempt>;
}

const NEVER: ReuseRule = { difference: null, inARow: 0 };

serve<AttemptFunctions, AttemptSettings>(async (settings) => {
  const { join, delay, task = 'transfer-cube' } = settings;
  const loaded = withIntegration(await loadBundle(settings.policy), settings.integration ?? {});
  const bundle = { ...loaded, executeSteps: settings.execute ?? loaded.executeSteps };
  const session = sessionConfigSchema.parse({ threads: 1 });
  const sampler = await openSampler(bundle, session, { joins: sampledJoin(join) });
  const joining = delegatePolicy(inlinePolicy(bundle, sampler), { join });
  const own = settings.zeroNoise ? fromZeroNoise(joining) : joining;
  const { policy, startAnew } = reusingPrefix(own, settings.reuse ?? NEVER);
  const sim = await simulatedAloha({ task, cameras: bundle.cameras });
  const { joints, controlRate } = sim.embodiment;
  const arms = joints.flatMap(({ kind }, i) => (kind === 'arm' ? [i] : []));

  return {
    async attempt(seed) {
      const commands: Float64Array[] = [];
      const joins: number[] = [];
      const robot = delegateRobot(sim, {
        command(positions) {
          commands.push(positions.slice());
          sim.command(positions);
        },
      });
      const onChunk = () => {
        if (commands.length === 0) return;
        // A robot that waits for its chunk has stopped before, too.
        if (join === 'synchronous') joins.push(commands.length - delay);
        joins.push(commands.length);
      };
      const result = await runAttempt({
        robot,
        task: sim,
        policy,
        seed,
        lead: delay,
        onChunk,
      });
      // What stops the robot during an attempt, as its guard does, is the policy's failure.
      if (result.problem && commands.length === 0) throw result.problem;
      const { success, steps } = result;
      const motion = motionFigures(commands, joins, arms, controlRate);
      return { seed, success, steps, motion, ...startAnew() };
    },
  };
});
