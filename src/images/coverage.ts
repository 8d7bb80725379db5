/** Names of cameras whose images carry no information. */
export interface Sight {
  /** No pixel is brighter than DARK. */
  dark: readonly string[];
  /** The image is identical to the previous chunk's although the arms have moved. */
  repeated: readonly string[];
}

/** Brightness, 0 to 255; images of a covered lens or a dead sensor stay below it. */
const DARK = 12;

/** Joint motion after which a new image is expected, rad or openings. */
const MOVED = 0.1;

const isBright = (value: number) => value >= DARK;

/**
 * Tests the lower half first: it usually has a bright pixel near its start, while the edges may be black
 * bars.
 */
function isDark(picture: Uint8Array): boolean {
  const middle = picture.length >> 1;
  return !picture.subarray(middle).some(isBright) && !picture.subarray(0, middle).some(isBright);
}

/**
 * Checks each chunk's images, RGB bytes in the order of `cameras`, with the state [joints] at which they were
 * taken; `present` are the places of the cameras that there are images of. Returns undefined if each of them passes.
 */
export function createSight(cameras: readonly string[]) {
  let before: { pictures: Uint8Array[]; state: Float64Array } | undefined;
  return (
    pictures: readonly Uint8Array[],
    state: Float64Array,
    present: readonly number[] = cameras.map((_, camera) => camera),
  ): Sight | undefined => {
    const camerasWhere = (test: (picture: Uint8Array, camera: number) => boolean) =>
      present.filter((camera) => test(pictures[camera], camera)).map((camera) => cameras[camera]);
    const dark = camerasWhere(isDark);
    let repeated: string[] = [];
    const previous = before;
    if (!previous) before = { pictures: pictures.map((one) => one.slice()), state: state.slice() };
    else if (previous.state.some((at, joint) => Math.abs(at - state[joint]) > MOVED)) {
      repeated = camerasWhere(
        (picture, camera) => Buffer.compare(picture, previous.pictures[camera]) === 0,
      );
      // The reference images are replaced only after a motion.
      pictures.forEach((picture, camera) => previous.pictures[camera].set(picture));
      previous.state.set(state);
    }
    return dark.length + repeated.length > 0 ? { dark, repeated } : undefined;
  };
}
