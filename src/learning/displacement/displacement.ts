import { isStraight, movedView, straightView } from '../../images/view.ts';
import { type Adapter, type Place, makeAdapter } from '../../policy/bundle/adapter.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { isNone, movedOffset, noOffset } from '../../policy/offset.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { jsonText } from '../../tensors/jsonText.ts';
import type { OpenAlgorithm, Outcomes } from '../algorithm.ts';
import { alikeOutcomes, asLabelled, countsOf, executedAttempts } from '../attempts/outcomes.ts';
import { byRobot } from '../byRobot.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { Displaced } from '../metrics.ts';
import { readTensors } from '../train/checkpoint.ts';
import { startingAdapter } from '../train/startingAdapter.ts';
import { type Trial, posterior } from './posterior.ts';

const FORMAT = 'nalu-displacement-1';

/** Units in which a displacement is expected to be about one: deviations of actions, shares of an image. */
const UNIT = { offset: 0.02, view: 0.007 };

/** Where a policy's actions and its view are displaced to. */
type At = Required<Pick<Place, 'offset' | 'view'>>;

/** A version: where it is displaced to, and how well that is known. */
type Version = At & Pick<Place, 'spread'>;

/** A trial as it was labelled when it was learned from. */
interface LabelledTrial extends Pick<Trial, 'place'>, Pick<Rollout, 'robot' | 'reward'> {
  /** Of its episode; absent in older states. */
  id?: string;
}

interface State {
  updates: number;
  trials: LabelledTrial[];
  /** The version that robots unknown are to use. */
  current: Version;
  /** Those of robots that have their own, by name. */
  own: Map<string, Version>;
}

const floats = ({ offset, view }: At): At => ({
  offset: Float32Array.from(offset),
  view: Float32Array.from(view),
});

/** A version of which JSON has lists. */
const versionOf = ({ spread, ...at }: Version): Version => ({
  ...floats(at),
  ...(spread && { spread: floats(spread) }),
});

/** A trial of an older state. */
type OlderTrial = Trial & Pick<Rollout, 'robot'>;

const labelledTrial = (trial: LabelledTrial | OlderTrial): LabelledTrial => {
  if (!('success' in trial)) return trial;
  const { success, ...rest } = trial;
  return { ...rest, reward: Number(success) };
};

/** Trials as they are labelled now, for the model. */
const trialsOf = (labelled: readonly LabelledTrial[], outcomes: Outcomes): Trial[] =>
  asLabelled(labelled, outcomes).map(({ place, reward }) => ({ place, success: reward > 0 }));

async function readState(file: string): Promise<State> {
  const { metadata } = await readTensors(file, FORMAT, []);
  // Absent in older states.
  const own = Object.entries(JSON.parse(metadata.own ?? '{}') as Record<string, Version>);
  return {
    updates: Number(metadata.updates),
    trials: (JSON.parse(metadata.trials) as (LabelledTrial | OlderTrial)[]).map(labelledTrial),
    current: versionOf(JSON.parse(metadata.current) as Version),
    own: new Map(own.map(([robot, version]) => [robot, versionOf(version)])),
  };
}

/** Places in units from where a policy begins: of its joints' actions, then of its cameras' views. */
function placesFrom(begun: At, joints: number) {
  const numbers = ({ offset, view }: At) => [...offset.subarray(0, joints), ...view];
  const groups = numbers(begun).map((_, j) => (j < joints ? 0 : 1));
  const units = groups.map((group) => (group === 0 ? UNIT.offset : UNIT.view));
  const origin = numbers(begun);
  const lengths = (place: readonly number[]) => place.map((x, j) => units[j] * x);
  return {
    groups,
    of: (place: At) => numbers(place).map((x, j) => (x - origin[j]) / units[j]),
    at(place: readonly number[]): At {
      const steps = lengths(place);
      return {
        offset: movedOffset(begun.offset, steps.slice(0, joints)),
        view: movedView(begun.view, steps.slice(joints)),
      };
    },
    /** Deviations of a place; none of actions beyond the joints. */
    spread(deviations: readonly number[]): At {
      const far = lengths(deviations);
      const offset = noOffset(begun.offset.length);
      offset.set(far.slice(0, joints));
      return { offset, view: Float32Array.from(far.slice(joints)) };
    },
  };
}

/** Reads where adapters and chunks of a policy are displaced to, with zeros for what they leave out. */
function readersOf({ cameras, shape }: Bundle) {
  const placeIn = ({ offset, view }: Place): At => ({
    offset: offset ?? noOffset(shape.actionDim),
    view: view ?? straightView(cameras.length),
  });
  const versionIn = ({ spread, ...place }: Place): Version => ({
    ...placeIn(place),
    ...(spread && { spread }),
  });
  const ownIn = ({ own = new Map<string, Place>() }: Adapter): State['own'] =>
    new Map([...own].map(([robot, place]) => [robot, versionIn(place)]));
  return { placeIn, versionIn, ownIn };
}

/** What an update tells of where a version is displaced to. */
const told = ({ offset, view }: At): Displaced => ({
  ...(!isNone(offset) && { offset: [...offset] }),
  ...(!isStraight(view) && { view: [...view] }),
});

/** `place` within what was tried: success beyond is a guess. */
const withinTried = (place: readonly number[], trials: readonly Trial[]): number[] =>
  place.map((x, j) => {
    const tried = trials.map(({ place }) => place[j]);
    return Math.max(Math.min(...tried), Math.min(Math.max(...tried), x));
  });

/**
 * The cheapest way to adapt: the network stays, and one offset of all actions (see Offset), and one of the view
 * (see View), are found where success is most probable. Each attempt explores a place of its own; a model of success
 * by place learns from all attempts that the folder has seen, so none is used only once.
 */
export const displacementSearch =
  (trainable: Trainable, seed: number): OpenAlgorithm =>
  async (context, stateFile) => {
    const { bundle, joints } = context;
    const policy = await startingAdapter(bundle, trainable, seed);
    const { placeIn, versionIn, ownIn } = readersOf(bundle);
    const begun = placeIn(policy);
    const places = placesFrom(begun, joints);
    const state: State =
      stateFile === undefined
        ? { updates: 0, trials: [], current: begun, own: ownIn(policy) }
        : await readState(stateFile);
    const trialOf = ({ id, chunks, reward, robot }: Rollout): LabelledTrial => ({
      ...{ id, reward },
      ...(robot !== undefined && { robot }),
      place: places.of(placeIn(chunks[0])),
    });
    /** Finds the place of one robot, or of robots unknown, by its own trials; the reason where they tell nothing. */
    const find = (robot: string | undefined, outcomes: Outcomes): string | undefined => {
      const own = state.trials.filter((trial) => trial.robot === robot);
      const trials = trialsOf(own, outcomes);
      const skipped = alikeOutcomes(trials.map(({ success }) => Number(success)));
      if (skipped !== undefined) return skipped;
      const { best, spread } = posterior(trials, places.groups, seed);
      const version = {
        ...places.at(withinTried(best, trials)),
        spread: places.spread(spread),
      };
      if (robot === undefined) state.current = version;
      else state.own.set(robot, version);
      return undefined;
    };

    return {
      update(attempts, outcomes = new Map()) {
        const executed = executedAttempts(attempts);
        state.trials.push(...executed.map(trialOf));
        state.updates += 1;
        const robots = [...byRobot(executed).keys()];
        const reasons = robots.map((robot) => find(robot, outcomes));
        const skipped = reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
        const own = Object.fromEntries([...state.own].map(([robot, at]) => [robot, told(at)]));
        return Promise.resolve({
          update: state.updates,
          ...countsOf(attempts),
          ...told(state.current),
          ...(state.own.size > 0 && { own }),
          ...(skipped !== undefined && { skipped }),
        });
      },
      adapter: () =>
        makeAdapter({ ...policy, ...state.current, own: state.own, tickets: undefined }),
      async restore(file) {
        const adapter = await readAdapter(file, { ...bundle, trainable });
        state.current = versionIn(adapter);
        state.own = ownIn(adapter);
      },
      get state() {
        const { updates, trials, current, own } = state;
        const values = {
          updates: String(updates),
          trials: jsonText(trials),
          current: jsonText(current),
          ...(own.size > 0 && { own: jsonText(Object.fromEntries(own)) }),
        };
        return { format: FORMAT, tensors: [], values };
      },
      close: () => Promise.resolve(),
    };
  };
