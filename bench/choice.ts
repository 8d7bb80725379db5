import { makeAdapter } from '../src/policy/bundle/adapter.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import type { Bundle } from '../src/policy/bundle/config.ts';
import { chunkCriticParameters } from '../src/policy/choice/chunkCriticGraph.ts';
import { type Choice, criticShapeOf } from '../src/policy/choice/choice.ts';
import { learnableOf } from '../src/policy/families/registry.ts';
import { type Sampler, openSampler } from '../src/policy/sampler.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { initialChunkCritics } from '../src/learning/replay/chunkCritics.ts';
import { loadReplayConfig } from '../src/learning/replay/config.ts';
import { adapterParameters } from '../src/learning/train/parameters.ts';
import { startingAdapter } from '../src/learning/train/startingAdapter.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { type Row, median } from './row.ts';

const ROUNDS = 40;
const SESSION = sessionConfigSchema.parse({ threads: 2 });

/** Critics of the learner's size, as they begin. */
async function choiceFor(bundle: Bundle, candidates: number, edits?: number): Promise<Choice> {
  const { critics } = await loadReplayConfig(undefined, 0);
  const shape = criticShapeOf(learnableOf(bundle), { ...critics, edits });
  const { training, scale } = initialChunkCritics(shape, [0]);
  const parameters = adapterParameters(training.vectors.parameters, chunkCriticParameters(shape));
  const { count, hidden } = critics;
  return { candidates, temperature: 0, edits, count, hidden, parameters, scale };
}

/** A chunk that critics choose from several samples, against one that is played as it comes; in turns. */
export async function benchChoice(): Promise<Row[]> {
  const shipped = await loadBundle(packagePath('models/aloha-mini-12k'));
  const bundle = { ...shipped, integration: { ...shipped.integration!, steps: 2 } };
  const trainable = { parameters: 'expert' } as const;
  const start = await startingAdapter(bundle, trainable, 0);
  const choices = {
    one: undefined,
    'chosen from 8': await choiceFor(bundle, 8),
    'chosen from 8 and 8 edits': await choiceFor(bundle, 8, 0.05),
  };
  const samplers: Record<string, Sampler> = {};
  const times: Record<string, number[]> = {};
  for (const [name, choice] of Object.entries(choices)) {
    samplers[name] = await openSampler(bundle, SESSION, { trainable });
    await samplers[name].adopt(makeAdapter({ ...start, choice }));
    times[name] = [];
  }
  const images = bundle.shape.images.map(({ width, height }) => ({
    ...{ width, height, pixels: new Uint8Array(width * height * 3).map((_, i) => (i * 7919) % 255) }, // prettier-ignore
  }));
  const turn = { elapsed: 0, delay: 0, from: 0, to: bundle.executeSteps };
  const request = { images, state: new Float64Array(14), prompt: 'Transfer cube', turn };
  for (let seed = 0; seed < ROUNDS; seed++)
    for (const [name, sampler] of Object.entries(samplers)) {
      const began = performance.now();
      await sampler.sample({ ...request, noise: { seed } });
      times[name].push(performance.now() - began);
    }
  for (const sampler of Object.values(samplers)) await sampler.close();
  const { one, ...chosen } = times;
  return Object.entries(chosen).map(([name, own]) => ({
    name: `aloha-mini-12k, two calls: a chunk ${name}, against one as it comes`,
    value: median(own) / median(one),
    unit: '×',
    note: `${median(own).toFixed(1)} against ${median(one).toFixed(1)} ms`,
  }));
}
