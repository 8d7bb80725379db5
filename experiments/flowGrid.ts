import { type Chunks, type Observed, errorBetween, sampleChunks } from './chunkFigures.ts';

/** Widths of the search, coarse to fine. */
const WIDTHS = [0.1, 0.05, 0.02];

/**
 * Times of `steps` Euler steps whose chunks come nearest to the reference's: coordinate descent from equal
 * steps, each inner time in turn moved by a width until nothing gets better.
 */
export async function nearestGrid(
  folder: string,
  steps: number,
  observed: Observed,
  reference: Chunks,
): Promise<number[]> {
  const errorOf = async (times: readonly number[]) => {
    const { chunks } = await sampleChunks(folder, { steps, solver: 'euler', times }, observed);
    return errorBetween(chunks, reference);
  };
  let best = Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps);
  let least = await errorOf(best);
  for (const width of WIDTHS)
    for (let improved = true; improved;) {
      improved = false;
      for (let i = 1; i < steps; i++)
        for (const by of [-width, width]) {
          const times = best.with(i, Math.round((best[i] + by) * 1000) / 1000);
          if (times[i] >= times[i - 1] || times[i] <= times[i + 1]) continue;
          const error = await errorOf(times);
          if (error >= least) continue;
          [best, least, improved] = [times, error, true];
        }
    }
  return best;
}
