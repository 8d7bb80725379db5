/**
 * How a sampler uses the chunk in play. exact and approximate guide the flow towards it (real-time chunking,
 * see Guidance). trained keeps its rows fixed, for a policy trained to continue from them (training-time
 * real-time chunking, arXiv 2512.05964).
 */
export const SAMPLED_JOINS = ['exact', 'approximate', 'trained'] as const;

export type SampledJoin = (typeof SAMPLED_JOINS)[number];

/**
 * How a chunk replaces the one in play. swap: as soon as it is ready. synchronous: the robot stands still
 * until it is ready, and plays it from its first row. ensemble: each step plays the weighted mean of all
 * chunks that cover it, with larger weights for older ones (ACT, arXiv 2304.13705). The others are the
 * sampler's, see SampledJoin.
 */
export const JOINS = ['swap', 'synchronous', 'ensemble', ...SAMPLED_JOINS] as const;

export type JoinKind = (typeof JOINS)[number];

/** Those under which attempts can be learned from: what is played of a chunk is its own rows. */
export const LEARNED_JOINS = ['swap', ...SAMPLED_JOINS] as const;

export type LearnedJoin = (typeof LEARNED_JOINS)[number];

/** `auto`: approximate, or swap for a policy that has no flow to draw. */
export const JOIN_CHOICES = ['auto', ...JOINS] as const;

export type JoinChoice = (typeof JOIN_CHOICES)[number];

/** The choice where a person makes none. */
export const DEFAULT_JOIN = 'auto';

/** The sampler's part of it. */
export const sampledJoin = (kind: JoinKind): SampledJoin | undefined =>
  SAMPLED_JOINS.find((sampled) => sampled === kind);
