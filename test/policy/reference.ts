import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import type { TransformerConfig } from '../../src/policy/paligemma/config.ts';

/**
 * π0 and π0.5 from their formulas, in float64 on plain arrays, one sample at a time and slowly: a second
 * opinion on the graphs, with which it shares no code.
 */

/** Values of a weight by openpi's name. */
export type WeightOf = (name: string) => ArrayLike<number>;

/** Tokens, each of some width. */
type Matrix = number[][];

export interface Sample {
  /** Per camera: floats [3, side, side] in −1…1, and whether it is there. */
  images: { pixels: ArrayLike<number>; present: boolean }[];
  /** Token ids and which of them count. */
  text: { ids: number[]; valid: boolean[] };
  /** [stateDim]; unread by π0.5. */
  state: ArrayLike<number>;
}

/** Per layer and token, after rotation: [heads·headDim]. */
interface Cache {
  layers: { keys: Matrix; values: Matrix }[];
  valid: boolean[];
}

const PALIGEMMA = 'paligemma_with_expert.paligemma.model';
const EXPERT = 'paligemma_with_expert.gemma_expert.model';

const gelu = (x: number) =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const silu = (x: number) => x / (1 + Math.exp(-x));
const plus = (a: number[], b: number[]) => a.map((x, i) => x + b[i]);
const mean = (row: number[]) => row.reduce((a, b) => a + b, 0) / row.length;

function softmax(logits: number[]): number[] {
  const most = Math.max(...logits);
  const powers = logits.map((x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/** Opens the model on some weights. */
export function referenceModel(config: Pi0Config, weightOf: WeightOf) {
  const { vision, language, expert, horizon, actionDim } = config;

  const vector = (name: string) => Array.from(weightOf(name));
  function linear(rows: Matrix, name: string, bias = true): Matrix {
    const weight = weightOf(`${name}.weight`);
    const width = rows[0].length;
    const out = weight.length / width;
    const offset = bias ? vector(`${name}.bias`) : new Array<number>(out).fill(0);
    return rows.map((row) =>
      offset.map((start, o) => {
        let sum = start;
        for (let i = 0; i < width; i++) sum += row[i] * weight[o * width + i];
        return sum;
      }),
    );
  }

  function layerNorm(row: number[], name: string): number[] {
    const [scale, bias] = [vector(`${name}.weight`), vector(`${name}.bias`)];
    const middle = mean(row);
    const deviation = Math.sqrt(mean(row.map((x) => (x - middle) ** 2)) + 1e-6);
    return row.map((x, i) => ((x - middle) / deviation) * scale[i] + bias[i]);
  }

  /** Scaled dot-product attention; `sees` says which keys a query sees. */
  function attention(
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    { heads, kvHeads, headDim }: { heads: number; kvHeads: number; headDim: number },
    sees: (query: number, key: number) => boolean,
  ): Matrix {
    return queries.map((query, i) => {
      const seen = keys.flatMap((_, j) => (sees(i, j) ? [j] : []));
      return Array.from({ length: heads }, (_, head) => {
        const own = Math.floor((head * kvHeads) / heads) * headDim;
        const logits = seen.map((j) => {
          let sum = 0;
          for (let d = 0; d < headDim; d++) sum += query[head * headDim + d] * keys[j][own + d];
          return sum / Math.sqrt(headDim);
        });
        const shares = softmax(logits);
        return Array.from({ length: headDim }, (_, d) => {
          let sum = 0;
          for (let at = 0; at < seen.length; at++) sum += shares[at] * values[seen[at]][own + d];
          return sum;
        });
      }).flat();
    });
  }

  /** SigLIP and the projector. */
  function imageTokens(pixels: ArrayLike<number>): Matrix {
    const tower = `${PALIGEMMA}.vision_tower.vision_model`;
    const { patch, imageSize: side, width, heads } = vision;
    const grid = side / patch;
    const kernel = weightOf(`${tower}.embeddings.patch_embedding.weight`);
    const bias = vector(`${tower}.embeddings.patch_embedding.bias`);
    const positions = weightOf(`${tower}.embeddings.position_embedding.weight`);
    let tokens: Matrix = Array.from({ length: grid * grid }, (_, token) => {
      const [top, left] = [Math.floor(token / grid) * patch, (token % grid) * patch];
      return Array.from({ length: width }, (_, w) => {
        let sum = bias[w] + positions[token * width + w];
        for (let c = 0; c < 3; c++)
          for (let y = 0; y < patch; y++)
            for (let x = 0; x < patch; x++)
              sum +=
                kernel[((w * 3 + c) * patch + y) * patch + x] *
                pixels[(c * side + top + y) * side + left + x];
        return sum;
      });
    });
    for (let layer = 0; layer < vision.depth; layer++) {
      const name = `${tower}.encoder.layers.${layer}`;
      const first = tokens.map((row) => layerNorm(row, `${name}.layer_norm1`));
      const [q, k, v] = ['q', 'k', 'v'].map((p) => linear(first, `${name}.self_attn.${p}_proj`));
      const sizes = { heads, kvHeads: heads, headDim: width / heads };
      const mixed = linear(
        attention(q, k, v, sizes, () => true),
        `${name}.self_attn.out_proj`,
      );
      tokens = tokens.map((row, i) => plus(row, mixed[i]));
      const second = tokens.map((row) => layerNorm(row, `${name}.layer_norm2`));
      const hidden = linear(second, `${name}.mlp.fc1`).map((row) => row.map(gelu));
      const thought = linear(hidden, `${name}.mlp.fc2`);
      tokens = tokens.map((row, i) => plus(row, thought[i]));
    }
    const features = tokens.map((row) => layerNorm(row, `${tower}.post_layernorm`));
    return linear(features, `${PALIGEMMA}.multi_modal_projector.linear`);
  }

  function rotate(row: number[], position: number, headDim: number): number[] {
    const half = headDim / 2;
    return row.map((x, i) => {
      const d = i % headDim;
      const angle = position / 10_000 ** ((d % half) / half);
      const other = d < half ? -row[i + half] : row[i - half];
      return x * Math.cos(angle) + other * Math.sin(angle);
    });
  }

  /** An RMS norm, adaptive where there are conditions, one a row. */
  function rmsNorm(rows: Matrix, name: string, conditions?: Matrix) {
    const normed = rows.map((row) => {
      const size = Math.sqrt(mean(row.map((x) => x * x)) + 1e-6);
      return row.map((x) => x / size);
    });
    if (!conditions) {
      const scale = vector(`${name}.weight`);
      return { rows: normed.map((row) => row.map((x, i) => x * (1 + scale[i]))), gates: undefined };
    }
    const all = linear(conditions, `${name}.dense`);
    const width = rows[0].length;
    const [scale, shift, gates] = [0, 1, 2].map((part) =>
      all.map((row) => row.slice(part * width, (part + 1) * width)),
    );
    return {
      rows: normed.map((row, r) => row.map((x, i) => x * (1 + scale[r][i]) + shift[r][i])),
      gates,
    };
  }

  /**
   * All layers of a Gemma: tokens attend to `past` and, where `sees` says so, to each other. The rest of
   * a last layer of which only keys and values are read is left away.
   */
  function gemma(
    name: string,
    sizes: TransformerConfig,
    start: Matrix,
    positions: number[],
    past: Cache | undefined,
    sees: (query: number, key: number) => boolean,
    conditions?: Matrix,
  ): { tokens: Matrix; layers: Cache['layers'] } {
    let tokens = start;
    const before = past?.valid.length ?? 0;
    const visible = (query: number, key: number) =>
      key < before ? past!.valid[key] : sees(query, key - before);
    const addGated = (added: Matrix, gates: Matrix | undefined) =>
      tokens.map((row, i) => row.map((x, j) => x + added[i][j] * (gates ? gates[i][j] : 1)));
    const layers: Cache['layers'] = [];
    for (let layer = 0; layer < sizes.depth; layer++) {
      const at = `${name}.layers.${layer}`;
      const first = rmsNorm(tokens, `${at}.input_layernorm`, conditions);
      const project = (part: string) => linear(first.rows, `${at}.self_attn.${part}_proj`, false);
      const turn = (rows: Matrix) => rows.map((row, i) => rotate(row, positions[i], sizes.headDim));
      const own = { keys: turn(project('k')), values: project('v') };
      layers.push(own);
      if (!past && layer === sizes.depth - 1) break;
      const keys = [...(past?.layers[layer].keys ?? []), ...own.keys];
      const values = [...(past?.layers[layer].values ?? []), ...own.values];
      const mixed = attention(turn(project('q')), keys, values, sizes, visible);
      tokens = addGated(linear(mixed, `${at}.self_attn.o_proj`, false), first.gates);
      const second = rmsNorm(tokens, `${at}.post_attention_layernorm`, conditions);
      const opened = linear(second.rows, `${at}.mlp.gate_proj`, false);
      const ups = linear(second.rows, `${at}.mlp.up_proj`, false);
      const hidden = opened.map((row, i) => row.map((x, j) => gelu(x) * ups[i][j]));
      tokens = addGated(linear(hidden, `${at}.mlp.down_proj`, false), second.gates);
    }
    return { tokens, layers };
  }

  function prefix({ images, text }: Sample): Cache & { embeddings: Matrix } {
    const seen = images.map(({ pixels }) => imageTokens(pixels));
    const table = weightOf(`${PALIGEMMA}.language_model.embed_tokens.weight`);
    const words = text.ids.map((id) =>
      Array.from(
        { length: language.width },
        (_, i) => table[id * language.width + i] * Math.sqrt(language.width),
      ),
    );
    const embeddings = [...seen.flat(), ...words];
    const valid = [
      ...seen.flatMap((tokens, i) => tokens.map(() => images[i].present)),
      ...text.valid,
    ];
    let position = -1;
    const positions = valid.map((counts) => (position += Number(counts)));
    const name = `${PALIGEMMA}.language_model`;
    const sees = (_: number, key: number) => valid[key];
    const { layers } = gemma(name, language, embeddings, positions, undefined, sees);
    return { layers, valid, embeddings };
  }

  function embedTime(time: number): number[] {
    const half = expert.width / 2;
    const { minPeriod, maxPeriod } = config;
    const angles = Array.from({ length: half }, (_, i) => {
      const period = minPeriod * (maxPeriod / minPeriod) ** (i / (half - 1));
      return (2 * Math.PI * time) / period;
    });
    return [...angles.map(Math.sin), ...angles.map(Math.cos)];
  }

  /** The expert's tokens, of which π0's state is the first, and what conditions its norms; a time a row. */
  function suffix(x: Matrix, times: number[], state: ArrayLike<number>) {
    const embedded = times.map(embedTime);
    const actions = linear(x, 'action_in_proj');
    if (config.variant === 'pi05') {
      const hidden = linear(embedded, 'time_mlp_in').map((row) => row.map(silu));
      const conditions = linear(hidden, 'time_mlp_out').map((row) => row.map(silu));
      return { tokens: actions, conditions };
    }
    const mixed = linear(
      actions.map((row, i) => [...row, ...embedded[i]]),
      'action_time_mlp_in',
    ).map((row) => row.map(silu));
    const timed = linear(mixed, 'action_time_mlp_out');
    return { tokens: [...linear([Array.from(state)], 'state_proj'), ...timed] };
  }

  /** [horizon][actionDim] at one flow time, or at one a row. */
  function velocity(
    x: Matrix,
    time: number | number[],
    cache: Cache,
    state: ArrayLike<number>,
  ): Matrix {
    const times = x.map((_, row) => (typeof time === 'number' ? time : time[row]));
    const { tokens: start, conditions } = suffix(x, times, state);
    const count = cache.valid.filter(Boolean).length;
    const positions = start.map((_, i) => count + i);
    const states = start.length - horizon;
    const sees = (query: number, key: number) => query >= states || key < states;
    const { tokens } = gemma(EXPERT, expert, start, positions, cache, sees, conditions);
    const { rows } = rmsNorm(tokens.slice(states), `${EXPERT}.norm`, conditions);
    return linear(rows, 'action_out_proj');
  }

  const rowsOf = (flat: ArrayLike<number>): Matrix =>
    Array.from({ length: horizon }, (_, row) =>
      Array.from({ length: actionDim }, (_, i) => flat[row * actionDim + i]),
    );

  /** Euler's method; times enter as float32, as the graphs have them. */
  function chunk(sample: Sample, noise: ArrayLike<number>, steps: number): Matrix {
    const cache = prefix(sample);
    let x = rowsOf(noise);
    for (let step = 0; step < steps; step++) {
      const v = velocity(x, Math.fround(1 - step / steps), cache, sample.state);
      x = x.map((row, i) => row.map((value, j) => value - v[i][j] / steps));
    }
    return x;
  }

  return { prefix, velocity, chunk, rowsOf };
}
