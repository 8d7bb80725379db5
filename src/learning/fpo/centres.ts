import { encodeModel } from '../../onnx/modelFile.ts';
import {
  type InferenceSession,
  type SessionConfig,
  type Tensor,
  openModel,
} from '../../session/session.ts';
import { integrationKey } from '../../policy/integration.ts';
import { integrationTensor } from '../../policy/integrationTensor.ts';
import type { SampledJoin } from '../../policy/joinKinds.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';
import { type ChunkGraphOptions, chunkGraph } from '../train/chunkGraph.ts';
import { inParts } from '../train/order.ts';
import { joined, observationFeeds, previousFeeds } from './feeds.ts';

/** A tensor's `count` equal parts along its first dimension. */
export function divided(tensor: Tensor, count: number): Float32Array[] {
  const size = tensor.data.length / count;
  const numbers = tensor.data as Float32Array;
  return Array.from({ length: count }, (_, i) => numbers.slice(i * size, (i + 1) * size));
}

/** Makes the chunks of noise. */
export interface Centres {
  /** [horizon, actionDim] what the policy makes of each chunk's noise, without exploration, joined as it was. */
  of(chunks: readonly RolloutChunk[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** Makes chunks of noise by the weights of `weightsOf`, `most` at once; its graphs are opened on first use. */
export function openCentres(
  graphs: ChunkGraphOptions,
  weightsOf: () => Record<string, Tensor>,
  most: number,
  session: SessionConfig,
): Centres {
  const { policy } = graphs;
  /** One per join kind. */
  const samplers = new Map<SampledJoin | undefined, InferenceSession>();
  const samplerOf = async (kind: SampledJoin | undefined) => {
    const known = samplers.get(kind);
    const sampler = known ?? (await openModel(encodeModel(chunkGraph(graphs, kind)), session));
    samplers.set(kind, sampler);
    return sampler;
  };

  const centresOf = async (all: readonly RolloutChunk[]) => {
    const centres = new Array<Float32Array>(all.length);
    const keys = all.map(({ join, integration }) => `${join?.kind} ${integrationKey(integration!)}`); // prettier-ignore
    for (const key of new Set(keys)) {
      const places = [...all.keys()].filter((i) => keys[i] === key);
      const chunks = places.map((i) => all[i]);
      const [{ join, integration }] = chunks;
      const kind = join?.kind;
      const sampler = await samplerOf(kind);
      const { actions } = await sampler.run({
        ...weightsOf(),
        ...observationFeeds(chunks, policy),
        ...(kind && previousFeeds(chunks, policy)),
        noise: joined(chunks.map(({ noise }) => noise), [chunks.length, policy.horizon, policy.actionDim]), // prettier-ignore
        integration: integrationTensor(integration!),
      });
      divided(actions, chunks.length).forEach((centre, i) => (centres[places[i]] = centre));
    }
    return centres;
  };

  return {
    async of(chunks) {
      const centres: Float32Array[] = [];
      for (const part of inParts(chunks, most)) centres.push(...(await centresOf(part)));
      return centres;
    },
    async close() {
      for (const sampler of samplers.values()) await sampler.release();
    },
  };
}
