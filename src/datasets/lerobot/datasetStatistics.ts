import { type Features, isPicture } from './features.ts';
import { type FeatureStatistics, pictureStatistics, vectorStatistics } from './statistics.ts';

/** The statistics of a data set's features, which grow by episodes. Texts have none. */
export function datasetStatistics(features: Features) {
  const numbers = Object.entries(features)
    .filter(([, feature]) => !isPicture(feature) && feature.dtype !== 'string')
    .map(([name, { shape }]) => ({ name, of: vectorStatistics(shape[0]) }));
  const pictures = Object.entries(features)
    .filter(([, feature]) => isPicture(feature))
    .map(([name]) => ({ name, of: pictureStatistics() }));

  return {
    /** Adds an episode's cells, and pictures out of it by feature: RGB8. */
    add(cells: Record<string, unknown[]>, samples: Record<string, Uint8Array[]>): void {
      for (const { name, of } of numbers)
        for (const cell of cells[name])
          of.add(Array.isArray(cell) ? cell.map(Number) : [Number(cell)]);
      for (const { name, of } of pictures) for (const pixels of samples[name]) of.add(pixels);
    },
    result: (): Record<string, FeatureStatistics> =>
      Object.fromEntries([...numbers, ...pictures].map(({ name, of }) => [name, of.result()])),
  };
}
