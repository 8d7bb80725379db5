import { join } from 'node:path';
import { isStraight, movedView, straightView } from '../../images/viewShift.ts';
import { type Adapter, makeAdapter } from '../../policy/bundle/adapter.ts';
import { ADAPTER_FILE } from '../../policy/bundle/bundle.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { movedOffset, noOffset } from '../../policy/offset.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { UserError } from '../../errors.ts';
import type { AlgorithmContext, OpenAlgorithm } from '../algorithm.ts';
import { alikeOutcomes } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import { readTensors } from '../train/checkpoint.ts';
import { adapterParameters } from '../train/parameters.ts';
import { startingParameters } from '../train/startingWeights.ts';
import { type Trial, bestPlace } from './regression.ts';

const FORMAT = 'nalu-offset-1';

/** What exploration moves by one unit: deviations of actions, shares of an image. */
const UNIT = { offset: 0.02, view: 0.02 };

/** Farthest from the policy as it began, in units: success beyond what was tried is a guess. */
const REACH = 4;

/** Where a policy's actions and its view are displaced to. */
type Place = Required<Pick<Adapter, 'offset' | 'view'>>;

interface State {
  updates: number;
  trials: Trial[];
  /** Of the version that the robot is to use. */
  current: Place;
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

async function readState(file: string): Promise<State> {
  const { metadata } = await readTensors(file, FORMAT, []);
  const { updates, trials, offset, view } = metadata;
  const numbers = (text: string) => Float32Array.from(JSON.parse(text) as number[]);
  return {
    updates: Number(updates),
    trials: JSON.parse(trials) as Trial[],
    current: { offset: numbers(offset), view: numbers(view) },
  };
}

/**
 * The cheapest way to adapt: the network stays, and one offset of all actions (see Offset), and one of the view,
 * are found where success is most probable. Each attempt explores an offset of its own; a logistic regression
 * learns from all attempts that the folder has seen, so none is used only once.
 */
export const offsetSearch =
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
    const state: State =
      stateFile === undefined
        ? { updates: 0, trials: [], current: begun }
        : await readState(stateFile);

    const placeOf = ({ chunks }: Rollout): number[] => {
      const { offset, view } = placeIn(chunks[0]);
      const from = (now: Float32Array, then: Float32Array, unit: number, count: number) =>
        Array.from(now.subarray(0, count), (value, i) => (value - then[i]) / unit);
      return [
        ...from(offset, begun.offset, UNIT.offset, joints),
        ...from(view, begun.view, UNIT.view, view.length),
      ];
    };
    const displacedBy = (place: readonly number[]): Place => {
      const near = place.map((x) => Math.max(-REACH, Math.min(REACH, x)));
      const steps = (unit: number, from: number, to?: number) =>
        near.slice(from, to).map((x) => unit * x);
      return {
        offset: movedOffset(begun.offset, steps(UNIT.offset, 0, joints)),
        view: movedView(begun.view, steps(UNIT.view, joints)),
      };
    };

    return {
      update(attempts) {
        const executed = attempts.filter(({ chunks }) => chunks.length > 0);
        if (executed.length === 0)
          throw new UserError(
            `an update needs attempts with chunks that were executed; these are ${attempts.length} attempts without any`,
          );
        for (const attempt of executed)
          state.trials.push({ place: placeOf(attempt), success: attempt.reward > 0 });
        state.updates += 1;
        const skipped = alikeOutcomes(state.trials.map(({ success }) => Number(success)));
        if (skipped === undefined) state.current = displacedBy(bestPlace(state.trials));
        const { offset, view } = state.current;
        return Promise.resolve({
          update: state.updates,
          attempts: attempts.length,
          successes: attempts.filter(({ reward }) => reward > 0).length,
          offset: [...offset],
          ...(!isStraight(view) && { view: [...view] }),
          ...(skipped !== undefined && { skipped }),
        });
      },
      adapter: () => makeAdapter({ ...policy, ...state.current }),
      async restore(file) {
        state.current = placeIn(await readAdapter(file, { ...bundle, trainable }));
      },
      get state() {
        const { updates, trials, current } = state;
        return {
          format: FORMAT,
          tensors: [],
          values: {
            updates: String(updates),
            trials: JSON.stringify(trials),
            offset: JSON.stringify([...current.offset]),
            view: JSON.stringify([...current.view]),
          },
        };
      },
      close: () => Promise.resolve(),
    };
  };
