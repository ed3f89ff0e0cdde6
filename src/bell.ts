/** Wakes one waiter: a ring is heard once, also when it came before anybody listened. */
export class Bell {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  /** Resolves with the next ring, or at once when it has rung since it was last heard. */
  async heard(): Promise<void> {
    await this.#rung.promise;
    this.#rung = Promise.withResolvers();
  }
}
