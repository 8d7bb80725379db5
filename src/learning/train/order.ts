import { uniformNumbers } from '../../tensors/noise.ts';

/** 0 … count − 1 in an order drawn from a seed (Fisher and Yates). */
export function shuffled(count: number, seed: readonly number[]): Uint32Array<ArrayBuffer> {
  const draw = uniformNumbers(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Epoch after epoch of `items`, each in an order of its own: what is at a position counted from the first. */
export function epochsOf<T>(
  items: readonly T[],
  seedOf: (epoch: number) => readonly number[],
): (position: number) => T {
  let order = { epoch: -1, indices: new Uint32Array() };
  return (position) => {
    const epoch = Math.floor(position / items.length);
    if (epoch !== order.epoch) order = { epoch, indices: shuffled(items.length, seedOf(epoch)) };
    return items[order.indices[position % items.length]];
  };
}

/** Things in parts of at most `most`, as even as can be. */
export const inParts = <T>(things: readonly T[], most: number): T[][] =>
  evenParts(things.length, most).map(([from, to]) => things.slice(from, to));

/** `count` things in parts of at most `most`, as even as can be: [from, to) of each. */
export function evenParts(count: number, most: number): [number, number][] {
  const parts = Math.ceil(count / most);
  const at = (part: number) => Math.floor((part * count) / parts);
  return Array.from({ length: parts }, (_, part) => [at(part), at(part + 1)]);
}
