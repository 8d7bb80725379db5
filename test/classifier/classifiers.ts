import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Graph } from '../../src/onnx/graph.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { cast, multiply, reshape, slice } from '../../src/onnx/operators.ts';
import type { ClassifierSettings } from '../../src/classifier/successClassifier.ts';

/** Writes a classifier whose probability is the red of a pixel, 0…255 as 0…1; gives its settings' path. */
export async function writeRedClassifier(
  folder: string,
  { row, side = 8, ...settings }: { row: number; side?: number } & Partial<ClassifierSettings>,
): Promise<string> {
  const graph = new Graph('red');
  const image = graph.input('image', 'uint8', [1, side, side, 3]);
  const red = slice(slice(slice(image, 1, row, row + 1), 2, 0, 1), 3, 0, 1);
  graph.output('probability', multiply(reshape(cast(red, 'float32'), [1]), 1 / 255));
  await mkdir(folder, { recursive: true });
  await writeModel(graph, join(folder, 'red.onnx'));
  const path = join(folder, 'classifier.yaml');
  await writeFile(path, stringify({ model: 'red.onnx', camera: 'cam_high', ...settings }));
  return path;
}
