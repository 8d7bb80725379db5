/** A function of an object that computes once an object and gives the same result from then on. */
export function onceEach<K extends object, V>(compute: (object: K) => V): (object: K) => V {
  const known = new WeakMap<K, V>();
  return (object) => {
    if (!known.has(object)) known.set(object, compute(object));
    return known.get(object)!;
  };
}
