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
      Object.assign(this.data, JSON.parse(localStorage.getItem(STORE) || "{}"));
    } catch {
      // a browser that keeps nothing, or something that is not ours: begin anew
    }
    this.save();
  },

  save() {
    try {
      localStorage.setItem(STORE, JSON.stringify(this.data));
    } catch {
      // full, or forbidden: it lasts as long as the page
    }
  },

  forget() {
    try {
      localStorage.removeItem(STORE);
    } catch {
      // nothing was kept
    }
  },
};
