import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { float32Array, float64Array, isNdArray, numbersOf, uint8Array } from '../../src/openpi/ndarray.ts'; // prettier-ignore
import type { Wire } from '../../src/openpi/wire.ts';
import { type ImportOptions } from '../../src/policy/checkpoints/options.ts';
import { importPolicy } from '../../src/policy/families/importers.ts';
import { gaussianNoise, uniformNumbers } from '../../src/tensors/noise.ts';
import { withFolder } from '../onnx/run.ts';
import { referenceModel } from '../policy/reference.ts';
import { ROW, SIDE, momentsOf, tinyDimensions, weightsOf, writeOpenpi } from '../policy/tinyOpenpi.ts'; // prettier-ignore
import { connectTo, serveBundle } from './serving.ts';

/*
 * Policies for the robots of openpi's clients: imported from what openpi's conversion writes, served, asked with the
 * clients' own messages, and compared with openpi's transforms and model, both written down here and in reference.ts
 * from their formulas.
 */

/** An image [224, 224, 3] of uint8. */
function picture(seed: number): Uint8Array {
  const draw = uniformNumbers([seed]);
  return Uint8Array.from({ length: SIDE * SIDE * 3 }, () => Math.floor(256 * draw()));
}

const [BASE, WRIST] = [picture(1), picture(2)];
const hwc = (pixels: Uint8Array) => uint8Array(pixels, [SIDE, SIDE, 3]);

/** [3, 224, 224] of an image [224, 224, 3]. */
function planes<T extends Uint8Array | Float64Array>(pixels: T): T {
  const out = pixels.slice() as T;
  const count = SIDE * SIDE;
  for (let i = 0; i < pixels.length; i++) out[(i % 3) * count + Math.floor(i / 3)] = pixels[i];
  return out;
}

/** As SigLIP reads an image: bytes to −1…1, [3, 224, 224]. */
const floats = (pixels: Uint8Array) =>
  planes(Float64Array.from(pixels, (value) => (value / 255) * 2 - 1));

/** An image that openpi puts in place of a missing one, which it masks. */
const MISSING = { pixels: new Float64Array(3 * SIDE * SIDE).fill(-1), present: false };
const seen = (pixels: Uint8Array) => ({ pixels: floats(pixels), present: true });

/** Ids of a text by the small tokenizer of the tests: two special tokens, the begin token, another one, then all bytes. */
const idsOf = (text: string) => [2, ...Buffer.from(text)].map((id, i) => (i === 0 ? id : id + 4));

type Row = number[];

interface Case {
  title: string;
  variant: 'pi0' | 'pi05';
  horizon: number;
  /** Names of what openpi computed its statistics of, and sizes of its vectors. */
  asset: string;
  sizes: [state: number, actions: number];
  pad?: boolean;
  said: Partial<ImportOptions>;
  /** The client's message, for this state. */
  message: (state: number[]) => Record<string, Wire>;
  images: { pixels: Float64Array; present: boolean }[];
  prompt: string;
  /** What is tokenised, for the state normalised. */
  text: (normalised: Row) => string;
  /** openpi's transforms from the client's state to the one before normalisation. */
  encode?: (state: Row) => Row;
  /** Back, from the action after normalisation was undone. */
  decode?: (action: Row, state: Row) => Row;
}

const plus = (count: number) => (action: Row, state: Row) =>
  action.map((value, i) => (i < count ? value + state[i] : value));

const array = (values: number[]) => float64Array(Float64Array.from(values), [values.length]);

const libero = (prompt: string) => (state: number[]) => ({
  'observation/image': hwc(BASE),
  'observation/wrist_image': hwc(WRIST),
  'observation/state': array(state),
  prompt,
});
const PLATE = 'put the bowl on the plate';

/** numpy's digitize of −1…1 into 256 bins, less 1. */
const bins = (state: Row) => state.map((value) => Math.min(255, Math.max(-1, Math.floor((value + 1) * 128)))).join(' '); // prettier-ignore

const FLIPS = [1, -1, -1, 1, 1, 1, 1, 1, -1, -1, 1, 1, 1, 1];
const GRIPPERS = [6, 13];
const flipped = (row: Row, gripper: (value: number) => number) =>
  row.map((value, i) => (GRIPPERS.includes(i) ? gripper(value) : FLIPS[i] * value));

/** openpi's `_gripper_to_angular` and `_gripper_from_angular`. */
const toAngular = (opening: number) => {
  const finger = opening * (0.058 - 0.01844) + 0.01844;
  const sine = (0.022 ** 2 + finger ** 2 - 0.036 ** 2) / (2 * 0.022 * finger);
  return (Math.asin(Math.max(-1, Math.min(1, sine))) - 0.5476) / (1.6296 - 0.5476);
};
const fromAngular = (angle: number) => (angle + 0.5476 + 0.6213) / (1.491 + 0.6213);

const CASES: Case[] = [
  {
    title: "LIBERO's, by pi05_libero, which reads no state",
    variant: 'pi05',
    horizon: 10,
    asset: 'physical-intelligence/libero',
    sizes: [8, 7],
    said: { stateInPrompt: false, deltaActions: false },
    message: libero(PLATE),
    images: [seen(BASE), seen(WRIST), MISSING],
    prompt: PLATE,
    text: () => `${PLATE}\n`,
  },
  {
    title: "LIBERO's, by pi0_libero, whose actions are relative once more",
    variant: 'pi0',
    horizon: 50,
    asset: 'physical-intelligence/libero',
    sizes: [8, 7],
    pad: true,
    said: { deltaActions: true },
    message: libero(PLATE),
    images: [seen(BASE), seen(WRIST), MISSING],
    prompt: PLATE,
    text: () => `${PLATE}\n`,
    decode: plus(6),
  },
  {
    title: "DROID's, by pi05_droid",
    variant: 'pi05',
    horizon: 15,
    asset: 'droid',
    sizes: [8, 8],
    pad: true,
    said: { deltaActions: false },
    message: (state) => ({
      'observation/exterior_image_1_left': hwc(BASE),
      'observation/wrist_image_left': hwc(WRIST),
      'observation/joint_position': array(state.slice(0, 7)),
      'observation/gripper_position': array(state.slice(7)),
      prompt: 'wipe',
    }),
    images: [seen(BASE), seen(WRIST), MISSING],
    prompt: 'wipe',
    text: (normalised) => `Task: wipe, State: ${bins(normalised)};\nAction: `,
  },
  {
    title: "the simulated ALOHA's, by pi0_aloha_sim and its one camera",
    variant: 'pi0',
    horizon: 50,
    asset: 'lerobot/aloha_sim_transfer_cube_human',
    sizes: [14, 14],
    said: { adaptToPi: true, deltaActions: false },
    message: (state) => ({
      state: array(state),
      images: { cam_high: uint8Array(planes(BASE), [3, SIDE, SIDE]) },
      prompt: 'Transfer cube',
    }),
    images: [seen(BASE), MISSING, MISSING],
    prompt: 'Transfer cube',
    text: () => 'Transfer cube\n',
    encode: (state) => flipped(state, toAngular),
    decode: (action) => flipped(action, fromAngular),
  },
  {
    title: "the simulated ALOHA's, by a policy of three cameras, of which it sends one",
    variant: 'pi0',
    horizon: 50,
    asset: 'trossen',
    sizes: [14, 14],
    said: { adaptToPi: false, deltaActions: true },
    message: (state) => ({
      state: array(state),
      images: { cam_high: uint8Array(planes(BASE), [3, SIDE, SIDE]) },
      prompt: 'Transfer cube',
    }),
    images: [seen(BASE), MISSING, MISSING],
    prompt: 'Transfer cube',
    text: () => 'Transfer cube\n',
    decode: (action, state) =>
      action.map((value, i) => (GRIPPERS.includes(i) ? value : value + state[i])),
  },
];

/** openpi's Normalize and Unnormalize. */
const scaling = (
  variant: Case['variant'],
  { mean, std, q01, q99 }: ReturnType<typeof momentsOf>,
) =>
  variant === 'pi0'
    ? {
        normalise: (row: Row) => row.map((x, i) => (x - mean[i]) / (std[i] + 1e-6)),
        undo: (row: Row) => row.map((x, i) => x * (std[i] + 1e-6) + mean[i]),
      }
    : {
        normalise: (row: Row) =>
          row.map((x, i) => ((x - q01[i]) / (q99[i] - q01[i] + 1e-6)) * 2 - 1),
        undo: (row: Row) => row.map((x, i) => ((x + 1) / 2) * (q99[i] - q01[i] + 1e-6) + q01[i]),
      };

/** What openpi's server answers: [horizon][actions]. */
function expectedOf(one: Case, state: Row, noise: Float32Array): number[][] {
  const { variant, horizon, sizes, images, encode, decode, text } = one;
  const dimensions = tinyDimensions(variant, horizon);
  const weights = weightsOf(dimensions);
  const model = referenceModel(dimensions, (name) => weights.get(name)!.data);
  const states = scaling(variant, momentsOf(sizes[0], -0.3));
  const actions = scaling(variant, momentsOf(sizes[1], 0.2));
  const encoded = encode ? encode(state) : state;
  const normalised = states.normalise(encoded);
  const ids = idsOf(text(normalised));
  const padded = [...normalised, ...Array<number>(ROW - normalised.length).fill(0)];
  const sample = { images, text: { ids, valid: ids.map(() => true) }, state: padded };
  return model.chunk(sample, noise, 10).map((row) => {
    const action = actions.undo(row.slice(0, sizes[1]));
    return decode ? decode(action, encoded) : action;
  });
}

describe("openpi's clients are answered as by openpi's server:", () => {
  for (const one of CASES)
    it(one.title, () =>
      withFolder(async (root) => {
        const [checkpoint, out] = [join(root, 'checkpoint'), join(root, 'bundle')];
        const [state, actions] = [momentsOf(one.sizes[0], -0.3), momentsOf(one.sizes[1], 0.2)];
        const { asset, pad } = one;
        await writeOpenpi(checkpoint, tinyDimensions(one.variant, one.horizon), { asset, state, actions, pad }); // prettier-ignore
        await importPolicy(checkpoint, { out, ...one.said });
        const server = await serveBundle(out);
        try {
          assert.equal(server.text().trim().split('\n').length, 1, 'nothing is amiss');
          const client = await connectTo(server.url);
          await client.next();
          const measured = Array.from({ length: one.sizes[0] }, (_, i) => 0.1 + 0.05 * i);
          const noise = gaussianNoise([7], one.horizon * ROW);
          const reply = await client.ask({
            ...one.message(measured),
            noise: float32Array(noise, [one.horizon, ROW]),
          });
          client.socket.close();
          const answered = reply.get('actions');
          assert.ok(isNdArray(answered));
          assert.deepEqual(answered.shape, [one.horizon, one.sizes[1]]);
          const numbers = numbersOf(answered, 'actions');
          expectedOf(one, measured, noise)
            .flat()
            .forEach((value, i) =>
              assert.ok(Math.abs(value - numbers[i]) < 2e-4, `${i}: ${value} ${numbers[i]}`),
            );
        } finally {
          await server.close();
        }
      }),
    );
});
