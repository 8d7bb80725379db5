/** Cameras, by name, whose pictures tell a policy nothing. */
export interface Sight {
  /** Without a pixel brighter than DARK. */
  dark: readonly string[];
  /** With the very picture of the chunk before, though the arms have moved since. */
  repeated: readonly string[];
}

/** Of 255: a covered lens or a dead sensor shows less. */
const DARK = 12;

/** rad or openings that a joint moves before a picture must have changed. */
const MOVED = 0.1;

const isBright = (value: number) => value >= DARK;

/** Seen from the middle on, where a picture that is not dark shows it at once; bars at its edges are black. */
function isDark(picture: Uint8Array): boolean {
  const middle = picture.length >> 1;
  return !picture.subarray(middle).some(isBright) && !picture.subarray(0, middle).some(isBright);
}

/**
 * Looks at the pictures of each chunk, RGB bytes in the order of `cameras`, and at the state [joints] that
 * they were taken in. Undefined where every camera sees something.
 */
export function createSight(cameras: readonly string[]) {
  let before: { pictures: Uint8Array[]; state: Float64Array } | undefined;
  return (pictures: readonly Uint8Array[], state: Float64Array): Sight | undefined => {
    const named = (tells: (picture: Uint8Array, camera: number) => boolean) =>
      cameras.filter((_, camera) => tells(pictures[camera], camera));
    const dark = named(isDark);
    let repeated: string[] = [];
    const known = before;
    if (!known) before = { pictures: pictures.map((one) => one.slice()), state: state.slice() };
    else if (known.state.some((at, joint) => Math.abs(at - state[joint]) > MOVED)) {
      repeated = named((picture, camera) => Buffer.compare(picture, known.pictures[camera]) === 0);
      // A robot that stands still leaves the picture to compare with as it is.
      pictures.forEach((picture, camera) => known.pictures[camera].set(picture));
      known.state.set(state);
    }
    return dark.length + repeated.length > 0 ? { dark, repeated } : undefined;
  };
}
