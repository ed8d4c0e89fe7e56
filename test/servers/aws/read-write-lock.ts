/** Reads together, writes alone, each in the order it came. */
export interface ReadWriteLock {
  read<T>(work: () => Promise<T>): Promise<T>;
  write<T>(work: () => Promise<T>): Promise<T>;
}

export function createReadWriteLock(): ReadWriteLock {
  let lastWrite: Promise<unknown> = Promise.resolve();
  let reads: Promise<unknown>[] = [];
  const settled = (work: Promise<unknown>): Promise<unknown> => work.catch(() => {});
  return {
    read(work) {
      const result = lastWrite.then(work);
      reads.push(settled(result));
      return result;
    },
    write(work) {
      const result = Promise.all([lastWrite, ...reads]).then(work);
      lastWrite = settled(result);
      reads = [];
      return result;
    },
  };
}
