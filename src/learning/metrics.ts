import type { Ticket } from '../policy/ticket.ts';
import type { Counts } from '../tensors/successRates.ts';
import type { Spread } from './train/spread.ts';

/** Where a policy looks and acts from now on. */
export interface Displaced {
  /** The view (see View); missing where the attempts' views do not change it. */
  view?: number[];
  /** The offset (see Offset); missing where it is none, and for an algorithm that keeps it. */
  offset?: number[];
}

/** A ticket, and the attempts that played it. */
export interface Tried extends Counts {
  ticket: Ticket;
}

/** Where a search for a ticket stands, by the attempts as they were labelled then. */
export interface Race {
  /** The ticket that the policy plays; missing before one was found. */
  ticket?: Ticket;
  /** Tickets that attempts still explore. */
  running: number;
  /** All of them, best first; in logs of earlier versions the four best alone. */
  standings: readonly Tried[];
}

/** What an algorithm reports of an update: of robots unknown, where it displaces them. */
export interface UpdateMetrics extends Displaced {
  /** Updates made, this one included. */
  update: number;
  attempts: number;
  successes: number;
  /** Missing for an algorithm without critics. */
  critics?: CriticMetrics;
  /** The same of robots that have their own, by name. */
  own?: Record<string, Displaced>;
  /** Of a search for a ticket. */
  race?: Race;
  /** Why there was no policy step; missing where there was one, and while critics warm up. */
  skipped?: string;
  /** Of the policy steps; missing where there was none. */
  policy?: PolicyMetrics;
  /** Of an algorithm that learns from kept attempts again. */
  reuse?: ReuseMetrics;
}

/** What an update made of all attempts that are kept. */
export interface ReuseMetrics {
  /** Attempts that are kept, those of this update included. */
  kept: number;
  /** Samples of the policy from which critics choose each chunk from now on; 1 where they do not. */
  candidates: number;
  /** Whether noise is steered from now on, of a method that steers it. */
  steers?: boolean;
  /** Whether attempts whose chunks critics chose, or whose noise was steered, succeeded less often than others, beyond doubt: that ends. */
  refuted?: boolean;
  /** How critics ranked the attempts of this update before they learned from them; missing where these ended alike. */
  ranking?: Ranking;
  /** Of noise that is steered, before the steps of this update; missing where there were none. */
  steered?: Steered;
  /** Mean weighted loss of the first and of the last steps of flow matching; missing where there is none. */
  lossBefore?: number;
  lossAfter?: number;
  /** How the policy preferred successes to failures, before its steps and after them; missing where none are compared. */
  preferred?: { before: Preference; after: Preference };
}

/** Noise that a network says, in kept states. */
export interface Steered {
  /** What critics estimate that it gains beyond zero noise, in expected reward, on average. */
  gain: number;
  /** Root mean square. */
  size: number;
}

/** How a policy prefers the success of each of an update's pairs, compared with the policy that learning began with. */
export interface Preference {
  pairs: number;
  /** Share of the pairs in which the success has become likelier by more than the failure; those alike count half. */
  ordered: number;
  /** Mean over pairs of how much more, as a log ratio of a chunk. */
  margin: number;
  /** Mean of −log σ(β · margin); log 2 where nothing is preferred. */
  loss: number;
}

/** How well estimates order what they have not seen. */
export interface Ranking {
  /** Probability that a chunk of a success is estimated above one of a failure; 0.5 by chance. */
  outcome: number;
  /** Correlation of ranks between Q − V and the return − V: what Q tells beyond the state; 0 by chance. */
  advantage: number;
}

export interface CriticMetrics {
  /** Mean squared error of the values in the last epoch. */
  valueLoss: number;
  /** Share of the variance of returns that the values explained before the critics learned from them; at most 1. */
  explainedVariance: number;
  /** Values along the last failures and successes of the update; missing in logs of earlier versions. */
  attempts?: AttemptValues[];
}

/** The values of an attempt's observations before the critics learned from it. */
export interface AttemptValues {
  succeeded: boolean;
  /** [chunks] seconds from the attempt's first observation. */
  times: number[];
  /** [chunks] the expected discounted reward, 0 to 1. */
  values: number[];
}

/** Of steps on a clipped surrogate within a trust region. */
export interface PolicyMetrics {
  /** Optimiser steps taken. */
  steps: number;
  /** Why the update ended before its last epoch. */
  stopped?: string;
  /** Probability ratios of the last epoch, which may have been stopped before its step. */
  ratios: Spread;
  /** Share of those ratios outside 1 ± clip. */
  clipFraction: number;
  /** Mean of ratio − 1 − log ratio, over pairs of noise and time or over tokens, from the update's start. */
  approxKl: number;
  /** Largest approxKl of this update. */
  klLimit: number;
  /** Mean over the same of advantage · (ratio − 1), unclipped. */
  expectedGain: number;
  /** Mean norm of the gradient before clipping. */
  gradientNorm: number;
  /**
   * Mean flow-matching loss of an executed row, or negative log-likelihood of a token, before the update and in its last
   * epoch.
   */
  lossBefore: number;
  lossAfter: number;
}
