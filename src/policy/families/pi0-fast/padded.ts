import { Tensor } from '../../../session/session.ts';

export type Rows = readonly (readonly number[])[];

/** A matrix [rows, width], each row padded with zeros on the right. */
const padded = (rows: Rows, width: number): number[] =>
  rows.flatMap((row) => [...row, ...Array<number>(width - row.length).fill(0)]);

export const integers = (rows: Rows, width: number): Tensor =>
  new Tensor('int64', BigInt64Array.from(padded(rows, width), BigInt), [rows.length, width]);

export const floats = (rows: Rows, width: number): Tensor =>
  new Tensor('float32', Float32Array.from(padded(rows, width)), [rows.length, width]);

/** Where rows are not padding. */
export function present(rows: Rows, width: number): Tensor {
  const ones = rows.map((row) => row.map(() => 1));
  return new Tensor('bool', Uint8Array.from(padded(ones, width)), [rows.length, width]);
}
