"use strict";
// The page: who we are, which rooms are open, which one is shown, and what is said where.

const $ = (id) => document.getElementById(id);
const VERSION = document.querySelector("meta[name=version]").content;

const app = {
  rooms: new Map(),
  current: null,
  password: "",
  tabs: "BroadcastChannel" in globalThis ? new BroadcastChannel(STORE) : null,

  async begin() {
    memory.load();
    this.log = new LogView($("log"), $("newest"));
    this.listen();
    $("nick").value = memory.data.nick;
    $("room").value = memory.data.current;
    if (!memory.data.nick) return this.askWho();
    if (await this.isElsewhere()) return this.offerToUseHere("This chat is open in another tab.");
    this.enter();
  },

  // --- tabs of one browser share a name, which one connection has

  isElsewhere() {
    if (!this.tabs) return false;
    return new Promise((found) => {
      const answered = (event) => event.data === "here" && found(true);
      this.tabs.addEventListener("message", answered);
      this.tabs.postMessage("anybody?");
      setTimeout(() => {
        this.tabs.removeEventListener("message", answered);
        found(false);
      }, 150);
    });
  },

  offerToUseHere(text) {
    this.notice(text, "Use it here", () => this.enter());
  },

  // --- entering and leaving

  askWho(error = "", code = "") {
    $("chat").hidden = $("show-side").hidden = true;
    $("enter").hidden = false;
    const wantsPassword = code === "unauthorized";
    if (wantsPassword) $("password-label").hidden = false;
    const impossible = wantsPassword && !Scram.isPossible;
    $("enter-error").textContent = impossible ? "A password needs TLS: open this page with https://" : error;
    (wantsPassword ? $("password") : $("nick")).focus();
  },

  enter() {
    this.notice("");
    $("enter").hidden = true;
    $("chat").hidden = $("show-side").hidden = false;
    for (const name of memory.data.rooms) this.open(name);
    this.show(this.rooms.get(memory.data.current) || [...this.rooms.values()][0]);
    $("text").focus();
  },

  open(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, new Room(name, this));
    this.rooms.get(name).start(this.password);
    return this.rooms.get(name);
  },

  join(name) {
    const room = this.rooms.get(name) || this.open(name);
    if (!memory.data.rooms.includes(name)) memory.data.rooms.push(name);
    this.show(room);
  },

  leave(room) {
    if (this.rooms.size === 1) return room.info("This is your only room");
    if (room.isOn) room.connection.send({ type: "bye" });
    room.stop();
    this.rooms.delete(room.name);
    memory.data.rooms = memory.data.rooms.filter((name) => name !== room.name);
    this.show([...this.rooms.values()][0]);
  },

  forget() {
    for (const room of this.rooms.values()) {
      if (room.isOn) room.connection.send({ type: "bye" });
      room.stop();
    }
    memory.forget();
    location.reload();
  },

  clear(room) {
    room.rows = [];
    room.first = room.after + 1;
    this.log.show(room);
  },

  show(room) {
    if (this.current) memory.data.drafts[this.current.name] = $("text").value;
    this.current = room;
    memory.data.current = room.name;
    room.unread = 0;
    $("text").value = memory.data.drafts[room.name] || "";
    $("side").classList.remove("open");
    $("show-side").setAttribute("aria-expanded", "false");
    memory.save();
    this.log.show(room);
    this.changed(room);
    this.status(room);
  },

  // --- what rooms tell

  rows(room, rows) {
    const isSeen = room === this.current && !document.hidden;
    if (!isSeen) room.unread += rows.filter((row) => row.kind !== "info" && row.nick !== memory.data.nick).length;
    if (room === this.current) this.log.append(rows);
    if (!isSeen) this.counts();
  },

  older(room, rows) {
    if (room === this.current) this.log.older(rows);
  },

  redraw(room) {
    if (room === this.current) this.log.show(room);
  },

  status(room) {
    if (room !== this.current) return;
    $("status").textContent = room.status;
    $("status").classList.toggle("off", !room.isOn);
  },

  changed(room) {
    this.counts();
    if (room !== this.current) return;
    this.log.changed();
    $("title").textContent = room.server ? `${room.name} at ${room.server}` : room.name;
    $("topic").textContent = room.topic;
    $("people-title").textContent = `Here: ${room.count}`;
    $("people").replaceChildren(...[...room.people].sort().slice(0, 500).map((nick) => makeItem("bdi", nick)));
  },

  refused(room, error) {
    const isOurs = ["nick_taken", "nick_invalid", "unauthorized"].includes(error.code);
    if (!isOurs && this.rooms.size > 1) {
      this.leave(room);
      return this.notice(error.text);
    }
    for (const one of this.rooms.values()) one.stop();
    this.rooms.clear();
    memory.data.rooms = memory.data.rooms.filter((name) => name !== room.name);
    this.askWho(error.text, error.code);
  },

  ended(room, bye) {
    if (bye.code === "nick_taken") this.offerToUseHere("This chat was opened in another tab or window.");
    else this.notice(bye.why);
  },

  advise(text) {
    this.notice(text);
  },

  // The server may have been updated meanwhile, and this page with it.
  async returned() {
    const answer = await fetch("./", { method: "HEAD", cache: "no-store" }).catch(() => null);
    const tag = answer && answer.headers.get("ETag");
    if (tag && !tag.includes(VERSION)) this.notice("The server has a newer version of this page.", "Reload", () => location.reload());
  },

  notice(text, button = "", act = null) {
    $("notice").hidden = !text;
    $("notice-text").textContent = text;
    $("notice-button").hidden = !text;
    $("notice-button").textContent = button || "OK";
    $("notice-button").onclick = () => {
      $("notice").hidden = true;
      if (act) act();
    };
  },

  counts() {
    const items = [...this.rooms.values()].map((room) => this.roomItem(room));
    $("rooms").replaceChildren(...items);
    const unread = [...this.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
    document.title = unread ? `(${unread}) chatctl` : "chatctl";
    $("show-side").textContent = unread ? `Rooms, people (${unread})` : "Rooms, people";
  },

  roomItem(room) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(makeText("bdi", room.name));
    if (room === this.current) button.setAttribute("aria-current", "true");
    if (room.unread) {
      const count = makeText("span", String(room.unread));
      count.className = "count";
      count.setAttribute("aria-label", `${room.unread} unread`);
      button.append(count);
    }
    button.onclick = () => this.show(room);
    const item = document.createElement("li");
    item.append(button);
    return item;
  },

  // --- what a person does

  listen() {
    $("enter").addEventListener("submit", (event) => {
      event.preventDefault();
      memory.data.nick = $("nick").value.trim();
      memory.data.current = $("room").value.trim();
      if (!memory.data.rooms.includes(memory.data.current)) memory.data.rooms.push(memory.data.current);
      this.password = $("password").value;
      $("password").value = "";
      memory.save();
      this.enter();
    });
    $("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    $("text").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.altKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.send();
    });
    $("text").addEventListener("input", () => {
      memory.data.drafts[this.current.name] = $("text").value;
      memory.save();
    });
    $("add-room").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = $("new-room").value.trim();
      $("new-room").value = "";
      if (name) this.join(name);
    });
    $("forget").addEventListener("click", () => this.forget());
    $("show-side").addEventListener("click", () => {
      const isOpen = $("side").classList.toggle("open");
      $("show-side").setAttribute("aria-expanded", String(isOpen));
    });
    if (this.tabs) {
      this.tabs.addEventListener("message", (event) => {
        if (event.data === "anybody?" && [...this.rooms.values()].some((room) => room.isOn)) this.tabs.postMessage("here");
      });
    }
    addEventListener("online", () => this.check());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      if (this.current) this.current.unread = 0;
      this.counts();
      this.check();
    });
  },

  check() {
    for (const room of this.rooms.values()) if (room.connection) room.connection.check();
  },

  send() {
    const text = $("text").value.replace(/\s+$/, "");
    if (!text) return;
    $("text").value = "";
    memory.data.drafts[this.current.name] = "";
    memory.save();
    this.log.toEnd();
    carryOut(this, this.current, text);
  },
};

function makeText(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

function makeItem(kind, text) {
  const item = document.createElement("li");
  item.append(makeText(kind, text));
  return item;
}

app.begin();
