import { UserError } from '../errors.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { withIntegration } from '../policy/bundle/withIntegration.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import type { IntegrationChanges } from '../policy/integration.ts';
import type { Exploration } from '../policy/exploration.ts';
import { type JoinChoice, sampledJoin } from '../policy/joinKinds.ts';
import type { Trainable } from '../policy/trainable.ts';
import { type WorkerPolicy, openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import { openParts } from '../processes/openParts.ts';
import { loadSessionConfig } from '../session/session.ts';
import { featuresOf } from '../policy/families/registry.ts';
import { type Output, print } from '../terminal/output.ts';
import { createAttempts } from './attempts.ts';
import { type Layout, layoutOf } from './layouts.ts';
import type { PolicyMetadata } from './metadata.ts';
import { shapeText } from './ndarray.ts';
import { LOOPBACK } from './protocol.ts';
import { startServer } from './server.ts';

/** A policy to serve; each field is an option of `nalu serve`. */
export interface ServeOptions extends IntegrationChanges {
  host: string;
  port: number;
  apiKey?: string;
  prompt?: string;
  join?: JoinChoice;
  seed: number;
  session?: string;
  /** Rows of a chunk that clients play, instead of the bundle's. */
  execute?: number;
  /** Folder of episodes, if the clients' attempts are to be kept. */
  record?: string;
  /** How the policy is learned from the recorded attempts, if it is. */
  learning?: ServedLearning;
}

/** A learner beside a server. */
export interface ServedLearning {
  /** What of the policy it may exchange. */
  trainable: Trainable;
  /** How attempts explore. */
  exploration: Exploration;
  /** Opens the link to it, which hands adapters to the policy. */
  link(
    bundle: Bundle,
    policy: WorkerPolicy,
    log: (line: string) => void,
  ): Promise<{ notify(): void; close(): Promise<void> }>;
}

export interface ServeSurroundings {
  out: Output;
  err: Output;
  /** Ends the server. */
  signal: AbortSignal;
}

/** What the server says of a bundle. */
function metadataOf(
  bundle: Bundle,
  { join = 'swap' }: ChunkPolicy,
  layout: Layout,
): PolicyMetadata {
  const { name, version, embodiment, cameras, shape, executeSteps, integration } = bundle;
  const features = featuresOf(bundle);
  return {
    name,
    version,
    embodiment,
    layout: layout.name,
    cameras,
    images: shape.images.map(({ width, height }) => [height, width]),
    joints: layout.joints,
    actions: layout.actions,
    horizon: shape.horizon,
    executeSteps,
    join: sampledJoin(join) ?? 'swap',
    ...(features !== undefined && { features }),
    ...(integration && { noise: [shape.horizon, shape.actionDim], integration }),
  };
}

/** What a client may send to a terminal among the names of its fields. */
const CONTROL = /\p{Cc}/gu;

/** What is served, for a person. */
const describe = ({ name, version, layout, cameras, joints, actions, horizon }: PolicyMetadata) =>
  `${name} ${version}: state ${shapeText([joints])}, images ${cameras.join(', ')}, actions ${shapeText([horizon, actions])}` +
  (layout === 'nalu' ? '' : `, as openpi's clients for ${layout} have them`);

/** A bundle of whose chunks so many rows are played. */
function playing(bundle: Bundle, executeSteps = bundle.executeSteps): Bundle {
  const { horizon } = bundle.shape;
  if (executeSteps <= horizon) return { ...bundle, executeSteps };
  throw new UserError(`--execute ${executeSteps}: the policy's chunks have ${horizon} rows; say fewer`, { kind: 'invalid', fields: ['--execute'] }); // prettier-ignore
}

/** Serves a bundle by openpi's websocket protocol until the signal aborts. */
export async function servePolicy(
  folder: string,
  options: ServeOptions,
  { out, err, signal }: ServeSurroundings,
): Promise<void> {
  const { host, port, apiKey, prompt, join, session: sessionFile, record, learning } = options;
  const bundle = playing(withIntegration(await loadBundle(folder), options), options.execute);
  const { layout, misfit } = layoutOf(bundle);
  const session = await loadSessionConfig(sessionFile);
  const { keep, closeAll } = openParts();
  try {
    const { trainable, exploration } = learning ?? {};
    const policy = keep(
      await openWorkerPolicy(bundle, session, {
        join,
        trainable,
        features: featuresOf(bundle) !== undefined,
      }),
    );
    const note = (line: string) => print(out, line);
    const link = learning && keep(await learning.link(bundle, policy, note));
    const attempts =
      record === undefined
        ? undefined
        : keep(
            createAttempts({
              ...{ folder: record, bundle, rate: layout.rate, executeSteps: bundle.executeSteps },
              onEpisode: () => link?.notify(),
              onProblem: (problem) => print(err, `nalu: ${problem}`),
            }),
          );
    const metadata = metadataOf(bundle, policy, layout);
    let { seed } = options;
    const server = keep(
      await startServer({
        host,
        port,
        apiKey,
        served: {
          ...{ policy, layout, metadata, prompt, attempts, exploration },
          nextSeed: () => seed++,
          onProblem: (client, problem) => print(err, `${client}: ${problem.replace(CONTROL, ' ')}`),
        },
        onClient: (client, event) => print(out, `${client} ${event}`),
      }),
    );
    print(out, `${server.url}: ${describe(metadata)}`);
    if (misfit !== undefined)
      print(err, `nalu: none of openpi's clients fits: ${misfit}; it is served to Nalu's (policy: ${server.url}), and to those that send its own state and images`); // prettier-ignore
    if (!LOOPBACK.includes(host) && apiKey === undefined)
      print(err, `nalu: whoever reaches ${server.url} may use this policy; give --api-key to say who may`); // prettier-ignore
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve());
    });
  } finally {
    await closeAll();
  }
}
