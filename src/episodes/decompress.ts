/** A chunk's records from its bytes. Throws where they are damaged. */
type Decompress = (bytes: Uint8Array, size: number) => Uint8Array;

/** Bytes of a chunk beyond which its size is taken for damage. */
const LARGEST = 2 ** 30;

function sized(decompress: Decompress): Decompress {
  return (bytes, size) => {
    if (size > LARGEST) throw new Error(`a chunk of ${size} bytes`);
    const records = decompress(bytes, size);
    if (records.length !== size) throw new Error(`${records.length} bytes in place of ${size}`);
    return records;
  };
}

/** The chunk compressions that there are, each loaded when a file has it. */
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

/** What reads chunks of this compression; undefined if it is none. */
export async function decompressor(compression: string): Promise<Decompress | undefined> {
  if (!Object.hasOwn(METHODS, compression)) return undefined;
  const method = loaded.get(compression) ?? METHODS[compression]();
  loaded.set(compression, method);
  return method;
}
