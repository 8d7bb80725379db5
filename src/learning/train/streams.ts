/** Purposes of a training's random numbers, so that no two draw the same. */
export const STREAM = {
  order: 1,
  noise: 2,
  time: 3,
  delay: 5,
  hidden: 6,
  starts: 7,
  startOrder: 8,
} as const;
