/**
 * How the chunk in play enters a sampler: exact and approximate draw the flow towards it (real-time chunking,
 * see Guidance); trained keeps its rows as they are, for a policy that was trained to go on from them
 * (training-time real-time chunking, arXiv 2512.05964).
 */
export const SAMPLED_JOINS = ['exact', 'approximate', 'trained'] as const;

export type SampledJoin = (typeof SAMPLED_JOINS)[number];

/**
 * How a chunk takes over from the one in play. swap: in its place, as soon as it is there. synchronous: the
 * robot stands still until it is there, and plays it from its first row. ensemble: what is played is the mean
 * of all chunks that speak of the step, the older ones weighing more (ACT, arXiv 2304.13705). The others are
 * the sampler's, see SampledJoin.
 */
export const JOINS = ['swap', 'synchronous', 'ensemble', ...SAMPLED_JOINS] as const;

export type JoinKind = (typeof JOINS)[number];

/** `auto`: approximate, or swap for a policy that has no flow to draw. */
export const JOIN_CHOICES = ['auto', ...JOINS] as const;

export type JoinChoice = (typeof JOIN_CHOICES)[number];

/** The choice where a person makes none. */
export const DEFAULT_JOIN = 'auto';

/** The part that the sampler has in it. */
export const sampledJoin = (kind: JoinKind): SampledJoin | undefined =>
  SAMPLED_JOINS.find((sampled) => sampled === kind);
