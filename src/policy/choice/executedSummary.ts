/** Parts of a chunk that its summary tells apart. */
export const PARTS = 4;

/** A chunk of which rows are executed. */
export interface ExecutedChunk {
  /** [horizon, actionDim], normalised, without the offset. */
  actions: Float32Array;
  /** [horizon] 1 for rows that are executed. */
  mask: Float32Array;
}

/**
 * What critics see of a chunk: the means of its executed rows in PARTS equal parts, [PARTS · actionDim]. Rows that were
 * not executed had no effect. Where fewer rows than parts were executed, a row stands in several.
 */
export function executedSummary({ actions, mask }: ExecutedChunk): Float32Array {
  const dims = actions.length / mask.length;
  const rows = [...mask.keys()].filter((row) => mask[row] > 0);
  const summary = new Float32Array(PARTS * dims);
  if (rows.length === 0) return summary;
  for (let part = 0; part < PARTS; part++) {
    const from = Math.floor((part * rows.length) / PARTS);
    const to = Math.max(from + 1, Math.floor(((part + 1) * rows.length) / PARTS));
    for (const row of rows.slice(from, to))
      for (let i = 0; i < dims; i++)
        summary[part * dims + i] += actions[row * dims + i] / (to - from);
  }
  return summary;
}
