"use strict";
// The page: who we are, which rooms are open, which one is shown, and what is said where.

const $ = (id) => document.getElementById(id);
const CLOCK_MS = 5000;
const VERSION = document.querySelector("meta[name=version]").content;

const app = {
  rooms: new Map(),
  current: null,
  password: "",
  tabs: "BroadcastChannel" in globalThis ? new BroadcastChannel(STORE) : null,

  async begin() {
    memory.load();
    memory.share(() => location.reload());
    this.log = new LogView($("log"), $("newest"));
    this.listen();
    memory.data.current = roomOfAddress() || memory.data.current;
    $("nick").value = memory.data.nick;
    $("room").value = memory.data.current;
    if (!memory.data.nick) return this.askWho();
    $("enter").hidden = true;
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
    $("chat").hidden = $("show-side").hidden = $("status").hidden = true;
    $("enter").hidden = false;
    const wantsPassword = code === "unauthorized";
    if (wantsPassword) $("password-label").hidden = false;
    const impossible = wantsPassword && !Scram.isPossible;
    $("enter-error").textContent = impossible ? "A password needs TLS: open this page with https://" : error;
    (wantsPassword ? $("password") : $("nick")).focus();
  },

  enter() {
    const { data } = memory;
    if (!data.rooms.includes(data.current)) data.rooms.push(data.current);
    for (const [name, room] of this.rooms) if (!data.rooms.includes(name)) this.close(room);
    this.notice("");
    $("enter").hidden = true;
    $("chat").hidden = $("show-side").hidden = $("status").hidden = false;
    for (const name of data.rooms) this.open(name);
    this.current = null; // what is typed there may be older than the draft of another tab
    this.show(this.rooms.get(data.current));
    $("text").focus();
  },

  open(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, new Room(name, this));
    const room = this.rooms.get(name);
    if (room.isStopped) room.start(this.password);
  },

  join(name) {
    this.open(name);
    if (!memory.data.rooms.includes(name)) memory.data.rooms.push(name);
    this.show(this.rooms.get(name));
  },

  leave(room) {
    if (this.rooms.size === 1) return room.info("This is your only room");
    this.close(room);
    memory.leave(room.name);
    if (room !== this.current) return this.counts();
    this.current = null;
    this.show(this.rooms.get(this.before) || [...this.rooms.values()][0]);
  },

  close(room) {
    if (room.isOn) room.connection.send({ type: "bye" });
    room.stop();
    this.rooms.delete(room.name);
  },

  forget() {
    for (const room of this.rooms.values()) this.close(room);
    memory.forget();
    history.replaceState(null, "", location.pathname);
    location.reload();
  },

  clear(room) {
    room.clear();
    this.log.show(room);
  },

  show(room) {
    if (this.current !== room) this.before = this.current?.name; // where one is again, having left this one
    this.current = room;
    memory.data.current = room.name;
    history.replaceState(null, "", `#${encodeURIComponent(room.name)}`);
    room.seen();
    this.write(memory.data.drafts[room.name] || "");
    side.unfold(false);
    this.log.show(room);
    this.changed(room);
    this.status(room);
  },

  // --- what rooms tell

  rows(room, rows) {
    const news = this.unread(room, rows);
    if (room === this.current) this.log.append(news);
  },

  // Return how many rows are news to somebody who has not looked here.
  unread(room, rows) {
    const news = rows.filter((row) => room.isNews(row)).length;
    if (room === this.current && !document.hidden) room.seen();
    else if (news) {
      room.unread += news;
      this.counts();
    }
    return news;
  },

  older(room, count) {
    if (room === this.current) this.log.older(count);
  },

  forgotten(room, count) {
    if (room === this.current) this.log.forgotten(count);
  },

  firstShown(room) {
    return room === this.current ? this.log.from : room.rows.length;
  },

  changedRows(room, at) {
    if (room === this.current) this.log.changedRows(at);
  },

  // What could not be sent can be typed otherwise.
  giveBack(room, { type, to, text, action }) {
    const start = type === "whisper" ? `/msg ${to} ` : action ? "/me " : text.startsWith("/") ? "/" : "";
    if (room === this.current ? $("text").value : memory.data.drafts[room.name]) return;
    if (room === this.current) this.write(start + text);
    else memory.data.drafts[room.name] = start + text;
    memory.save();
  },

  redraw(room) {
    if (room === this.current) this.log.show(room);
  },

  status(room) {
    this.counts();
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
    side.showPeople(room.people);
  },

  // We have one name in all rooms.
  renamed(room) {
    if (memory.data.nick === room.nick) return;
    memory.data.nick = room.nick;
    memory.save();
    for (const one of this.rooms.values()) {
      if (one !== room && one.isOn) one.connection.send({ type: "nick", nick: room.nick });
    }
  },

  entered(room, isBack) {
    if (this.isAdvice) this.notice("");
    if (room !== this.current) return;
    if (!document.hidden) room.seen();
    if (isBack) this.compareVersions();
  },

  refused(room, error) {
    const isOurs = ["nick_taken", "nick_invalid", "unauthorized"].includes(error.code);
    const isAlone = [...this.rooms.values()].every((one) => one === room || one.isStopped);
    if (!isOurs && !isAlone) {
      if (error.code === "room_invalid") this.leave(room);
      return this.notice(`${room.name}: ${error.text}`);
    }
    for (const one of this.rooms.values()) one.stop();
    this.rooms.clear();
    if (error.code === "room_invalid") memory.leave(room.name);
    this.askWho(error.text, error.code);
  },

  ended(room, bye) {
    if (bye.code === "nick_taken") this.offerToUseHere("This chat was opened in another tab or window.");
    else this.notice(bye.why, "Enter again", () => this.enter());
  },

  advise(text) {
    this.notice(text);
    this.isAdvice = true; // until the connection is back
  },

  // The server may have been updated meanwhile, and this page with it.
  async compareVersions() {
    const answer = await fetch("./", { method: "HEAD", cache: "no-store" }).catch(() => null);
    const tag = answer && answer.headers.get("ETag");
    if (tag && !tag.includes(VERSION)) this.notice("The server has a newer version of this page.", "Reload", () => location.reload());
  },

  notice(text, button = "", act = null) {
    this.isAdvice = false;
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
    side.showRooms([...this.rooms.values()], this.current, (room) => this.show(room));
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
    $("text").addEventListener("input", () => this.typed());
    $("add-room").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = $("new-room").value.trim();
      $("new-room").value = "";
      if (name) this.join(name);
    });
    $("forget").addEventListener("click", () => this.forget());
    $("show-side").addEventListener("click", () => side.unfold(!side.isUnfolded));
    document.querySelector("main").addEventListener("click", () => side.unfold(false));
    addEventListener("keydown", (event) => event.key === "Escape" && side.unfold(false));
    addEventListener("hashchange", () => this.current && roomOfAddress() && this.join(roomOfAddress()));
    if (this.tabs) {
      this.tabs.addEventListener("message", (event) => {
        if (event.data === "anybody?" && [...this.rooms.values()].some((room) => room.isOn)) this.tabs.postMessage("here");
      });
    }
    for (const event of ["online", "pageshow"]) addEventListener(event, () => this.check());
    document.addEventListener("resume", () => this.check());
    document.addEventListener("visibilitychange", () => !document.hidden && this.lookedAt());
    this.watchClock();
  },

  lookedAt() {
    if (this.current) this.current.seen();
    this.counts();
    this.check();
  },

  // A machine that has slept tells no page of it.
  watchClock() {
    let before = Date.now();
    setInterval(() => {
      const now = Date.now();
      if (now - before > 2 * CLOCK_MS && !document.hidden) this.check();
      before = now;
    }, CLOCK_MS);
  },

  check() {
    for (const room of this.rooms.values()) room.connection.check();
  },

  send() {
    const text = $("text").value.replace(/\s+$/, "");
    if (!text) return;
    const room = this.current;
    this.write("");
    this.log.toEnd();
    if (carryOut(this, room, text) === false) this.write(text);
  },

  // Put a text where one types.
  write(text) {
    $("text").value = text;
    this.typed();
  },

  typed() {
    const text = $("text").value;
    $("text").rows = Math.min(5, text.split("\n").length); // for browsers without field-sizing
    memory.data.drafts[this.current.name] = text;
    memory.save();
  },
};

// ``/#ROOM`` opens a room.
function roomOfAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

app.begin();
