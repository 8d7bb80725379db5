import { join } from 'node:path';
import { isStraight, movedView, straightView } from '../../images/viewShift.ts';
import { type Adapter, makeAdapter } from '../../policy/bundle/adapter.ts';
import { ADAPTER_FILE } from '../../policy/bundle/bundle.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { isNone, movedOffset, noOffset } from '../../policy/offset.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { UserError } from '../../errors.ts';
import type { AlgorithmContext, OpenAlgorithm } from '../algorithm.ts';
import { alikeOutcomes } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import { readTensors } from '../train/checkpoint.ts';
import { adapterParameters } from '../train/parameters.ts';
import { startingParameters } from '../train/startingWeights.ts';
import { type Trial, posterior } from './posterior.ts';

const FORMAT = 'nalu-displacement-1';

/** Units in which a displacement is expected to be about one: deviations of actions, shares of an image. */
const UNIT = { offset: 0.02, view: 0.007 };

/** Where a policy's actions and its view are displaced to. */
type Place = Required<Pick<Adapter, 'offset' | 'view'>>;

/** A version: where it is displaced to, and how well that is known. */
type Version = Place & Pick<Adapter, 'spread'>;

interface State {
  updates: number;
  trials: Trial[];
  /** The version that the robot is to use. */
  current: Version;
}

/** The policy as it begins: the bundle's adapter, or its own weights. */
async function beginning(
  { bundle }: AlgorithmContext,
  trainable: Trainable,
  seed: number,
): Promise<Adapter> {
  const { folder, base } = bundle;
  if (bundle.trainable) return readAdapter(join(folder, ADAPTER_FILE), { ...bundle, trainable });
  const values = await startingParameters(bundle, trainable, seed);
  const parameters = adapterParameters(values, learnableOf(bundle).parameters(trainable));
  return makeAdapter({ trainable, base, parameters });
}

const asText = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Float32Array ? [...part] : part));

async function readState(file: string): Promise<State> {
  const { metadata } = await readTensors(file, FORMAT, []);
  const { offset, view, spread } = JSON.parse(metadata.current) as Version;
  const floats = (place: Place): Place => ({
    offset: Float32Array.from(place.offset),
    view: Float32Array.from(place.view),
  });
  return {
    updates: Number(metadata.updates),
    trials: JSON.parse(metadata.trials) as Trial[],
    current: { ...floats({ offset, view }), ...(spread && { spread: floats(spread) }) },
  };
}

/** Places in units from where a policy begins: of its joints' actions, then of its cameras' views. */
function placesFrom(begun: Place, joints: number) {
  const numbers = ({ offset, view }: Place) => [...offset.subarray(0, joints), ...view];
  const groups = numbers(begun).map((_, j) => (j < joints ? 0 : 1));
  const units = groups.map((group) => (group === 0 ? UNIT.offset : UNIT.view));
  const origin = numbers(begun);
  const lengths = (place: readonly number[]) => place.map((x, j) => units[j] * x);
  return {
    groups,
    of: (place: Place) => numbers(place).map((x, j) => (x - origin[j]) / units[j]),
    at(place: readonly number[]): Place {
      const steps = lengths(place);
      return {
        offset: movedOffset(begun.offset, steps.slice(0, joints)),
        view: movedView(begun.view, steps.slice(joints)),
      };
    },
    /** Deviations of a place; none of actions beyond the joints. */
    spread(deviations: readonly number[]): Place {
      const far = lengths(deviations);
      const offset = noOffset(begun.offset.length);
      offset.set(far.slice(0, joints));
      return { offset, view: Float32Array.from(far.slice(joints)) };
    },
  };
}

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
    const { cameras, shape } = bundle;
    const policy = await beginning(context, trainable, seed);
    /** Where an adapter or a chunk is displaced to. */
    const placeIn = ({ offset, view }: Partial<Place>): Place => ({
      offset: offset ?? noOffset(shape.actionDim),
      view: view ?? straightView(cameras.length),
    });
    const begun = placeIn(policy);
    const places = placesFrom(begun, joints);
    const state: State =
      stateFile === undefined
        ? { updates: 0, trials: [], current: begun }
        : await readState(stateFile);
    const trialOf = ({ chunks, reward }: Rollout): Trial => ({
      place: places.of(placeIn(chunks[0])),
      success: reward > 0,
    });

    return {
      update(attempts) {
        const executed = attempts.filter(({ chunks }) => chunks.length > 0);
        if (executed.length === 0)
          throw new UserError(
            `an update needs attempts with chunks that were executed; these are ${attempts.length} attempts without any`,
            { kind: 'missing' },
          );
        state.trials.push(...executed.map(trialOf));
        state.updates += 1;
        const skipped = alikeOutcomes(state.trials.map(({ success }) => Number(success)));
        if (skipped === undefined) {
          const { best, spread } = posterior(state.trials, places.groups, seed);
          state.current = {
            ...places.at(withinTried(best, state.trials)),
            spread: places.spread(spread),
          };
        }
        const { offset, view } = state.current;
        return Promise.resolve({
          update: state.updates,
          attempts: attempts.length,
          successes: attempts.filter(({ reward }) => reward > 0).length,
          ...(!isNone(offset) && { offset: [...offset] }),
          ...(!isStraight(view) && { view: [...view] }),
          ...(skipped !== undefined && { skipped }),
        });
      },
      adapter: () => makeAdapter({ ...policy, ...state.current }),
      async restore(file) {
        const { spread, ...place } = await readAdapter(file, { ...bundle, trainable });
        state.current = { ...placeIn(place), ...(spread && { spread }) };
      },
      get state() {
        const { updates, trials, current } = state;
        const values = {
          updates: String(updates),
          trials: asText(trials),
          current: asText(current),
        };
        return { format: FORMAT, tensors: [], values };
      },
      close: () => Promise.resolve(),
    };
  };
