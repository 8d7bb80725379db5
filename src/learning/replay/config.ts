import { z } from 'zod';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** The networks that judge chunks, and how they learn from kept attempts. */
export const chunkCriticSchema = z
  .strictObject({
    /** Networks of the ensemble; the least of two that are drawn counts (REDQ, arXiv 2101.05982: 10 and 2). */
    count: z.int().min(1).default(10),
    /** Units of each hidden layer. */
    hidden: z.array(z.int().min(1)).nonempty().default([64, 64]),
    rate: positive.default(1e-3),
    weightDecay: z.number().nonnegative().default(0.01),
    /** Polyak factor: the share of the target networks kept at each step. */
    polyak: share.lt(1).default(0.98),
    /** λ of the targets, per chunk: 1 is the return, 0 bootstraps after each chunk, as IQL does. */
    lambda: share.default(0.95),
    /** V is this expectile of Q (IQL, arXiv 2110.06169: 0.7 to 0.9). */
    expectile: share.gt(0).lt(1).default(0.7),
    /** Steps for each new attempt. */
    steps: z.int().min(1).default(10),
    /** Attempts of a step, half of them successes. */
    attempts: z.int().min(2).default(16),
  })
  .prefault({});

export type ChunkCriticConfig = z.infer<typeof chunkCriticSchema>;

/** The store of attempts. */
export const storeSchema = z
  .strictObject({
    /** Gigabytes that it may take; the oldest attempts go first. */
    gigabytes: positive.default(20),
  })
  .prefault({});
