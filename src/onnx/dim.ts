/** A dimension: a size, or an expression in named sizes such as `batch`, `text+48` or `8*text+384`. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** Coefficients by monomial; a monomial is its sorted names joined by `*`, the constant's is empty. */
type Polynomial = Map<string, number>;

function parse(dim: Dim): Polynomial {
  if (typeof dim === 'number') return new Map([['', dim]]);
  const terms: Polynomial = new Map();
  for (const term of dim.split('+')) {
    const factors = term.split('*');
    const isNumber = (factor: string) => /^\d+$/.test(factor);
    const coefficient = factors.filter(isNumber).reduce((product, n) => product * Number(n), 1);
    const names = factors.filter((factor) => !isNumber(factor)).sort();
    const monomial = names.join('*');
    terms.set(monomial, (terms.get(monomial) ?? 0) + coefficient);
  }
  return terms;
}

function format(polynomial: Polynomial): Dim {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0);
  if (terms.length === 0) return 0;
  if (terms.length === 1 && terms[0][0] === '') return terms[0][1];
  return terms
    .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a.localeCompare(b)))
    .map(([monomial, coefficient]) =>
      monomial === '' ? coefficient : coefficient === 1 ? monomial : `${coefficient}*${monomial}`,
    )
    .join('+');
}

/** Sum of two dimensions in canonical form. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  const sum = parse(a);
  for (const [monomial, coefficient] of parse(b)) {
    sum.set(monomial, (sum.get(monomial) ?? 0) + coefficient);
  }
  return format(sum);
}

/** Product of two dimensions in canonical form. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const product: Polynomial = new Map();
  for (const [m1, c1] of parse(a)) {
    for (const [m2, c2] of parse(b)) {
      const names = [...m1.split('*'), ...m2.split('*')].filter((name) => name !== '');
      const monomial = names.sort().join('*');
      product.set(monomial, (product.get(monomial) ?? 0) + c1 * c2);
    }
  }
  return format(product);
}

/** Number of elements of a shape. */
export function elementCount(shape: Shape): Dim {
  return shape.reduce((product: Dim, dim) => multiplyDims(product, dim), 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** NumPy's broadcast of two shapes, or undefined where they do not agree. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    result.push(x === 1 ? y : x);
  }
  return result;
}
