import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Graph } from '../../src/onnx/graph.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { cast, reduceMean } from '../../src/onnx/operators.ts';
import { openClassifier } from '../../src/classifier/successClassifier.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { writeRedClassifier } from './classifiers.ts';

const frame = (width: number, height: number, red: (row: number) => number) => ({
  camera: 'cam_high',
  stamp: 0n,
  width,
  height,
  pixels: () =>
    Promise.resolve(
      Uint8Array.from({ length: width * height * 3 }, (_, i) =>
        i % 3 === 0 ? red(Math.floor(i / 3 / width)) : 0,
      ),
    ),
});

describe('a success classifier', () => {
  it('sees a frame scaled to the side of its model, aspect kept, on black', () =>
    withFolder(async (folder) => {
      const looks = async (row: number, ...frames: ReturnType<typeof frame>[]) => {
        const path = await writeRedClassifier(join(folder, `row-${row}`), { row });
        const classifier = await openClassifier(path);
        try {
          return await Promise.all(frames.map((seen) => classifier.probability(seen)));
        } finally {
          await classifier.close();
        }
      };
      const wide = frame(32, 16, (row) => (row < 8 ? 0 : 204));
      const [above, same] = await looks(
        0,
        wide,
        frame(8, 8, () => 51),
      );
      assert.equal(above, 0, 'black above the image');
      assert.ok(Math.abs(same - 0.2) < 1e-6);
      const [inside] = await looks(4, wide);
      assert.ok(Math.abs(inside - 0.8) < 0.1);
    }));

  it('is refused with what is wrong: settings, a model that is not there, one of another kind', () =>
    withFolder(async (folder) => {
      const path = await writeRedClassifier(folder, { row: 0, threshold: 2 });
      await assertRejectsAbout(openClassifier(path), {
        kind: 'invalid',
        subject: 'classifier.yaml',
        fields: ['threshold'],
        names: ['<=1'],
      });
      await writeFile(path, 'model: none.onnx\ncamera: cam_high\n');
      await assertRejectsAbout(openClassifier(path), { kind: 'missing', subject: 'none.onnx' });
      const graph = new Graph('other');
      const image = graph.input('image', 'uint8', [1, 3, 8, 8]);
      graph.output('probability', reduceMean(cast(image, 'float32'), [1, 2, 3], false));
      await writeModel(graph, join(folder, 'other.onnx'));
      await writeFile(path, 'model: other.onnx\ncamera: cam_high\n');
      await assertRejectsAbout(openClassifier(path), {
        kind: 'invalid',
        subject: 'other.onnx',
        names: ['image', 'probability'],
      });
    }));
});
