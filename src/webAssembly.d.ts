/** What Nalu uses of WebAssembly's interface, which neither ECMAScript's types nor Node's declare. */
declare namespace WebAssembly {
  interface Memory {
    /** The memory as it is now: it grows, and a buffer that was taken before keeps its length. */
    readonly buffer: SharedArrayBuffer;
    /** Adds zeroed pages of 64 KiB and returns how many there were before; threads may do so at once. */
    grow(pages: number): number;
  }
  const Memory: new (options: { initial: number; maximum: number; shared: true }) => Memory;
  const Module: new (bytes: Uint8Array) => object;
  const Instance: new (
    module: object,
    imports: Record<string, Record<string, Memory>>,
  ) => { readonly exports: Record<string, (...values: number[]) => void> };
}
