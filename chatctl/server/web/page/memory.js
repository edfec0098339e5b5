"use strict";
// What is kept in this browser: who we are, our rooms, what is not sent yet, and drafts. Never a password or a message.

const STORE = `chatctl:${location.pathname}`; // servers below other paths of one host have their own

function hex(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const memory = {
  data: { token: hex(16), nick: "", rooms: ["lobby"], current: "lobby", read: {}, unsent: [], drafts: {} },

  load() {
    try {
      this.take(localStorage.getItem(STORE));
    } catch {
      // a browser that keeps nothing
    }
    this.save();
  },

  take(kept) {
    try {
      Object.assign(this.data, JSON.parse(kept || "{}"));
    } catch {
      // something that is not ours: begin anew
    }
  },

  save() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.isForgotten) return;
    try {
      localStorage.setItem(STORE, JSON.stringify(this.data));
    } catch {
      // full, or forbidden: it lasts as long as the page
    }
  },

  // For what changes with each message.
  saveSoon() {
    if (!this.timer) this.timer = setTimeout(() => this.save(), 1000);
  },

  forget() {
    this.isForgotten = true;
    try {
      localStorage.removeItem(STORE);
    } catch {
      // nothing was kept
    }
  },

  // Several tabs have it in common: none may write over what another one has written. `forgotten` is called where another one forgets us.
  share(forgotten) {
    addEventListener("storage", (event) => {
      if (event.key !== STORE) return;
      if (event.newValue !== null) return this.take(event.newValue);
      this.isForgotten = true;
      forgotten();
    });
    addEventListener("pagehide", () => this.timer && this.save());
    document.addEventListener("visibilitychange", () => document.hidden && this.timer && this.save());
  },

  leave(room) {
    const { data } = this;
    data.rooms = data.rooms.filter((name) => name !== room);
    data.unsent = data.unsent.filter((one) => one.room !== room);
    delete data.read[room];
    delete data.drafts[room];
    this.save();
  },
};
