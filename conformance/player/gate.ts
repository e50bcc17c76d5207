/** Lets a few run at a time: a browser that has to share two cores with many drops pictures. */
export type Gate = {
  /** Runs when so many of the places are free, or all of them. */
  take<T>(places: number, work: () => Promise<T>): Promise<T>;
};

export function createGate(width: number): Gate {
  let free = width;
  const waiting: { readonly places: number; readonly enter: () => void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && next.places <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.places;
      next.enter();
    }
  };
  const take = async <T>(wanted: number, work: () => Promise<T>): Promise<T> => {
    const places = Math.min(wanted, width);
    await new Promise<void>((resolve) => {
      waiting.push({ places, enter: resolve });
      admit();
    });
    try {
      return await work();
    } finally {
      free += places;
      admit();
    }
  };
  return { take };
}
