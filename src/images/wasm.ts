/** WebAssembly instructions as bytes. An instruction's arguments are the code of its operands. */
export type Code = readonly number[];

/** A parameter or variable of a function. */
export interface Local {
  get: Code;
  set(value: Code): Code;
  /** Sets it and leaves its new value on the stack. */
  tee(value: Code): Code;
}

const TYPES = { i32: 0x7f, v128: 0x7b };
type Type = keyof typeof TYPES;

/** LEB128 of a non-negative integer. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}

const sized = (bytes: Code) => [...unsigned(bytes.length), ...bytes];
const list = (items: Code[]) => [...unsigned(items.length), ...items.flat()];

const instruction =
  (...bytes: number[]) =>
  (...operands: Code[]): Code => [...operands.flat(), ...bytes];

const vector = (code: number) => instruction(0xfd, ...unsigned(code));

/** A load or store at an address plus a constant offset, without an alignment guarantee. */
const memory =
  (code: Code, ...after: number[]) =>
  (offset: number, ...operands: Code[]): Code => [
    ...operands.flat(),
    ...code,
    0,
    ...unsigned(offset),
    ...after,
  ];

export const i32 = (value: number): Code => [0x41, ...signed(value)];
export const add = instruction(0x6a);
export const subtract = instruction(0x6b);
export const load = memory([0x28]);

export const v128 = (bytes: Code): Code => [0xfd, 0x0c, ...bytes];
/** Loads 64 bits into lane 0; the rest is zero. */
export const load64 = memory([0xfd, 0x5d]);
/** Loads 32 bits into every lane. */
export const loadSplat = memory([0xfd, 0x09]);
export const store32 = memory([0xfd, 0x5a], 0);
export const store64 = memory([0xfd, 0x5b], 0);
/** Selects bytes of the first vector by the indices in the second; an index out of range selects zero. */
export const swizzle = vector(0x0e);
/** Selects bytes of two vectors by constant indices: 0 to 15 from the first, 16 to 31 from the second. */
export const shuffle = (order: Code, a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x0d, ...order];
export const extendLow = vector(0x89);
export const extendHigh = vector(0x8a);
/** Multiplies 16-bit lanes and adds neighbouring products as 32-bit integers. */
export const dot = vector(0xba);
export const addLanes = vector(0xae);
export const shiftLeft = vector(0xab);
/** With the sign. */
export const shiftRight = vector(0xac);
/** Narrows 32-bit lanes to 16 with saturation, a's lanes first. */
export const narrow32 = vector(0x85);
/** Narrows 16-bit lanes to unsigned bytes with saturation, a's lanes first. */
export const narrow16 = vector(0x66);

/** A loop that runs `body` `count` times; `count` is at least 1, and 0 afterwards. */
export const repeat = (count: Local, body: Code): Code => [
  ...[0x03, 0x40],
  ...body,
  ...count.tee(subtract(count.get, i32(1))),
  ...[0x0d, 0, 0x0b],
];

/** A function with 32-bit integer parameters and no result. */
export interface Func {
  parameters: number;
  locals: Type[];
  body: Code;
}

/** Builds a function; `local` declares a local variable. */
export function func(
  parameters: number,
  build: (local: (type: Type) => Local, ...parameters: Local[]) => Code,
): Func {
  const locals: Type[] = [];
  const at = (index: number): Local => ({
    get: [0x20, ...unsigned(index)],
    set: (value) => [...value, 0x21, ...unsigned(index)],
    tee: (value) => [...value, 0x22, ...unsigned(index)],
  });
  const local = (type: Type) => at(parameters + locals.push(type) - 1);
  const body = build(local, ...Array.from({ length: parameters }, (_, i) => at(i)));
  return { parameters, locals, body };
}

const name = (text: string) => sized([...Buffer.from(text)]);

/** Largest size of a module's shared memory, in pages of 64 KiB. */
export const MOST_PAGES = 16384;

/**
 * Encodes a module that exports these functions. It imports a shared memory of at most MOST_PAGES pages as
 * `env.memory` (WebAssembly core specification 2.0, binary format, with threads).
 */
export function moduleBytes(functions: Record<string, Func>): Uint8Array<ArrayBuffer> {
  const all = Object.values(functions);
  const memoryLimits = [3, ...unsigned(0), ...unsigned(MOST_PAGES)];
  const sections: [id: number, items: Code[]][] = [
    [1, all.map(({ parameters }) => [0x60, ...list(Array<Code>(parameters).fill([TYPES.i32])), 0])],
    [2, [[...name('env'), ...name('memory'), 2, ...memoryLimits]]],
    [3, all.map((_, i) => unsigned(i))],
    [7, Object.keys(functions).map((key, i) => [...name(key), 0, ...unsigned(i)])],
    [
      10,
      all.map(({ locals, body }) =>
        sized([...list(locals.map((type) => [1, TYPES[type]])), ...body, 0x0b]),
      ),
    ],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...sections.flatMap(([id, items]) => [id, ...sized(list(items))]),
  ]);
}

/** Instantiates a module of moduleBytes on a memory. */
export const instantiate = (bytes: Uint8Array, memory: WebAssembly.Memory) =>
  new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
