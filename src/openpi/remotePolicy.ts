import { setImmediate } from 'node:timers/promises';
import { UserError, invalid } from '../errors.ts';
import { createSight } from '../images/coverage.ts';
import { threadScaler } from '../images/scaling.ts';
import { type CameraImages, createCameraImages } from '../policy/cameraImages.ts';
import type { Chunk, ChunkPolicy, Join, NoiseSource, Observation } from '../policy/chunkPolicy.ts';
import { type JoinChoice, type JoinKind, sampledJoin } from '../policy/joinKinds.ts';
import { PolicyAway } from '../policy/policyAway.ts';
import { createQueue } from '../processes/queue.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { gaussianNoise } from '../tensors/noise.ts';
import { type Connection, type Link, openLink } from './connection.ts';
import { type Contract, changeOf, contractOf } from './contract.ts';
import { type RemoteReply, readReply } from './remoteReply.ts';
import { requestOf } from './remoteRequest.ts';
import { encode } from './wire.ts';

/** Milliseconds until a reply must have come; then the connection is given up. */
const DEADLINE = 10_000;

/** The same for a server's first reply: openpi's compiles its model for it. */
const FIRST_DEADLINE = 180_000;

/** Milliseconds of waiting for a connection after which the observation is too old to be sent. */
const STALE = 200;

export interface RemoteOptions {
  apiKey?: string;
  /** The robot that asks. */
  robot: Embodiment;
  join?: JoinChoice;
  /** Rows of a chunk to play, instead of the server's own; half of them where it does not say. */
  executeSteps?: number;
}

/** A policy on a server that speaks openpi's websocket protocol. */
export interface RemotePolicy extends ChunkPolicy {
  readonly name: string;
  /** That of the newest chunk. */
  readonly version: string;
  readonly embodiment: string;
}

/** HOST:PORT, to which the protocol is lacking. A folder of such a name is `./HOST:PORT`. */
const BARE = /^[\w.-]+:\d{1,5}$/;

/** Whether a policy's name is an address, if perhaps not of a websocket server, rather than a folder's path. */
export const isRemote = (policy: string): boolean =>
  /^[a-z]+:\/\//i.test(policy) || BARE.test(policy);

function checkUrl(url: string): void {
  if (BARE.test(url)) throw invalid(url, `a server's address begins with its protocol; write ws://${url}`); // prettier-ignore
  if (/^wss?:/i.test(url) && URL.canParse(url) && new URL(url).hostname !== '') return;
  throw invalid(url, 'no address of a server; give ws://HOST:PORT, as ws://10.0.0.5:8000');
}

/** How chunks join, by a choice that may be left to the server. */
function joinOf({ join }: Contract, choice: JoinChoice, url: string): JoinKind {
  if (choice === 'auto') return join;
  if (sampledJoin(choice) === undefined || choice === join) return choice;
  throw new UserError(
    `${url} joins chunks by ${join}, not by ${choice}; serve the policy by nalu serve --join ${choice}, or leave the choice away`,
    { kind: 'mismatch', subject: url, fields: ['join'] },
  );
}

/** The flow's start that is sent; empty for a server that takes none. */
function noiseOf({ noise: size }: Contract, source: NoiseSource): Float32Array {
  if (source !== 'zero' && source.exploration)
    throw new UserError('a policy on a server does not explore; run it on the robot to learn', {
      kind: 'unsupported',
    });
  if (!size) return new Float32Array();
  const count = size[0] * size[1];
  if (source === 'zero') return new Float32Array(count);
  return source.given ?? gaussianNoise(source.seed, count);
}

/** Asks a server for its first chunk, for black images at the start pose: how many rows has it? */
async function probe(connection: Connection, contract: Contract, robot: Embodiment, url: string) {
  const pictures = contract.sizes.map(({ width, height }) => new Uint8Array(3 * width * height));
  const state = Float64Array.from(robot.joints, ({ home }) => home);
  const asked = { state, prompt: '', noise: noiseOf(contract, 'zero') };
  const request = encode(requestOf(contract, pictures, asked));
  return readReply(await connection.ask(request, FIRST_DEADLINE), contract.joints, url).horizon;
}

/** The contract with its chunks' rows, which a server that does not state them is asked for. */
async function completed(link: Link, robot: Embodiment, url: string) {
  const connection = await link.connection();
  const contract = contractOf(connection.metadata, robot, url);
  const horizon = contract.horizon ?? (await probe(connection, contract, robot, url));
  return { ...contract, horizon };
}

/**
 * The policy of a server that speaks openpi's websocket protocol: Nalu's (`nalu serve`), or one that answers openpi's
 * ALOHA clients. Chunks are asked for one at a time. While the server is away `sample` rejects with `PolicyAway`, and
 * the connection is made again. Rejects with a `UserError` for a server that is not there or does not fit the robot.
 */
export async function openRemotePolicy(
  url: string,
  { apiKey, robot, join: choice = 'auto', executeSteps }: RemoteOptions,
): Promise<RemotePolicy> {
  checkUrl(url);
  const link = await openLink(url, apiKey);
  try {
    const contract = await completed(link, robot, url);
    const join = joinOf(contract, choice, url);
    return remotePolicy({ url, link, robot, contract, join, executeSteps });
  } catch (error) {
    link.close();
    throw error;
  }
}

interface Opened {
  url: string;
  link: Link;
  robot: Embodiment;
  contract: Contract & { horizon: number };
  join: JoinKind;
  executeSteps?: number;
}

/** Gives the open connection, to a server that has not changed. */
function connectionTo({ url, link, robot, contract }: Opened): () => Promise<Connection> {
  let known: Connection | undefined;
  return async () => {
    const began = performance.now();
    const connection = await link.connection();
    if (connection !== known) {
      const changed = changeOf(contract, contractOf(connection.metadata, robot, url));
      if (changed !== undefined)
        throw new UserError(
          `${url} now serves another policy: ${changed} has changed; begin again`,
          { kind: 'mismatch', subject: url, fields: [changed] },
        );
      known = connection;
    }
    if (performance.now() - began > STALE) throw new PolicyAway(`${url} was away`);
    return connection;
  };
}

/** Scales the images, one at a time: a control step that is due comes between them. */
async function scaleAll({ see }: CameraImages, { frames }: Observation): Promise<void> {
  for (const [camera, frame] of frames.entries()) {
    const { width, height } = frame;
    see(camera, { width, height, pixels: await frame.pixels() });
    await setImmediate();
  }
}

function remotePolicy(opened: Opened): RemotePolicy {
  const { url, link, contract, join, executeSteps } = opened;
  const { cameras, sizes, joints, horizon } = contract;
  const images = createCameraImages(sizes, threadScaler());
  const blindness = createSight(cameras);
  const inOrder = createQueue();
  const connected = connectionTo(opened);
  let version = contract.version;

  function chunkOf(reply: RemoteReply, noise: Float32Array, asked: Join | undefined) {
    if (reply.horizon !== horizon)
      throw invalid(url, `${reply.horizon} rows in its reply, after ${horizon} before`);
    version = reply.version ?? version;
    const joined = asked && reply.joined && { ...reply.joined, rows: asked.rows };
    return {
      actions: reply.actions,
      noise,
      ...(joined && { joined }),
      ...(contract.integration && { integration: contract.integration }),
      horizon,
      policyVersion: version,
    };
  }

  async function sample(
    observation: Observation,
    source: NoiseSource,
    given?: Join,
  ): Promise<Chunk> {
    const noise = noiseOf(contract, source);
    const connection = await connected();
    await Promise.all(observation.frames.map((frame) => frame.pixels()));
    const began = performance.now();
    await scaleAll(images, observation);
    const { position: state } = observation.joints;
    const sight = blindness(images.pictures, state);
    const asked = sampledJoin(join) ? given : undefined;
    const { prompt } = observation;
    const request = encode(requestOf(contract, images.pictures, { state, prompt, noise, join: asked })); // prettier-ignore
    const sent = performance.now();
    const reply = readReply(await connection.ask(request, DEADLINE), joints, url);
    return {
      ...chunkOf(reply, noise, asked),
      ...(sight && { sight }),
      timing: { preprocess: sent - began, run: reply.run, total: performance.now() - began },
    };
  }

  return {
    name: contract.name,
    get version() {
      return version;
    },
    embodiment: contract.embodiment,
    cameras,
    horizon,
    executeSteps: executeSteps ?? contract.executeSteps ?? Math.ceil(horizon / 2),
    join,
    sample: (observation, noise, given) => inOrder(() => sample(observation, noise, given)),
    close: () => Promise.resolve(link.close()),
  };
}
