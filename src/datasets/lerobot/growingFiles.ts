import { CHUNK_SIZE } from './layout.ts';

/** Where a file is: `chunk-CHUNK/file-FILE`. */
export interface FilePlace {
  chunk: number;
  file: number;
}

interface Growing {
  readonly size: number;
  end(): Promise<void>;
}

/** Files that are filled one after another: a new one where the last one has reached `megabytes`. */
export function createGrowingFiles<T extends Growing>(
  megabytes: number,
  create: (place: FilePlace) => Promise<T>,
) {
  let count = 0;
  let current: T | undefined;
  const place = (): FilePlace => ({
    chunk: Math.floor((count - 1) / CHUNK_SIZE),
    file: (count - 1) % CHUNK_SIZE,
  });
  const end = async () => {
    await current?.end();
    current = undefined;
  };
  return {
    /** Of the current file. */
    place,
    end,
    /** The file to write to. */
    async next(): Promise<T> {
      if (current && current.size >= megabytes * 2 ** 20) await end();
      if (!current) {
        count += 1;
        current = await create(place());
      }
      return current;
    },
  };
}
