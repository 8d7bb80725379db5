import { writeWhole } from '../files/writeWhole.ts';
import { ELEMENT_CODES } from '../tensors/elementType.ts';
import type { Attribute, Constant, Graph, Node, Value } from './graph.ts';
import { ModelProto } from './schema.ts';

/** Operator set of every graph that Nalu writes. */
export const OPSET = 20;
/** Domain of ONNX Runtime's own operators; declared only by models that use them. */
const RUNTIME_DOMAIN = 'com.microsoft';
const IR_VERSION = 10;
const EXTERNAL = 1;

const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

function attributeProto(name: string, attribute: Attribute): object {
  if ('int' in attribute) return { name, type: ATTRIBUTE_TYPES.int, i: attribute.int };
  if ('ints' in attribute) return { name, type: ATTRIBUTE_TYPES.ints, ints: attribute.ints };
  if ('float' in attribute) return { name, type: ATTRIBUTE_TYPES.float, f: attribute.float };
  if ('string' in attribute) {
    return { name, type: ATTRIBUTE_TYPES.string, s: Buffer.from(attribute.string) };
  }
  return { name, type: ATTRIBUTE_TYPES.graph, g: graphProto(attribute.graph) };
}

function nodeProto(node: Node): object {
  const [operator, domain = ''] = node.op.split(':').reverse();
  return {
    name: node.name,
    op_type: operator,
    ...(domain !== '' && { domain }),
    input: node.inputs.map((input) => input?.name ?? ''),
    output: node.outputs.map((output) => output.name),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function valueProto(name: string, { type, shape }: Pick<Value, 'type' | 'shape'>): object {
  const dim = shape.map((d) => (typeof d === 'number' ? { dim_value: d } : { dim_param: d }));
  return { name, type: { tensor_type: { elem_type: ELEMENT_CODES[type], shape: { dim } } } };
}

function constantProto({ name, type, shape, data }: Constant): object {
  const tensor = { name, dims: shape, data_type: ELEMENT_CODES[type] };
  if ('location' in data) {
    const entries = { location: data.location, offset: `${data.offset}`, length: `${data.bytes}` };
    const external_data = Object.entries(entries).map(([key, value]) => ({ key, value }));
    return { ...tensor, external_data, data_location: EXTERNAL };
  }
  const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { ...tensor, raw_data };
}

/** Identity nodes that name outputs whose value is an input, a constant or another output. */
function outputNodes(graph: Graph): object[] {
  return graph.outputs
    .filter(({ name, value }) => name !== value.name)
    .map(({ name, value }) => ({ op_type: 'Identity', name, input: [value.name], output: [name] }));
}

function graphProto(graph: Graph): object {
  return {
    name: graph.name,
    node: [...graph.nodes.map(nodeProto), ...outputNodes(graph)],
    initializer: graph.constants.map(constantProto),
    input: graph.inputs.map((input) => valueProto(input.name, input)),
    output: graph.outputs.map(({ name, value }) => valueProto(name, value)),
  };
}

const usesRuntimeDomain = (graph: Graph): boolean =>
  graph.nodes.some(
    ({ op, attributes }) =>
      op.startsWith(RUNTIME_DOMAIN) ||
      Object.values(attributes).some((one) => 'graph' in one && usesRuntimeDomain(one.graph)),
  );

/** A graph as the bytes of an ONNX model. */
export function encodeModel(graph: Graph): Uint8Array {
  return ModelProto.encode({
    ir_version: IR_VERSION,
    producer_name: 'nalu',
    opset_import: [
      { domain: '', version: OPSET },
      ...(usesRuntimeDomain(graph) ? [{ domain: RUNTIME_DOMAIN, version: 1 }] : []),
    ],
    graph: graphProto(graph),
  }).finish();
}

/** Writes a graph as an ONNX file that references its weights in the files they are already in. */
export const writeModel = (graph: Graph, path: string): Promise<void> =>
  writeWhole(path, encodeModel(graph));
