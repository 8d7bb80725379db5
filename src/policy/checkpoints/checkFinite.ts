import { UserError, listed } from '../../errors.ts';
import { DTYPES } from '../../tensors/dtype.ts';
import { findNonFinite } from '../../tensors/finite.ts';
import { type TensorEntry, readParts } from '../../tensors/safetensors.ts';
import type { ShardedHeader } from '../../tensors/shards.ts';
import type { Shape } from '../../onnx/dim.ts';
import { findTensor } from '../paligemma/weights.ts';

/** Weights of at most so many bytes are looked at one by one, which takes a second. */
const ALL_BYTES = 2 ** 30;
/** Of each larger policy's tensors, blocks of so many bytes are: at its ends and between. */
const BLOCK_BYTES = 2 ** 16;
const BLOCKS = 5;
/** Elements in memory at a time. */
const AT_ONCE = 2 ** 22;

/** The stretches of a tensor that are looked at, in elements. */
function stretches({ dtype, bytes }: TensorEntry, all: boolean): { from: number; count: number }[] {
  const total = bytes / DTYPES[dtype];
  const block = BLOCK_BYTES / DTYPES[dtype];
  if (all || total <= BLOCKS * block) return [{ from: 0, count: total }];
  return Array.from({ length: BLOCKS }, (_, i) => ({
    from: Math.round(((total - block) * i) / (BLOCKS - 1)),
    count: block,
  }));
}

/** The first element of a stretch that is not finite; undefined if all are. */
async function findIn(entry: TensorEntry, from: number, count: number) {
  const width = DTYPES[entry.dtype];
  // In the order of the file.
  const part = {
    ...entry,
    arrangement: undefined,
    offset: entry.offset + from * width,
    bytes: count * width,
  };
  let done = from;
  for await (const data of readParts(part, AT_ONCE)) {
    const wrong = findNonFinite({ dtype: entry.dtype, data });
    if (wrong >= 0) return done + wrong;
    done += data.length;
  }
  return undefined;
}

/**
 * Checks that a policy's weights are finite: all of them, or of those beyond 1 GiB blocks of every
 * tensor, as a training that went wrong spoils whole tensors. Returns the share of bytes that was looked
 * at. Throws a `UserError` with all tensors that are not.
 */
export async function checkFinite(
  header: ShardedHeader,
  shapes: ReadonlyMap<string, Shape>,
): Promise<number> {
  const names = [...shapes.keys()];
  const entries = names.map((name) => findTensor(header, name)!);
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  let read = 0;
  const faults: { name: string; element: number }[] = [];
  for (const [i, entry] of entries.entries()) {
    for (const { from, count } of stretches(entry, total <= ALL_BYTES)) {
      const wrong = await findIn(entry, from, count);
      read += count * DTYPES[entry.dtype];
      if (wrong === undefined) continue;
      faults.push({ name: names[i], element: wrong });
      break;
    }
  }
  if (faults.length > 0)
    throw new UserError(
      `${header.index ?? header.files[0]} has weights that are not finite (NaN or infinite), as a training leaves them that went wrong; take an earlier checkpoint:${listed(faults.map(({ name, element }) => `${name}, at element ${element}`))}`,
      {
        kind: 'invalid',
        subject: header.index ?? header.files[0],
        fields: faults.map(({ name }) => name),
      },
    );
  return read / total;
}
