// Something that changes, and those who want to know.

export class Store {
  version = 0;
  #readers = new Set();

  subscribe(reader) {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  changed() {
    this.version++;
    for (const reader of this.#readers) reader();
  }
}
