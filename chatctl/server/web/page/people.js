"use strict";
// Who is in a room.

class People {
  constructor() {
    this.reset([], 0);
  }

  // `count` may be more than there are names: a welcome has 200 of them.
  reset(names, count) {
    this.names = new Set(names);
    this.count = count;
  }

  join({ nicks, count }) {
    for (const nick of nicks) this.names.add(nick);
    this.count = count;
  }

  leave({ nicks, count }) {
    for (const nick of nicks) this.names.delete(nick);
    this.count = count;
  }

  rename(frame) {
    this.names.delete(frame.old);
    this.names.add(frame.new);
  }
}
