import type { Spread } from '../train/spread.ts';

/** What an update tells. */
export interface FpoReport {
  /** Updates made, this one included. */
  update: number;
  attempts: number;
  successes: number;
  /** Chunks of which something was executed. */
  chunks: number;
  /** Before they are standardised. */
  advantages: Spread;
  critics: {
    /** Mean squared error on the last pass. */
    loss: number;
    /** Share of the returns' variance that the critics foretold before they saw them; at most 1. */
    foretold: number;
  };
  /** Where the policy looks from now on (see View); missing where attempts told nothing of it. */
  view?: number[];
  /** Why the policy was left as it is, once the critics are warm; missing where it was not. */
  unmoved?: string;
  /** Missing while the critics warm up, and where the policy was left as it is. */
  policy?: PolicyReport;
}

export interface PolicyReport {
  /** Optimiser steps taken. */
  steps: number;
  /** Why the update ended before its last epoch. */
  stopped?: string;
  /** Of the last epoch, that of an early stop included. */
  ratios: Spread;
  /** Share of those ratios beyond the clip. */
  clipShare: number;
  /** Mean over its pairs of ratio − 1 − log ratio. */
  drift: number;
  /** How much of it the update might make. */
  farthest: number;
  /** Mean over them of advantage · (ratio − 1), unclipped: what the update promises on these attempts. */
  gain: number;
  /** Mean norm of the gradient, before it is clipped. */
  norm: number;
  /** Mean flow-matching loss of an executed row, before the update and over its last epoch. */
  lossBefore: number;
  lossAfter: number;
}
