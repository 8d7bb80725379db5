import { randomUUID } from 'node:crypto';
import { type EpisodeRecorder, recordEpisode } from '../episodes/recordEpisode.ts';
import { UserError } from '../errors.ts';
import { type SessionConfig, loadSessionConfig } from '../session/session.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { type ChunkPolicy } from '../policy/chunkPolicy.ts';
import { openClassifier } from '../classifier/successClassifier.ts';
import { openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { runAttempt } from '../control/attempt.ts';
import { judge } from '../control/judge.ts';
import { type MeterReading, createMeters } from '../measure/meters.ts';
import { LOOPBACK, serveMetrics } from '../measure/metrics.ts';
import { type SimulatedAloha, simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/tasks.ts';
import type { Ending } from './ending.ts';
import { episodeHeader } from '../rollouts/episodeHeader.ts';
import {
  EXPERT,
  EXPERT_CAMERAS,
  EXPERT_EXECUTE_STEPS,
  expertPolicy,
} from '../rollouts/expertPolicy.ts';
import { interruption } from './interruption.ts';
import { openParts } from '../processes/openParts.ts';
import { outputUnread } from './output.ts';
import { snapshotCommand } from './snapshot.ts';
import { viewed } from '../sim/watched.ts';
import { addResult, createReport, emptyTally } from '../rollouts/attemptReport.ts';
import { fromZeroNoise } from '../policy/policyWrappers.ts';
import { type JoinKind, sampledJoin } from '../policy/joinKinds.ts';

export interface SimOptions {
  task: SimTaskName;
  policy: string;
  episodes: number;
  seed: number;
  expert?: boolean;
  zeroNoise?: boolean;
  join?: JoinKind;
  delay?: number;
  execute?: number;
  realTime?: boolean;
  watch?: boolean;
  json?: boolean;
  record?: string;
  snapshot?: string;
  force?: boolean;
  scene?: string;
  drawGroups?: number[];
  session?: string;
  successClassifier?: string;
  metricsPort?: number;
  metricsHost?: string;
}

/** Who drives: gives the policy of each attempt. */
interface Driver {
  name: string;
  /** Name of the embodiment that it drives. */
  embodiment: string;
  cameras: readonly string[];
  /** Those of its cameras that a scene may lack. */
  optionalCameras?: readonly string[];
  policy(sim: SimulatedAloha): ChunkPolicy;
  close(): Promise<void>;
}

const expertDriver = (): Driver => ({
  name: EXPERT,
  embodiment: 'aloha',
  cameras: EXPERT_CAMERAS,
  optionalCameras: EXPERT_CAMERAS,
  policy: (sim) => expertPolicy(sim, EXPERT_EXECUTE_STEPS),
  close: () => Promise.resolve(),
});

async function bundleDriver(
  { policy: folder, zeroNoise = false, join = 'swap', execute }: SimOptions,
  session: SessionConfig,
): Promise<Driver> {
  const loaded = await loadBundle(folder);
  const bundle = { ...loaded, executeSteps: execute ?? loaded.executeSteps };
  const worker = await openWorkerPolicy(bundle, session, undefined, sampledJoin(join));
  const policy = zeroNoise ? fromZeroNoise(worker) : worker;
  return {
    name: `${bundle.name} ${bundle.version}`,
    embodiment: bundle.embodiment,
    cameras: bundle.cameras,
    policy: () => policy,
    close: () => worker.close(),
  };
}

function checkFit(driver: Driver, robot: Embodiment, folder: string) {
  if (driver.embodiment !== robot.name) {
    throw new UserError(
      `${folder} is a policy for ${driver.embodiment}, but the robot is ${robot.name}`,
    );
  }
}

/** An episode's name sorts by time and tells what it is. */
function episodeId(task: SimTaskName, seed: number): string {
  const time = new Date().toISOString().replace(/[:.]/g, '-');
  return `${time}-${task}-${seed}-${randomUUID().slice(0, 8)}`;
}

/** Runs attempts on the simulated ALOHA and reports them; see `nalu sim --help`. */
export async function simCommand(options: SimOptions): Promise<Ending> {
  const {
    task,
    scene,
    realTime,
    episodes,
    json,
    delay,
    join = 'swap',
    metricsPort,
    metricsHost = LOOPBACK,
    drawGroups: drawnGroups,
  } = options;
  if (options.snapshot !== undefined)
    return snapshotCommand(options.snapshot, { ...options, force: options.force ?? false });

  const watch = options.watch && process.stdout.isTTY;
  if (options.watch && !watch)
    console.error('nalu: --watch draws nothing, since the output is no terminal');
  const session = await loadSessionConfig(options.session);
  // Unless it keeps the attempts, what it prints is all that it does.
  const signal = AbortSignal.any([
    interruption(),
    ...(options.record === undefined ? [outputUnread] : []),
  ]);
  const report = createReport(episodes, json ? process.stderr : process.stdout);
  const tally = emptyTally();
  const { keep, closeAll } = openParts();
  try {
    const metrics =
      metricsPort === undefined ? undefined : keep(await serveMetrics(metricsPort, metricsHost));
    if (metrics) console.error(`nalu: metrics on ${metrics.url}`);
    const meters = keep(createMeters(metrics?.listener));
    const driver = keep(options.expert ? expertDriver() : await bundleDriver(options, session));
    const classifier =
      options.successClassifier === undefined
        ? undefined
        : keep(await openClassifier(options.successClassifier));
    const needed = classifier ? [classifier.camera] : [];
    const sim = keep(
      await simulatedAloha({
        task,
        scene,
        drawnGroups,
        realTime,
        cameras: [...new Set([...driver.cameras, ...needed])],
        optionalCameras: driver.optionalCameras?.filter((camera) => !needed.includes(camera)),
      }),
    );
    checkFit(driver, sim.embodiment, options.policy);
    for (let episode = 0; episode < episodes && !signal.aborted; episode++) {
      const seed = options.seed + episode;
      const header = { id: episodeId(task, seed), policy: driver.name, seed };
      const recorder: EpisodeRecorder | undefined =
        options.record === undefined
          ? undefined
          : await recordEpisode(options.record, episodeHeader(sim, header));
      report.live(tally, undefined);
      const robot = watch ? viewed(sim, process.stdout) : sim;
      const judged =
        classifier && judge(robot, classifier, { awaitLooks: !realTime, onProblem: console.error });
      const result = await runAttempt({
        robot: judged?.robot ?? robot,
        task: judged
          ? { ...sim, assess: () => ({ ...sim.assess(), success: judged.succeeded() }) }
          : sim,
        policy: driver.policy(sim),
        seed,
        recorder,
        meters,
        awaitChunks: !realTime,
        join,
        ...(delay !== undefined && {
          lead: Math.ceil((delay * sim.embodiment.controlRate) / 1000),
        }),
        onChunk: (counts) => report.live(tally, counts),
        signal,
      });
      if (signal.aborted) break;
      if (result.problem) throw result.problem;
      addResult(tally, result);
      if (json) {
        const { reward, success, steps, starvedSteps, chunks } = result;
        const rule = classifier && { simulator: sim.assess().success };
        const line = { episode, seed, reward, success, ...rule, steps, starvedSteps, chunks };
        console.log(JSON.stringify(line));
      } else report.attempt(tally, result);
    }
    if (json) console.log(JSON.stringify({ summary: summaryOf(tally, meters.reading()) }));
    else report.summary(tally, sim.embodiment.controlRate, meters.reading());
  } finally {
    await closeAll();
  }
  if (!signal.aborted) return 'done';
  if (signal.reason === outputUnread.reason) return 'unread';
  console.error('nalu: stopped by hand; the attempt that ran was discarded');
  return 'interrupted';
}

function summaryOf(tally: ReturnType<typeof emptyTally>, { figures, missed }: MeterReading) {
  const { episodes, successes, chunks, chunkMs, runMs, steps } = tally;
  return {
    episodes,
    successes,
    successRate: episodes > 0 ? successes / episodes : null,
    steps,
    missedSteps: tally.missedSteps,
    starvedSteps: tally.starvedSteps,
    chunks,
    msPerChunk: chunks > 0 ? chunkMs / chunks : null,
    msPerRun: chunks > 0 ? runMs / chunks : null,
    milliseconds: figures,
    missed,
  };
}
