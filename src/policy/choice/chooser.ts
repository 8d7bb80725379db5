import { type SessionConfig, Tensor } from '../../session/session.ts';
import type { Adaptable } from '../learnable.ts';
import { type Choice, criticShapeOf } from './choice.ts';
import { displaced } from '../offset.ts';
import { executedSummary } from './executedSummary.ts';
import { leastOf, openJudge } from './judge.ts';
import { type Moment, featuresOf } from './moment.ts';

/** Chooses chunks from candidates. */
export interface Chooser {
  readonly candidates: number;
  /**
   * The chunk [horizon, actionDim] to play, and the place of the sample that is best or was edited to be so. `actions` holds all candidates' rows,
   * normalised, one candidate after the other; `mask` [horizon] is 1 for rows that will be executed.
   */
  choose(
    actions: Float32Array,
    moment: Moment,
    mask: Float32Array,
  ): Promise<{ actions: Float32Array; best: number }>;
  close(): Promise<void>;
}

/** The mean of candidates, each weighed by exp(estimate / temperature). */
function weighedMean(
  candidates: readonly Float32Array[],
  estimates: readonly number[],
  temperature: number,
): Float32Array {
  const most = Math.max(...estimates);
  const weights = estimates.map((estimate) => Math.exp((estimate - most) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return candidates[0].map((_, i) =>
    candidates.reduce((total, rows, k) => total + (weights[k] / sum) * rows[i], 0),
  );
}

/** Opens what a choice chooses by: the least estimate of an ensemble of critics counts. */
export async function openChooser(
  choice: Choice,
  policy: Adaptable,
  session: SessionConfig,
): Promise<Chooser> {
  const { candidates, temperature } = choice;
  const critics = await openJudge(criticShapeOf(policy, choice), session);
  const parameters = [...choice.parameters].map(
    ([name, { shape, data }]) => [name, new Tensor('float32', data.slice(), shape)] as const,
  );
  return {
    candidates,
    async choose(actions, moment, mask) {
      const size = actions.length / candidates;
      const samples = Array.from({ length: candidates }, (_, k) => actions.subarray(k * size, (k + 1) * size)); // prettier-ignore
      const features = featuresOf(moment);
      const judge = (chunks: readonly Float32Array[]) =>
        critics.judge(
          chunks.map((rows) => ({ features, rows: executedSummary({ actions: rows, mask }) })),
          choice.scale,
          parameters,
        );
      const judged = await judge(samples);
      const edited = judged.flatMap(({ edit }, k) =>
        edit ? [displaced(samples[k], edit, 1)] : [],
      );
      const all = [...samples, ...edited];
      const estimates = [...judged, ...(edited.length > 0 ? await judge(edited) : [])].map(leastOf); // prettier-ignore
      const best = estimates.indexOf(Math.max(...estimates));
      return {
        best: best % candidates,
        actions: temperature === 0 ? all[best] : weighedMean(all, estimates, temperature),
      };
    },
    close: () => critics.close(),
  };
}
