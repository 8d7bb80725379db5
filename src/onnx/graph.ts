import { type Shape, formatShape } from './dim.ts';
import { type ElementType, type TypedData, encodeElements } from '../tensors/elementType.ts';

/** An attribute's value; a `Graph` is a subgraph such as a loop's body. */
export type Attribute =
  | { int: number }
  | { ints: readonly number[] }
  | { float: number }
  | { string: string }
  | { graph: Graph };

/** Where a tensor's bytes lie in a file. */
export interface ExternalData {
  /** Path of the file, relative to the model file. */
  location: string;
  offset: number;
  bytes: number;
}

/** A tensor that flows through a graph. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  readonly graph: Graph;
  /** Missing for inputs, constants and weights. */
  readonly producer?: Node;
}

/** An operation of a graph. */
export interface Node {
  readonly name: string;
  /** Of the standard domain, or with its domain before it: `com.microsoft:MatMulNBits`. */
  readonly op: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Constant extends Value {
  readonly data: TypedData | ExternalData;
}

/**
 * An ONNX graph under construction. Operators (see operators.ts) add nodes to it and check shapes and element
 * types. `scope` names the part being built; errors carry that name.
 */
export class Graph {
  readonly name: string;
  readonly parent: Graph | undefined;
  readonly inputs: Value[] = [];
  readonly outputs: { name: string; value: Value }[] = [];
  readonly nodes: Node[] = [];
  readonly constants: Constant[] = [];
  /** Element type for this graph's matrix products; that of the left factor where absent. */
  readonly products: ElementType | undefined;
  readonly #names = new Map<string, number>();
  readonly #shared = new Map<string, Constant>();
  #scope: string[] = [];

  constructor(name: string, parent?: Graph, products?: ElementType) {
    this.name = name;
    this.parent = parent;
    this.products = parent?.products ?? products;
  }

  /** Outermost graph: weights and constants live there, and names are unique across it. */
  get root(): Graph {
    return this.parent?.root ?? this;
  }

  /** Runs `body` in a named scope: its nodes and errors carry the name. */
  scope<T>(name: string, body: () => T): T {
    const root = this.root;
    root.#scope.push(name);
    try {
      return body();
    } finally {
      root.#scope.pop();
    }
  }

  /** The scope's path and a name, as in `prefix/layers.3/q_proj`. */
  path(name: string): string {
    return [...this.root.#scope, name].join('/');
  }

  fail(op: string, reason: string): never {
    throw new Error(`${this.root.name}: ${this.path(op)}: ${reason}`);
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    if (this.inputs.some((input) => input.name === name)) this.fail(name, 'is an input already');
    const value = { name: this.parent ? this.unique(name) : name, type, shape, graph: this };
    this.root.#names.set(value.name, 1);
    this.inputs.push(value);
    return value;
  }

  output(name: string, value: Value): void {
    if (this.outputs.some((output) => output.name === name))
      this.fail(name, 'is an output already');
    this.outputs.push({ name, value });
  }

  /** A constant of a few numbers. Equal constants are stored once. */
  constant(type: ElementType, values: readonly number[], shape: Shape = [values.length]): Constant {
    const key = `${type}:${formatShape(shape)}:${values.join()}`;
    const known = this.root.#shared.get(key);
    if (known) return known;
    const constant = this.#addConstant('constant', type, shape, encodeElements(type, values));
    this.root.#shared.set(key, constant);
    return constant;
  }

  /** A weight whose bytes stay in their file. A second call with the same name returns the same weight. */
  weight(name: string, type: ElementType, shape: Shape, data: ExternalData): Constant {
    const key = `weight:${name}`;
    const known = this.root.#shared.get(key);
    if (known) return known;
    const constant = this.#addConstant(name, type, shape, data);
    this.root.#shared.set(key, constant);
    return constant;
  }

  #addConstant(
    name: string,
    type: ElementType,
    shape: Shape,
    data: TypedData | ExternalData,
  ): Constant {
    const root = this.root;
    const constant = { name: root.unique(name), type, shape, graph: root, data };
    root.constants.push(constant);
    return constant;
  }

  /** Adds a node. Called by operators, which have already checked the inputs. */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly { type: ElementType; shape: Shape }[],
    attributes: Record<string, Attribute> = {},
  ): Value[] {
    const name = this.unique(this.path(op));
    const values: Value[] = [];
    const node: Node = { name, op, inputs, outputs: values, attributes };
    outputs.forEach(({ type, shape }, i) => {
      values.push({
        name: i === 0 ? name : `${name}.${i}`,
        type,
        shape,
        graph: this,
        producer: node,
      });
    });
    this.nodes.push(node);
    return [...values];
  }

  unique(name: string): string {
    const names = this.root.#names;
    const count = names.get(name) ?? 0;
    names.set(name, count + 1);
    return count === 0 ? name : `${name}#${count}`;
  }
}

/** The innermost of the values' graphs: a loop's body may use values of the graphs around it. */
export function innermostGraph(values: readonly (Value | undefined)[]): Graph {
  let innermost: Graph | undefined;
  const depth = (graph: Graph): number => (graph.parent ? 1 + depth(graph.parent) : 0);
  for (const value of values) {
    if (value && (!innermost || depth(value.graph) > depth(innermost))) innermost = value.graph;
  }
  if (!innermost) throw new Error('an operator needs at least one input');
  return innermost;
}
