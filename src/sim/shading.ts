/** Unit vectors towards three lamps in the world frame, and their intensities; the rest is ambient light. */
const lamps = [
  { direction: unit([0.35, -0.5, 0.8]), share: 0.42 },
  { direction: unit([-0.7, -0.1, 0.6]), share: 0.18 },
  { direction: unit([0.2, 0.8, 0.5]), share: 0.14 },
];
const ambient = 0.4;

/** RGB (0 to 1) of the wall behind the scene. */
const wall = [0.46, 0.49, 0.53];

function unit([x, y, z]: [number, number, number]) {
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length] as const;
}

/** Lambert brightness (0 to about 1.1) of a surface whose unit normal is (x, y, z). */
export function brightness(x: number, y: number, z: number): number {
  let sum = ambient;
  for (let lamp = 0; lamp < lamps.length; lamp++) {
    const { direction, share } = lamps[lamp];
    const facing = x * direction[0] + y * direction[1] + z * direction[2];
    if (facing > 0) sum += share * facing;
  }
  return sum;
}

/** A channel (0 to 1) of the wall in a direction whose upward component is `rise`: darker below. */
export function surroundings(rise: number, channel: number): number {
  return wall[channel] * (0.75 + 0.35 * Math.max(-0.6, rise));
}
