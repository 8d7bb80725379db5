import { randomUUID } from 'node:crypto';
import { type EpisodeRecorder, recordEpisode } from '../episodes/recordEpisode.ts';
import { UserError } from '../errors.ts';
import { type SessionConfig, loadSessionConfig } from '../session/session.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import { withIntegration } from '../policy/bundle/withIntegration.ts';
import type { ConsoleChoice } from '../console/consoleAccess.ts';
import type { PolicyDescription } from '../console/protocol.ts';
import { type ChunkPolicy } from '../policy/chunkPolicy.ts';
import { type SuccessClassifier, openClassifier } from '../classifier/successClassifier.ts';
import { openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import { delegateTask } from '../robot/delegates.ts';
import { type Embodiment, embodimentFault, stepsIn } from '../robot/embodiment.ts';
import { type AttemptResult, runAttempt } from '../control/attempt.ts';
import { judge } from '../control/judge.ts';
import { isRemote, openRemotePolicy } from '../openpi/remotePolicy.ts';
import { simulatedEmbodiment } from '../sim/embodiment.ts';
import { type MeterReading, type Meters, createMeters } from '../measure/meters.ts';
import { LOOPBACK, serveMetrics } from '../measure/metrics.ts';
import {
  type SceneChoice,
  type SimulatedAloha,
  type SimulatedAlohaOptions,
  simulatedAloha,
} from '../sim/simulatedAloha.ts';
import { type Tasks, untrainedFor } from '../robot/tasks.ts';
import { type SimTaskName, simTaskFor } from '../sim/taskNames.ts';
import { viewed } from '../sim/watched.ts';
import { type Output, print } from '../terminal/output.ts';
import { openParts } from '../processes/openParts.ts';
import { delegatePolicy, fromZeroNoise } from '../policy/policyWrappers.ts';
import type { IntegrationChanges } from '../policy/integration.ts';
import { DEFAULT_JOIN, type JoinChoice } from '../policy/joinKinds.ts';
import { addResult, createReport, emptyTally } from './attemptReport.ts';
import { describeBundle, describeServed } from '../console/describePolicy.ts';
import { episodeHeader } from './episodeHeader.ts';
import { operate } from './operated.ts';
import { type PlayedVersions, adaptersIn, onlyVersion, playedVersions } from './playedVersions.ts';
import { EXPERT, EXPERT_CAMERAS, EXPERT_EXECUTE_STEPS, expertPolicy } from './expertPolicy.ts';

/** Attempts to make on the simulated ALOHA; each field is an option of `nalu sim`. */
export interface SimOptions extends IntegrationChanges, SceneChoice {
  /** By default the first that the policy was trained for. */
  task?: SimTaskName;
  /** A bundle's folder, or the address of an openpi server. */
  policy: string;
  apiKey?: string;
  episodes: number;
  seed: number;
  expert?: boolean;
  zeroNoise?: boolean;
  join?: JoinChoice;
  delay?: number;
  execute?: number;
  realTime?: boolean;
  watch?: boolean;
  json?: boolean;
  record?: string;
  drawGroups?: number[];
  session?: string;
  /** Folder of adapters that a person at the console can have played and compared. */
  adapters?: string;
  successClassifier?: string;
  metricsPort?: number;
  metricsHost?: string;
  /** Has a person operate the robot from a page, in place of `episodes` attempts in a row. */
  console?: ConsoleChoice;
}

/** Where a run of attempts reports, and what stops it. */
export interface SimSurroundings {
  out: Output;
  err: Output;
  signal: AbortSignal;
}

/** Who drives: gives the policy of each attempt. */
interface Driver {
  name: string;
  /** Name of the embodiment that it drives. */
  embodiment: string;
  /** What it was trained for, if it says so. */
  tasks?: Tasks;
  cameras: readonly string[];
  /** Those of its cameras that a scene may lack. */
  optionalCameras?: readonly string[];
  policy(sim: SimulatedAloha): ChunkPolicy;
  /** Absent where it is none of a bundle's. */
  bundle?: Bundle;
  /** For the console. */
  description: PolicyDescription;
  versions?: PlayedVersions;
  close(): Promise<void>;
}

const expertDriver = ({ join = DEFAULT_JOIN }: SimOptions): Driver => ({
  name: EXPERT,
  embodiment: 'aloha',
  cameras: EXPERT_CAMERAS,
  optionalCameras: EXPERT_CAMERAS,
  policy: (sim) =>
    delegatePolicy(expertPolicy(sim, EXPERT_EXECUTE_STEPS), {
      join: join === 'auto' ? 'swap' : join,
    }),
  description: {
    ...{ name: EXPERT, version: EXPERT, family: 'scripted', join },
    ...{ horizon: EXPERT_EXECUTE_STEPS, executeSteps: EXPERT_EXECUTE_STEPS },
    ...{ providers: [], precision: 'float64', versions: [] },
  },
  close: () => Promise.resolve(),
});

async function bundleDriver(
  { policy: folder, adapters, zeroNoise = false, join, execute, ...changes }: SimOptions,
  session: SessionConfig,
): Promise<Driver> {
  const loaded = await loadBundle(folder);
  const executeSteps = execute ?? loaded.executeSteps;
  const bundle = { ...withIntegration(loaded, changes), executeSteps };
  const found = adapters === undefined ? undefined : await adaptersIn(adapters, bundle);
  const worker = await openWorkerPolicy(bundle, session, { join, trainable: found?.trainable });
  const policy = zeroNoise ? fromZeroNoise(worker) : worker;
  return {
    name: `${bundle.name} ${bundle.version}`,
    embodiment: bundle.embodiment,
    tasks: bundle.tasks,
    cameras: bundle.cameras,
    policy: () => policy,
    bundle,
    description: describeBundle(bundle, worker, session),
    ...(found && { versions: playedVersions(bundle, worker, found) }),
    close: () => worker.close(),
  };
}

/** Options of a bundle's sampler; a server has its own. */
const SAMPLER_OPTIONS = ['steps', 'solver', 'times', 'session', 'adapters'] as const;

/** A policy on a server. */
async function remoteDriver(options: SimOptions): Promise<Driver> {
  const { policy: url, apiKey, zeroNoise = false, join, execute: executeSteps } = options;
  const unread = SAMPLER_OPTIONS.find((option) => options[option] !== undefined);
  if (unread !== undefined)
    throw new UserError(
      `--${unread} is not read with a policy on a server; give it to nalu serve, or leave it away`,
      { kind: 'unsupported', subject: `--${unread}` },
    );
  const robot = await simulatedEmbodiment();
  const remote = await openRemotePolicy(url, { apiKey, robot, join, executeSteps });
  const policy = zeroNoise ? fromZeroNoise(remote) : remote;
  return {
    name: `${remote.name} ${remote.version}`,
    embodiment: remote.embodiment,
    cameras: remote.cameras,
    policy: () => policy,
    description: describeServed(remote, remote, url),
    close: () => remote.close(),
  };
}

function driverOf(options: SimOptions, session: SessionConfig): Driver | Promise<Driver> {
  if (options.expert) return expertDriver(options);
  return isRemote(options.policy) ? remoteDriver(options) : bundleDriver(options, session);
}

function checkFit({ embodiment }: Driver, robot: Embodiment, folder: string) {
  const fault = embodimentFault(embodiment, robot.name);
  if (fault !== undefined)
    throw new UserError(`${folder}: ${fault}`, { kind: 'mismatch', subject: folder });
}

/** An episode's name sorts by time and tells what it is. */
function episodeId(task: string, seed: number): string {
  const time = new Date().toISOString().replace(/[:.]/g, '-');
  return `${time}-${task}-${seed}-${randomUUID().slice(0, 8)}`;
}

/** What all attempts of a run use. */
interface Run {
  options: SimOptions;
  driver: Driver;
  sim: SimulatedAloha;
  classifier: SuccessClassifier | undefined;
  meters: Meters;
  report: ReturnType<typeof createReport>;
  tally: ReturnType<typeof emptyTally>;
  surroundings: SimSurroundings;
}

/** What records an attempt, if attempts are kept. */
async function recorderOf(
  { record }: SimOptions,
  sim: SimulatedAloha,
  driver: Driver,
  seed: number,
): Promise<EpisodeRecorder | undefined> {
  if (record === undefined) return undefined;
  const header = { id: episodeId(sim.name, seed), policy: driver.name, seed };
  return recordEpisode(record, episodeHeader(sim, header));
}

/** Makes an attempt with what the run has opened. */
async function attempt(run: Run, seed: number): Promise<AttemptResult> {
  const { options, driver, sim, classifier, meters, report, tally, surroundings } = run;
  const { realTime, delay } = options;
  const { out, err, signal } = surroundings;
  const recorder = await recorderOf(options, sim, driver, seed);
  report.live(tally, undefined);
  const robot = options.watch ? viewed(sim, out) : sim;
  const onProblem = (problem: string) => print(err, problem);
  const judged = classifier && judge(robot, classifier, { awaitLooks: !realTime, onProblem });
  return runAttempt({
    robot: judged?.robot ?? robot,
    task: judged
      ? delegateTask(sim, {
          assess: () => ({ ...sim.assess(), success: judged.succeeded() }),
        })
      : sim,
    policy: driver.policy(sim),
    seed,
    // In real time a machine that is too slow may stop it as well.
    stopFails: !realTime,
    recorder,
    meters,
    awaitChunks: !realTime,
    ...(delay !== undefined && {
      lead: stepsIn(delay, sim.embodiment),
    }),
    onChunk: (counts) => report.live(tally, counts),
    signal,
  });
}

/** Makes the attempts one after another, and reports each. */
async function attempts(run: Run): Promise<void> {
  const { options, sim, classifier, meters, report, tally, surroundings } = run;
  const { episodes, json } = options;
  const { out, signal } = surroundings;
  for (let episode = 0; episode < episodes && !signal.aborted; episode++) {
    const seed = options.seed + episode;
    const result = await attempt(run, seed);
    if (signal.aborted) break;
    if (result.outcome === 'discarded') throw result.problem!;
    if (result.problem) print(surroundings.err, `seed ${seed}: ${result.problem.message}`);
    addResult(tally, result);
    if (json) {
      const { reward, success, steps, starvedSteps, chunks, mendedChunks, refusedChunks } = result;
      const rule = classifier && { simulator: sim.assess().success };
      const made = { steps, starvedSteps, chunks, mendedChunks, refusedChunks };
      print(out, JSON.stringify({ episode, seed, reward, success, ...rule, ...made }));
    } else report.attempt(tally, result);
  }
  if (json) print(out, JSON.stringify({ summary: summaryOf(tally, meters.reading()) }));
  else report.summary(tally, sim.embodiment.controlRate, meters.reading());
}

/** Makes attempts on the simulated ALOHA and reports them, until all are made or the signal aborts. */
export async function simulate(options: SimOptions, surroundings: SimSurroundings): Promise<void> {
  const { scene, sceneMap, realTime, episodes, json } = options;
  const { metricsPort, metricsHost = LOOPBACK } = options;
  const { out, err, signal } = surroundings;
  const watch = Boolean(options.watch && out.isTTY);
  if (options.watch && !watch)
    print(err, 'nalu: --watch draws nothing, since the output is no terminal');
  const session = await loadSessionConfig(options.session);
  const report = createReport(episodes, json ? err : out);
  const { keep, closeAll } = openParts();
  try {
    const metrics =
      metricsPort === undefined ? undefined : keep(await serveMetrics(metricsPort, metricsHost));
    if (metrics) print(err, `nalu: metrics on ${metrics.url}`);
    const meters = keep(createMeters(metrics?.listener));
    const driver = keep(await driverOf(options, session));
    const task = simTaskFor(options.task, driver.tasks);
    const classifier =
      options.successClassifier === undefined
        ? undefined
        : keep(await openClassifier(options.successClassifier));
    const needed = classifier ? [classifier.camera] : [];
    const wanted = options.console
      ? (await simulatedEmbodiment()).cameras.map(({ name }) => name)
      : [...new Set([...driver.cameras, ...needed])];
    const mayLack = options.console
      ? wanted.filter((camera) => !driver.cameras.includes(camera))
      : driver.optionalCameras;
    const simulation: SimulatedAlohaOptions = {
      ...{ task, scene, sceneMap },
      drawnGroups: options.drawGroups,
      realTime: realTime ?? options.console !== undefined,
      bare: true,
      cameras: wanted,
      optionalCameras: mayLack?.filter((camera) => !needed.includes(camera)),
    };
    const sim = keep(await simulatedAloha(simulation));
    if (!sim.hasTask)
      print(err, `nalu: ${scene} has no objects of ${task}: nothing is judged, and every attempt counts as a failure`); // prettier-ignore
    checkFit(driver, sim.embodiment, options.policy);
    const other = untrainedFor(driver.tasks, sim.prompt);
    if (other !== undefined) print(err, `nalu: ${options.policy}: ${other}`);
    if (options.console)
      return await operate({
        ...{ ...options.console, sim, scene: simulation, seed: options.seed, err, signal },
        ...{ policy: driver.policy(sim), bundle: driver.bundle, description: driver.description },
        versions: driver.versions ?? onlyVersion(driver.description.version),
        record: options.record,
        ...(!isRemote(options.policy) && { doctor: [options.policy] }),
        recorder: (seed) => recorderOf(options, sim, driver, seed),
      });
    const parts = { driver, sim, classifier, meters, report };
    const tally = emptyTally();
    await attempts({ options: { ...options, watch }, ...parts, tally, surroundings });
  } finally {
    await closeAll();
  }
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
    mendedChunks: tally.mendedChunks,
    refusedChunks: tally.refusedChunks,
    msPerChunk: chunks > 0 ? chunkMs / chunks : null,
    msPerRun: chunks > 0 ? runMs / chunks : null,
    milliseconds: figures,
    missed,
  };
}
