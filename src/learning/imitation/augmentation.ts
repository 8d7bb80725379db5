import { Graph, type Value } from '../../onnx/graph.ts';
import { affineGrid, gridSample } from '../../onnx/imageOperators.ts';
import {
  add,
  cast,
  maximum,
  minimum,
  multiply,
  reduceMean,
  reduceSum,
  reshape,
  split,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import { type Camera, isOnWrist } from '../../robot/embodiment.ts';
import { Tensor } from '../../session/session.ts';

/** Strengths of openpi's image augmentation for π0. */
const CROP = 0.95;
const TURN = (5 * Math.PI) / 180;
const JITTER = { brightness: 0.3, contrast: 0.4, saturation: 0.5 };

/** Luma of red, green and blue (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

const clampToBytes = (x: Value) => maximum(minimum(x, 255), 0);

/**
 * Images [images, side, side, 3] warped by `affine` [images, 2, 3] (from output to input, in −1…1 of the
 * image, as ONNX's AffineGrid has it) and recoloured by `colour` [images, 3]: brightness, contrast,
 * saturation. Bytes in, bytes out.
 */
export function augmentationGraph(side: number): Graph {
  const graph = new Graph('augmentation');
  const images = graph.input('images', 'uint8', ['images', side, side, 3]);
  const affine = graph.input('affine', 'float32', ['images', 2, 3]);
  const colour = graph.input('colour', 'float32', ['images', 3]);

  const planes = transpose(cast(images, 'float32'), [0, 3, 1, 2]);
  const warped = gridSample(planes, affineGrid(affine, planes));
  const factors = reshape(colour, ['images', 3, 1, 1]);
  const [brightness, contrast, saturation] = split(factors, 1, [1, 1, 1]);
  const away = (x: Value, from: Value, by: Value) =>
    clampToBytes(add(from, multiply(subtract(x, from), by)));
  const grey = (x: Value) =>
    reduceSum(multiply(x, graph.constant('float32', LUMA, [3, 1, 1])), [1]);
  const bright = clampToBytes(multiply(warped, brightness));
  const contrasted = away(bright, reduceMean(grey(bright), [2, 3]), contrast);
  const coloured = away(contrasted, grey(contrasted), saturation);
  graph.output('augmented', cast(transpose(add(coloured, 0.5), [0, 2, 3, 1]), 'uint8'));
  return graph;
}

/**
 * Draws how to augment a batch of images of `cameras`, in turn: a crop of 95 % and a turn of up to 5°,
 * but for cameras that move with a hand, and colour jitter (openpi's training of π0).
 */
export function drawAugmentation(
  cameras: readonly Pick<Camera, 'name' | 'mount'>[],
  batch: number,
  draw: () => number,
): { affine: Tensor; colour: Tensor } {
  const count = batch * cameras.length;
  const affine = new Float32Array(count * 6);
  const colour = new Float32Array(count * 3);
  const between = (reach: number) => (2 * draw() - 1) * reach;
  for (let image = 0; image < count; image++) {
    const moves = !isOnWrist(cameras[image % cameras.length]);
    const zoom = moves ? CROP : 1;
    const turn = moves ? between(TURN) : 0;
    const [shiftX, shiftY] = [between(1 - zoom), between(1 - zoom)];
    const [c, s] = [zoom * Math.cos(turn), zoom * Math.sin(turn)];
    affine.set([c, -s, shiftX, s, c, shiftY], image * 6);
    colour.set(
      Object.values(JITTER).map((reach) => 1 + between(reach)),
      image * 3,
    );
  }
  return {
    affine: new Tensor('float32', affine, [count, 2, 3]),
    colour: new Tensor('float32', colour, [count, 3]),
  };
}
