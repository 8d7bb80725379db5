import { join } from 'node:path';
import { isStraight, straightView } from '../../images/viewShift.ts';
import { type Adapter, makeAdapter } from '../../policy/bundle/adapter.ts';
import { ADAPTER_FILE } from '../../policy/bundle/bundle.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { noOffset } from '../../policy/offset.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { readSafetensorsHeader } from '../../tensors/safetensors.ts';
import { UserError } from '../../errors.ts';
import type { AlgorithmContext, OpenAlgorithm } from '../algorithm.ts';
import { alikeOutcomes } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import { tensorsIn } from '../train/parameters.ts';
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
  const parameters = [...tensorsIn(values, learnableOf(bundle).parameters(trainable))].map(
    ([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }] as const,
  );
  return makeAdapter({ trainable, base, parameters: new Map(parameters) });
}

async function readState(file: string): Promise<State> {
  const { metadata } = await readSafetensorsHeader(file);
  if (metadata.format !== FORMAT)
    throw new UserError(`${file}: holds the state ${metadata.format}, not ${FORMAT}; give each method a folder of its own`); // prettier-ignore
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
    const begun: Place = {
      offset: policy.offset ?? noOffset(shape.actionDim),
      view: policy.view ?? straightView(cameras.length),
    };
    const state: State =
      stateFile === undefined
        ? { updates: 0, trials: [], current: begun }
        : await readState(stateFile);

    const placeOf = ({ chunks }: Rollout): number[] => {
      const { offset = noOffset(shape.actionDim), view = straightView(cameras.length) } = chunks[0];
      const from = (now: Float32Array, then: Float32Array, unit: number, count: number) =>
        Array.from(now.subarray(0, count), (value, i) => (value - then[i]) / unit);
      return [
        ...from(offset, begun.offset, UNIT.offset, joints),
        ...from(view, begun.view, UNIT.view, view.length),
      ];
    };
    const displacedBy = (place: readonly number[]): Place => {
      const near = place.map((x) => Math.max(-REACH, Math.min(REACH, x)));
      const offset = begun.offset.map((value, i) =>
        i < joints ? value + UNIT.offset * near[i] : value,
      );
      const view = begun.view.map((value, i) => value + UNIT.view * near[joints + i]);
      return { offset, view };
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
        const adapter = await readAdapter(file, { ...bundle, trainable });
        state.current = {
          offset: adapter.offset ?? noOffset(shape.actionDim),
          view: adapter.view ?? straightView(cameras.length),
        };
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
