import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { layoutOf } from '../../src/openpi/layouts.ts';
import { float32Array, float64Array, uint8Array } from '../../src/openpi/ndarray.ts';
import { type Wire, decode, encode } from '../../src/openpi/wire.ts';
import { type About, assertSaid, assertThrowsAbout } from '../refusals.ts';
import { alohaObservation, image } from './serving.ts';

const SIZE = { width: 224, height: 224 };

/** The parts of a bundle by which its layout is chosen. */
function bundle(
  embodiment: string,
  cameras: [string, ...string[]],
  joints: number,
  actions?: number,
) {
  const images = cameras.map(() => SIZE);
  const shape = { horizon: 10, stateDim: joints, actionDim: joints, images };
  const normalised = (size: number) => ({ q01: Array(size).fill(-1), q99: Array(size).fill(1) });
  const transforms = actions ? [{ type: 'quantile', state: normalised(joints), actions: normalised(actions) }] : []; // prettier-ignore
  return { embodiment, cameras, transforms, shape };
}

const ALOHA = bundle('aloha', ['cam_high', 'cam_left_wrist'], 14);
const DROID = bundle('droid', ['exterior_image_1_left', 'wrist_image_left'], 8);
const LIBERO = bundle('libero', ['image', 'wrist_image'], 8, 7);

const read = (of: typeof ALOHA, observation: Wire) =>
  layoutOf(of).layout.read(decode(encode(observation)));

/** [2, 3] pixels whose channels are 1, 2, 3 and so on. */
const planes = uint8Array(
  Uint8Array.of(1, 4, 7, 10, 13, 16, 2, 5, 8, 11, 14, 17, 3, 6, 9, 12, 15, 18),
  [3, 2, 3],
);
const interleaved = Uint8Array.from({ length: 18 }, (_, i) => i + 1);

describe('the layout of observations', () => {
  it("is that of openpi's clients for the bundle's robot", () => {
    for (const [of, name, joints, actions] of [
      [ALOHA, 'aloha', 14, 14],
      [DROID, 'droid', 8, 8],
      [LIBERO, 'libero', 8, 7],
    ] as const) {
      const { layout, misfit } = layoutOf(of);
      assert.deepEqual([layout.name, layout.joints, layout.actions], [name, joints, actions]);
      assert.equal(misfit, undefined);
    }
  });

  it("is Nalu's where none of them fits, and says why", () => {
    const other: [ReturnType<typeof bundle>, ...(string | number)[]][] = [
      [bundle('so101', ['front'], 6), 'aloha, droid, libero', 'so101'],
      [bundle('aloha', ['cam_high'], 7), 14, 7],
      [bundle('libero', ['image'], 8, 6), 7, 6],
      [bundle('aloha', ['cam_top'], 14), 'cam_top'],
    ];
    for (const [of, ...names] of other) {
      const { layout, misfit } = layoutOf(of);
      assert.equal(layout.name, 'nalu');
      assertSaid(misfit!, ...names);
    }
  });

  it("reads ALOHA's state and its cameras, channels first", () => {
    const { state, images } = read(ALOHA, {
      ...alohaObservation(),
      images: { cam_high: planes, cam_left_wrist: image(), cam_low: image() },
    });
    assert.deepEqual(state, new Float64Array(14).fill(0.1));
    assert.deepEqual(
      images.map((one) => [one?.width, one?.height]),
      [
        [3, 2],
        [224, 224],
      ],
    );
    assert.deepEqual(Uint8Array.from(images[0]!.pixels()), interleaved);
  });

  it("leaves out ALOHA's wrist cameras that are not sent, which openpi masks", () => {
    const { images } = read(ALOHA, { ...alohaObservation(), images: { cam_high: planes } });
    assert.deepEqual(images.map(Boolean), [true, false]);
  });

  it("reads DROID's and LIBERO's, channels last", () => {
    const hwc = uint8Array(interleaved, [2, 3, 3]);
    const droid = read(DROID, {
      'observation/exterior_image_1_left': hwc,
      'observation/wrist_image_left': planes,
      'observation/joint_position': float64Array(Float64Array.of(1, 2, 3, 4, 5, 6, 7), [7]),
      'observation/gripper_position': float64Array(Float64Array.of(0.5), []),
    });
    assert.deepEqual([...droid.state], [1, 2, 3, 4, 5, 6, 7, 0.5]);
    for (const one of droid.images) assert.deepEqual(Uint8Array.from(one!.pixels()), interleaved);
    const libero = read(LIBERO, {
      'observation/image': hwc,
      'observation/wrist_image': hwc,
      'observation/state': float32Array(new Float32Array(8).fill(0.25), [8]),
    });
    assert.deepEqual(libero.state, new Float64Array(8).fill(0.25));
  });

  it('names the field that does not fit', () => {
    const whole = alohaObservation();
    const images = whole.images as Record<string, Wire>;
    const state = { fields: ['state'] };
    const high = { kind: 'invalid', fields: ['images.cam_high'] } as const;
    const wrong: [Record<string, Wire>, About][] = [
      [{ state: float64Array(new Float64Array(7), [7]) }, { kind: 'mismatch', ...state, names: ['[7]', '[14]'] }], // prettier-ignore
      [{ state: float64Array(new Float64Array(14), [1, 14]) }, { kind: 'mismatch', ...state, names: ['[1, 14]'] }], // prettier-ignore
      [{ state: float64Array(new Float64Array(14).fill(NaN), [14]) }, { kind: 'invalid', subject: 'state', names: ['number 0', 'NaN'] }], // prettier-ignore
      [{ state: 'here' }, { kind: 'invalid', ...state }],
      [{ images: [] }, { kind: 'invalid', fields: ['images'] }],
      [{ images: { cam_left_wrist: image() } }, { kind: 'missing', fields: ['images.cam_high'], names: ['cam_left_wrist'] }], // prettier-ignore
      [{ images: { ...images, top: image() } }, { kind: 'mismatch', fields: ['images'], names: ['top', 'cam_high, cam_low'] }], // prettier-ignore
      [{ images: { ...images, cam_high: 'jpeg' } }, high],
      [{ images: { ...images, cam_high: uint8Array(new Uint8Array(4), [2, 2]) } }, { ...high, names: ['[2, 2]', '[3, height, width]'] }], // prettier-ignore
      [{ images: { ...images, cam_high: uint8Array(new Uint8Array(), [3, 0, 5]) } }, { ...high, names: ['[3, 0, 5]'] }], // prettier-ignore
    ];
    for (const [fields, about] of wrong)
      assertThrowsAbout(() => read(ALOHA, { ...whole, ...fields }), about);
    assertThrowsAbout(() => read(ALOHA, {}), { kind: 'missing', fields: ['images'] });
    const short = { ...images, cam_high: uint8Array(new Uint8Array(9), [3, 224, 224]) };
    assertThrowsAbout(() => read(ALOHA, { ...whole, images: short }).images[0]!.pixels(), {
      kind: 'invalid',
      subject: 'images.cam_high',
      names: ['9 bytes', '[3, 224, 224]', '|u1', 150528],
    });
  });
});
