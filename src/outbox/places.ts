const FIRST_CAPACITY = 1024;

/** Where the rows of a table are, by their id: 16 bytes each, outside of the heap, whose size is bounded. */
export class Places {
  #ids = new Float64Array(FIRST_CAPACITY);
  #places = new Float64Array(FIRST_CAPACITY);
  #length = 0;
  #isSorted = true;

  get length(): number {
    return this.#length;
  }

  add(id: number, place: number): void {
    if (this.#length === this.#ids.length) this.#grow();
    this.#isSorted &&= this.#length === 0 || id >= (this.#ids[this.#length - 1] as number);
    this.#ids[this.#length] = id;
    this.#places[this.#length] = place;
    this.#length += 1;
  }

  /** Ids ascending, each once, with every place that has it. */
  *entries(): Generator<{ id: number; places: number[] }> {
    this.#sort();
    for (let i = 0; i < this.#length; ) {
      const places = this.#from(i);
      yield { id: this.#ids[i] as number, places };
      i += places.length;
    }
  }

  /** Every place that has an id. */
  of(id: number): number[] {
    this.#sort();
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as number) < id) low = middle + 1;
      else high = middle;
    }
    return this.#ids[low] === id && low < this.#length ? this.#from(low) : [];
  }

  #from(start: number): number[] {
    let end = start;
    while (end < this.#length && this.#ids[end] === this.#ids[start]) end += 1;
    return [...this.#places.subarray(start, end)];
  }

  #grow(): void {
    const [ids, places] = [this.#ids, this.#places];
    this.#ids = new Float64Array(2 * ids.length);
    this.#places = new Float64Array(2 * ids.length);
    this.#ids.set(ids);
    this.#places.set(places);
  }

  #sort(): void {
    if (this.#isSorted) return;
    const [ids, places] = [this.#ids, this.#places];
    const order = Uint32Array.from({ length: this.#length }, (_, i) => i);
    order.sort((a, b) => (ids[a] as number) - (ids[b] as number) || a - b);
    this.#ids = Float64Array.from(order, (i) => ids[i] as number);
    this.#places = Float64Array.from(order, (i) => places[i] as number);
    this.#isSorted = true;
  }
}
