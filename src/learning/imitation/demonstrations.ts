import { createHash } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import type { ChunkRecord, Outcome } from '../../episodes/episode.ts';
import type { Episode } from '../../episodes/readEpisode.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import type { Tasks } from '../../robot/tasks.ts';
import { placingOf, resizeWithPad } from '../../images/scaling.ts';
import { lookAside, viewOfCamera } from '../../images/view.ts';

/** One observation of a demonstration, and what was done from there on. */
export interface Demonstration {
  /** RGB bytes [cameras, side, side, 3]. */
  images: Uint8Array;
  /** [joints] measured. */
  state: Float64Array;
  /** [horizon, joints] commanded, the last one repeated after the episode's end. */
  actions: Float32Array;
  /** Rows of `actions` before the end. */
  steps: number;
  prompt: string;
  /** Whether the joints are where the episode began: they tell nothing of the task yet. */
  isStart: boolean;
}

/** As far as a joint may be from where the episode began and still stand there, rad; of a gripper, of its 0 to 1. */
const STANDING = 0.03;

/** How a policy looks at demonstrations. */
export interface Viewpoint {
  embodiment: string;
  cameras: readonly string[];
  /** Pixels of an image's side. */
  side: number;
  horizon: number;
}

/** Joints and image sizes, in words: demonstrations of one set have them in common. */
const makeOf = ({ joints, cameras }: Embodiment, wanted: readonly string[]) =>
  [
    `${joints.length} joints`,
    ...wanted.map((camera) => {
      const { width, height } = cameras.find(({ name }) => name === camera)!;
      return `${camera} ${width}×${height}`;
    }),
  ].join(', ');

const finite = (values: Float64Array) => values.every(Number.isFinite);

/** Why an episode is nothing to learn from for this policy, by default by imitation; undefined if it is. */
export function unfit(
  episode: Episode,
  view: Viewpoint,
  make?: string,
  outcomes: readonly Outcome[] = ['success'],
): string | undefined {
  const { header, result, missing, joints, commands, chunks } = episode;
  if (missing.length > 0) return `cut short: ${missing.join(', ')}`;
  if (header.embodiment.name !== view.embodiment)
    return `of the embodiment ${header.embodiment.name}, not ${view.embodiment}`;
  const seen = header.embodiment.cameras.map(({ name }) => name);
  const unseen = view.cameras.filter((camera) => !seen.includes(camera));
  if (unseen.length > 0) return `without ${unseen.join(', ')}`;
  const own = makeOf(header.embodiment, view.cameras);
  if (make !== undefined && own !== make) return `has ${own}; the others have ${make}`;
  if (!result || !outcomes.includes(result.outcome))
    return `ended in ${result?.outcome ?? 'nothing'}`;
  const moved = [...joints, ...commands].map(({ position }) => position);
  if (![...moved, ...chunks.map(({ state }) => state)].every(finite))
    return 'has values that are not finite';
  if (chunks.length === 0 || commands.length === 0) return 'nothing was done in it';
  return undefined;
}

/** The rows [horizon, joints] that were commanded from `stamp` on, the last one repeated; undefined if none were. */
export function commandedFrom(
  { commands, header }: Pick<Episode, 'commands' | 'header'>,
  stamp: bigint,
  horizon: number,
) {
  const joints = header.embodiment.joints.length;
  const first = commands.findIndex((command) => command.stamp >= stamp);
  if (first === -1) return undefined;
  const actions = new Float32Array(horizon * joints);
  for (let row = 0; row < horizon; row++)
    actions.set(commands[Math.min(first + row, commands.length - 1)].position, row * joints);
  return { actions, steps: Math.min(horizon, commands.length - first) };
}

/** What a policy sees of a chunk's observation: RGB bytes [cameras, side, side, 3]. */
export async function imagesOf(
  episode: Episode,
  { frameStamps, view }: Pick<ChunkRecord, 'frameStamps' | 'view'>,
  { cameras, side }: Pick<Viewpoint, 'cameras' | 'side'>,
): Promise<Uint8Array> {
  const imageBytes = side * side * 3;
  const images = new Uint8Array(cameras.length * imageBytes);
  for (const [i, camera] of cameras.entries()) {
    const frame = episode.image(camera, frameStamps[camera])!;
    const pixels = resizeWithPad(await frame.pixels(), frame.width, frame.height, side);
    const target = images.subarray(i * imageBytes, (i + 1) * imageBytes);
    if (view)
      lookAside(pixels, side, placingOf(frame, side), viewOfCamera(view, i), target); // prettier-ignore
    else target.set(pixels);
  }
  return images;
}

/** The demonstrations in an episode: one for each observation from which a chunk was asked for. */
export async function demonstrationsOf(
  episode: Episode,
  view: Viewpoint,
): Promise<Demonstration[]> {
  const demonstrations: Demonstration[] = [];
  const first = episode.chunks[0]?.state;
  for (const chunk of episode.chunks) {
    const done = commandedFrom(episode, chunk.observationStamp, view.horizon);
    if (!done) continue;
    const { frameStamps } = chunk;
    const images = await imagesOf(episode, { frameStamps }, view);
    const { state } = chunk;
    const isStart = state.every((value, joint) => Math.abs(value - first[joint]) < STANDING);
    demonstrations.push({ images, state, ...done, prompt: episode.header.prompt, isStart });
  }
  return demonstrations;
}

/** Demonstrations of many episodes, and the episodes that were left out, with the reason. */
export interface DemonstrationSet {
  demonstrations: Demonstration[];
  /** The robot of the first episode that fits; undefined where none does. */
  embodiment: Embodiment | undefined;
  episodes: number;
  /** Of these episodes. */
  tasks: Tasks;
  leftOut: { path: string; reason: string }[];
}

/** A checksum of demonstrations: equal for copies of one episode, whatever their names. */
function contentOf(demonstrations: readonly Demonstration[]): string {
  const hash = createHash('sha256');
  for (const { images, state, actions, prompt } of demonstrations)
    hash.update(images).update(state).update(actions).update(prompt);
  return hash.digest('hex');
}

/**
 * Reads episodes as demonstrations. One that does not fit the policy, is cut short, failed or holds values
 * that are not finite is left out, and so is a copy of another one, whatever its name; the first that fits
 * sets joints and image sizes for the others, and how they are viewed where `view` follows from the robot.
 */
export async function gatherDemonstrations(
  paths: readonly string[],
  read: (path: string) => Promise<Episode>,
  view: Viewpoint | ((robot: Embodiment) => Viewpoint),
  onEpisode: (done: number) => void = () => {},
): Promise<DemonstrationSet> {
  const set: DemonstrationSet = {
    demonstrations: [],
    embodiment: undefined,
    episodes: 0,
    tasks: {},
    leftOut: [],
  };
  const taken = new Map<string, string>();
  let make: string | undefined;
  let fixed = typeof view === 'function' ? undefined : view;
  const viewOf = typeof view === 'function' ? view : () => view;
  for (const [i, path] of paths.entries()) {
    try {
      const episode = await read(path);
      const { embodiment, task, prompt } = episode.header;
      const own = fixed ?? viewOf(embodiment);
      const reason = unfit(episode, own, make);
      if (reason === undefined) {
        const taught = await demonstrationsOf(episode, own);
        const content = contentOf(taught);
        const first = taken.get(content);
        if (first === undefined) {
          fixed = own;
          make ??= makeOf(embodiment, own.cameras);
          set.embodiment ??= embodiment;
          taken.set(content, path);
          for (const one of taught) set.demonstrations.push(one);
          set.episodes += 1;
          set.tasks[task] ??= prompt;
        } else set.leftOut.push({ path, reason: `a copy of ${first}` });
      } else set.leftOut.push({ path, reason });
    } catch (error) {
      set.leftOut.push({ path, reason: messageOf(error) });
    }
    onEpisode(i + 1);
  }
  return set;
}
