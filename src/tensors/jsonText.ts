/** As JSON, where arrays of numbers are lists. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Float32Array ? [...part] : part));
