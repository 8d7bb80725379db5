/** The largest of numbers without their signs; 0 of none. */
export const farthest = (numbers: readonly number[]): number =>
  Math.max(0, ...numbers.map(Math.abs));
