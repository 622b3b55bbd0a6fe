// A list that forgets its oldest items: memory has a bound, however long a task talks.

export class Ring {
  constructor(limit) {
    this.limit = limit;
    this.items = [];
    this.start = 0;
    /** Items that were forgotten. */
    this.forgotten = 0;
  }

  get length() {
    return this.items.length - this.start;
  }

  push(item) {
    this.items.push(item);
    if (this.length > this.limit) {
      this.items[this.start++] = undefined;
      this.forgotten++;
    }
    if (this.start > this.limit) {
      this.items = this.items.slice(this.start);
      this.start = 0;
    }
  }

  at(index) {
    return this.items[this.start + index];
  }

  slice(from, to = this.length) {
    return this.items.slice(this.start + from, this.start + to);
  }

  [Symbol.iterator]() {
    return this.items.slice(this.start)[Symbol.iterator]();
  }
}
