/** Finger joint position, m: gym-aloha's constants for a follower's closed and open gripper. */
export const fingerClosed = 0.01844;
export const fingerOpen = 0.058;

/** Opening (0 closed, 1 open) to a finger's joint position, m. */
export function fingerFromOpening(opening: number): number {
  return fingerClosed + opening * (fingerOpen - fingerClosed);
}

/** A finger's joint position, m, to opening (0 closed, 1 open). */
export function openingFromFinger(finger: number): number {
  return (finger - fingerClosed) / (fingerOpen - fingerClosed);
}
