import { readFile } from 'node:fs/promises';
import { invalid } from '../errors.ts';
import { unreadable } from '../systemErrors.ts';
import { ELEMENT_CODES, type ElementType } from '../tensors/elementType.ts';
import type { Dim } from './dim.ts';
import { ModelProto } from './schema.ts';

/** An input or an output of a model. */
export interface Port {
  name: string;
  /** Undefined for a type that Nalu does not support. */
  type: ElementType | undefined;
  /** Fixed sizes as numbers, symbolic ones by name. */
  shape: Dim[];
}

/** Interface of an ONNX model, without its weights. */
export interface ModelInterface {
  inputs: Port[];
  outputs: Port[];
  /** External weight files, relative to the model. */
  external: string[];
}

interface ValueInfo {
  name: string;
  type?: {
    tensor_type?: {
      elem_type?: number;
      shape?: { dim?: { dim_value?: { toString(): string } | null; dim_param?: string | null }[] };
    };
  };
}

interface Decoded {
  graph?: {
    input?: ValueInfo[];
    output?: ValueInfo[];
    initializer?: { name?: string; external_data?: { key: string; value: string }[] }[];
  };
}

const TYPES = new Map(Object.entries(ELEMENT_CODES).map(([type, code]) => [code, type]));

const portOf = ({ name, type }: ValueInfo): Port => ({
  name,
  type: TYPES.get(type?.tensor_type?.elem_type ?? 0) as ElementType | undefined,
  shape: (type?.tensor_type?.shape?.dim ?? []).map(({ dim_value: value, dim_param: symbol }) => {
    const size = Number(value?.toString() ?? 0);
    return size > 0 ? size : symbol || '?';
  }),
});

/** Reads a model's inputs and outputs. Throws a `UserError` for a file that is no ONNX model. */
export async function readModelInterface(path: string): Promise<ModelInterface> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  let graph: Decoded['graph'];
  try {
    graph = (ModelProto.decode(bytes) as Decoded).graph;
  } catch {
    // The protobuf error does not help a user.
  }
  if (!graph?.output?.length) throw invalid(path, `is not an ONNX model; export it again`);
  const { input = [], output, initializer = [] } = graph;
  // Older exporters list weights among the inputs.
  const weights = new Set(initializer.map(({ name }) => name));
  const locations = initializer.flatMap(({ external_data: entries = [] }) =>
    entries.flatMap(({ key, value }) => (key === 'location' ? [value] : [])),
  );
  return {
    inputs: input.filter(({ name }) => !weights.has(name)).map(portOf),
    outputs: output.map(portOf),
    external: [...new Set(locations)],
  };
}
