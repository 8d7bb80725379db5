import { join } from 'node:path';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import type { OpenAlgorithm } from '../../src/learning/algorithm.ts';
import { displacementSearch } from '../../src/learning/displacement/displacement.ts';
import { fpoSchema } from '../../src/learning/fpo/config.ts';
import { fpo } from '../../src/learning/fpo/fpo.ts';
import { ticketSearch } from '../../src/learning/ticket/ticket.ts';
import { REPLAY_METHODS } from '../../src/learning/replay/methods.ts';
import { loadReplayConfig } from '../../src/learning/replay/config.ts';
import { replayLearning } from '../../src/learning/replay/replayLearning.ts';
import { type Learner, type LearnerOptions, openLearner } from '../../src/learning/learner.ts';
import { type Adapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { ADAPTER_FILE, loadBundle } from '../../src/policy/bundle/bundle.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { JOINTS, SESSION, attempt, openBandit } from './bandit.ts';

/** Attempts of an update: as many as two versions need to be compared. */
export const BATCH = 20;

export const SETTINGS = {
  trainable: { parameters: 'expert' },
  seed: 1,
  rate: 1e-3,
  trustRegion: { maxClipFraction: 0.9, maxKl: 0.1 },
  critics: { epochs: 2, warmUp: 0 },
} as const;

const REPLAY = await loadReplayConfig(undefined, SETTINGS.seed);

/** Methods of policies with a flow, by these settings. */
export const TINY_METHODS: Record<
  'fpo' | 'fpo-replay' | 'preference' | 'edits' | 'steer' | 'offset' | 'ticket',
  OpenAlgorithm
> = {
  fpo: fpo(fpoSchema.parse(SETTINGS)),
  'fpo-replay': replayLearning(REPLAY_METHODS['fpo-replay'], {
    ...REPLAY,
    ...{ warmUp: 0, fpo: { ...REPLAY.fpo, chunks: 32 } },
  }),
  preference: replayLearning(REPLAY_METHODS.preference, {
    ...REPLAY,
    ...{ warmUp: 0, preference: { ...REPLAY.preference, pairs: 8, chunks: 1 } },
  }),
  edits: replayLearning(REPLAY_METHODS.edits, {
    ...REPLAY,
    ...{ warmUp: 0, critics: { ...REPLAY.critics, steps: 2 } },
  }),
  steer: replayLearning(REPLAY_METHODS.steer, {
    ...REPLAY,
    ...{ warmUp: 0, critics: { ...REPLAY.critics, steps: 2 } },
    steer: { ...REPLAY.steer, states: 8, steps: 4 },
  }),
  offset: displacementSearch(SETTINGS.trainable, SETTINGS.seed),
  ticket: ticketSearch(SETTINGS.trainable, SETTINGS.seed),
};

const EXPLORATION = explorationSchema.parse({ size: 0.3 });

/** Records an episode as a robot does, as `folder/ID.mcap`; gives the path. */
export async function writeEpisode(folder: string, id: string, episode: Episode): Promise<string> {
  const { header, result, chunks, joints, commands } = episode;
  const recorder = await recordEpisode(folder, { ...header, id });
  for (const { observationStamp: stamp, state: position, actions } of chunks) {
    const frames = header.embodiment.cameras.map(({ name }) => episode.image(name, stamp)!);
    recorder.sampled({ joints: { stamp, position }, frames, prompt: header.prompt }, actions);
  }
  joints.forEach((state) => recorder.joints(state));
  commands.forEach(({ stamp, position }) => recorder.command(stamp, position));
  chunks.forEach((chunk) => recorder.played(chunk));
  return recorder.finish(result!);
}

/** Explored attempts, one chunk each, of the tiny policy that it makes in `folder`; every second one succeeds. */
export async function makeAttempts(folder: string, count: number): Promise<Episode[]> {
  const bandit = await openBandit(folder, SETTINGS.trainable);
  try {
    const { chunks } = await bandit.play(0, count, EXPLORATION);
    return chunks.map(({ actions, noise, policyVersion }, i) =>
      changed(attempt(i, actions, i % 2 === 0, 2, noise), { policyVersion }),
    );
  } finally {
    await bandit.close();
  }
}

/** An adapter of a policy's own values. */
export async function startingAdapter(folder: string): Promise<Adapter> {
  const bundle = await loadBundle(folder);
  const config = fpoSchema.parse(SETTINGS);
  const algorithm = await fpo(config)({ bundle, joints: JOINTS, session: SESSION });
  try {
    return algorithm.adapter();
  } finally {
    await algorithm.close();
  }
}

/** Puts it beside the policy's weights. */
export const giveAdapter = async (folder: string): Promise<void> =>
  writeAdapter(join(folder, ADAPTER_FILE), await startingAdapter(folder));

/** The same attempt with all of its chunks changed. */
export const changed = (episode: Episode, change: Partial<Episode['chunks'][number]>): Episode => ({
  ...episode,
  chunks: episode.chunks.map((chunk) => ({ ...chunk, ...change })),
});

/** The same attempt with its outcome. */
export const ended = (episode: Episode, success: boolean): Episode => ({
  ...episode,
  result: {
    ...episode.result!,
    outcome: success ? 'success' : 'failure',
    reward: Number(success),
  },
});

export const nameOf = (index: number) => `attempt-${String(index).padStart(4, '0')}`;

/** Opens a learner of the policy in `bundle`: by FPO with these settings, or by another algorithm. */
export async function openTinyLearner(
  folder: string,
  bundle: string,
  change: Record<string, unknown> = {},
  algorithm: OpenAlgorithm = fpo(fpoSchema.parse({ ...SETTINGS, ...change })),
  more: Partial<LearnerOptions> = {},
): Promise<Learner> {
  return openLearner({
    folder,
    bundle: await loadBundle(bundle),
    joints: JOINTS,
    algorithm,
    batch: BATCH,
    session: SESSION,
    ...more,
  });
}
