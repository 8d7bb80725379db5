import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { writeModel } from '../src/onnx/modelFile.ts';
import { ModelProto } from '../src/onnx/schema.ts';
import { readSafetensorsHeader, writeSafetensors } from '../src/tensors/safetensors.ts';
import type { Pi0Config } from '../src/policy/families/pi0/config.ts';
import { FULL } from '../src/policy/families/pi0/full.ts';
import { sampleGraph } from '../src/policy/families/pi0/graphs.ts';
import { MINI } from '../src/policy/families/pi0/mini.ts';
import { randomWeights } from '../src/policy/families/pi0/randomWeights.ts';
import { externalWeights } from '../src/policy/paligemma/weights.ts';
import type { Row } from './row.ts';

const CALLS = 10;

/** Operators of a chunk of the published size in commit f12e85c, counted in the same way. */
const BEFORE = 7053;

/** The published π0 with as many layers and heads, but narrow: its graph has as many operators. */
const NARROW: Pi0Config = {
  ...FULL.architecture,
  vision: { ...FULL.architecture.vision, width: 64, mlp: 64, imageSize: 28 },
  language: { ...FULL.architecture.language, width: 64, mlp: 64, headDim: 16, vocabulary: 64 },
  expert: { ...FULL.architecture.expert, width: 64, mlp: 64, headDim: 16 },
};

interface GraphProto {
  node: { opType: string; attribute: { g?: GraphProto }[] }[];
}

/** Nodes of a graph, those of a loop's body once for each network call. */
const countNodes = ({ node }: GraphProto): number =>
  node
    .flatMap(({ attribute }) => attribute.map(({ g }) => (g ? CALLS * countNodes(g) : 0)))
    .reduce((sum, count) => sum + count, node.length);

/** Operators that ONNX Runtime runs for a chunk, after its optimiser. */
async function operatorsOf(config: Pi0Config, fused: boolean): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-operators-'));
  try {
    const [weights, model, optimised] = ['weights.safetensors', 'sample.onnx', 'optimised.onnx'].map((file) => join(folder, file)); // prettier-ignore
    await writeSafetensors(weights, randomWeights(config, 0));
    const source = externalWeights(await readSafetensorsHeader(weights), weights, model);
    await writeModel(sampleGraph(config, source, 'bytes', { fused }), model);
    const options = { optimizedModelFilePath: optimised, logSeverityLevel: 4 } as const;
    await (await InferenceSession.create(model, options)).release();
    const { graph } = ModelProto.decode(await readFile(optimised)) as unknown as {
      graph: GraphProto;
    };
    return countNodes(graph);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How many operators a chunk of ten network calls takes, by what its layers are computed with. */
export async function benchOperators(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, config] of Object.entries({ shipped: MINI.architecture, published: NARROW }))
    for (const fused of [false, true]) {
      const value = await operatorsOf(config, fused);
      const title = `the ${name} size, ${fused ? 'fused' : 'plain'} layers`;
      rows.push({ name: title, value, unit: 'operators' });
      if (config === NARROW && fused)
        rows.push({
          name: '  of those of commit f12e85c',
          value: value / BEFORE,
          unit: '×',
          target: 0.3,
          better: 'less',
        });
    }
  return rows;
}
