/** Has the wall clock go a day ahead, also where a date is made of it. */
const now = Date.now.bind(Date);
Date.now = () => now() + 86_400_000;
const Real = Date;
globalThis.Date = new Proxy(Real, {
  construct: (target, args: [], as) =>
    Reflect.construct(target, args.length === 0 ? [Real.now()] : args, as) as Date,
});
