/** Decompresses a chunk's records. Throws if the bytes are damaged. */
type Decompress = (bytes: Uint8Array, size: number) => Uint8Array;

/** Largest plausible chunk, bytes; a larger size counts as damage. */
const LARGEST = 2 ** 30;

function sized(decompress: Decompress): Decompress {
  return (bytes, size) => {
    if (size > LARGEST) throw new Error(`a chunk of ${size} bytes`);
    const records = decompress(bytes, size);
    if (records.length !== size) throw new Error(`${records.length} bytes in place of ${size}`);
    return records;
  };
}

/** The supported chunk compressions, each loaded when a file uses it. */
const METHODS: Record<string, () => Promise<Decompress>> = {
  '': () => Promise.resolve((bytes) => bytes),
  zstd: async () => {
    const { default: zstd } = await import('@foxglove/wasm-zstd');
    await zstd.isLoaded;
    return sized(zstd.decompress);
  },
  lz4: async () => {
    const { decompressFrameSync } = await import('lz4-napi');
    return sized((bytes) => decompressFrameSync(Buffer.from(bytes)));
  },
};

const loaded = new Map<string, Promise<Decompress>>();

/** The decompressor of a compression; undefined if it is unknown. */
export async function decompressor(compression: string): Promise<Decompress | undefined> {
  if (!Object.hasOwn(METHODS, compression)) return undefined;
  const method = loaded.get(compression) ?? METHODS[compression]();
  loaded.set(compression, method);
  return method;
}
