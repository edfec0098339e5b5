"use strict";
// One room: its messages, people, what is not sent yet, and how many are unread.

const HISTORY = 100;
const KEPT = 5000; // rows of a room in the page's memory, and those below which somebody reads
const MOST_KEPT = 50000;
const PAGE = 200;
const MISSING = {
  retention: "they are no longer kept",
  slow: "this page was too slow for them",
  lost: "the server has lost them",
};

class Room {
  // Its `view` is the page, which shows one room of several (app.js).
  constructor(name, view) {
    this.name = name;
    this.view = view;
    this.rows = []; // in the order in which they are shown
    this.base = 0; // where the rows of the log begin that the server has now
    this.whispers = new Map(); // those that are not acknowledged, by id
    this.people = new People();
    this.topic = "";
    this.unread = 0;
    this.epoch = null;
    this.after = 0;
    this.readTo = 0;
    this.first = 1;
    this.cleared = 0;
    this.status = "";
    this.isOn = false;
    this.asking = false;
  }

  start(password) {
    this.password = password;
    this.connection = new Connection(this);
    this.connection.open();
  }

  stop() {
    this.connection.stop();
  }

  // Until somebody starts it again.
  get isStopped() {
    return !this.connection || this.connection.stopped;
  }

  // --- what the connection asks and tells

  hello() {
    const { nick, token } = memory.data;
    const start = this.epoch === null ? { history: HISTORY } : { resume: { epoch: this.epoch, after: this.after, cut: true } };
    return { nick, token, room: this.name, ...start };
  }

  state(text, isOn) {
    this.status = text;
    this.isOn = isOn;
    this.view.status(this);
  }

  entered(welcome) {
    const isBack = this.epoch !== null;
    if (!isBack) this.begin(welcome);
    else if (this.epoch !== welcome.epoch) this.anew(welcome);
    this.first = Math.max(welcome.first, this.cleared);
    this.last = welcome.last;
    this.asking = false;
    this.limits = welcome.limits;
    this.topic = welcome.topic || "";
    this.server = welcome.server;
    this.nick = welcome.nick;
    this.people.reset(welcome.members, welcome.count);
    if (welcome.count > welcome.members.length) this.connection.send({ type: "who" });
    for (const { frame } of this.unsent()) {
      const why = this.objection(frame);
      if (why) this.failed({ id: frame.id, text: why });
      else this.connection.send(frame);
    }
    for (const { to, text } of this.whispers.values()) this.fail(`It is not known whether ${to} got this:\n${text}`);
    this.whispers.clear();
    this.view.entered(this, isBack);
    this.view.changed(this);
  }

  // The first time in this page: its history is new as far as it was said since somebody read here.
  begin({ epoch, last, limits }) {
    const read = memory.data.read[this.name] || { epoch, seq: last };
    this.epoch = epoch;
    this.after = Math.max(0, last - Math.min(HISTORY, limits.backlog));
    this.readTo = read.epoch === epoch ? Math.min(read.seq, last) : this.after;
    this.unread += Math.max(0, this.after - this.readTo); // what is not among the history
  }

  // The log is another one, or the server knows where we stand in what it has of it.
  anew({ epoch, last, cut }) {
    this.epoch = epoch;
    this.after = cut === undefined ? last : Math.min(cut, this.after);
    this.readTo = cut === undefined ? 0 : Math.min(this.readTo, this.after);
    this.cleared = 0;
    if (cut === undefined) this.base = this.rows.length;
    for (const row of this.rows) if (cut === undefined || row.seq > this.after) delete row.seq;
  }

  // Somebody has seen all of it.
  seen() {
    this.unread = 0;
    this.readTo = this.after;
    if (this.epoch === null) return;
    memory.data.read[this.name] = { epoch: this.epoch, seq: this.after };
    memory.saveSoon();
  }

  isNews(row) {
    return row.kind !== "info" && !row.own && row.nick !== this.nick && !(row.seq <= this.readTo);
  }

  refused(error) {
    this.over(error.text);
    this.view.refused(this, error);
  }

  over(why) {
    this.why = why;
    this.state("Not connected", false);
  }

  ended(bye) {
    this.over(bye.why);
    this.view.ended(this, bye);
  }

  advise(text) {
    this.view.advise(text);
  }

  frame(frame) {
    switch (frame.type) {
      case "msg": return this.message(frame);
      case "ack": return this.acknowledged(frame);
      case "error": return this.failed(frame);
      case "whisper": return this.whispered(frame);
      case "join": return this.came(frame, "joined");
      case "leave": return this.came(frame, "left");
      case "rename": return this.rename(frame);
      case "roster": return this.roster(frame);
      case "page": return this.page(frame);
      case "gap": return this.gap(frame);
      case "redacted": return this.redacted(frame);
      case "notice": return this.info(frame.by ? `${frame.text} (${frame.by})` : frame.text);
      case "room": this.topic = frame.topic || ""; return this.view.changed(this);
      case "rooms": return this.info(frame.rooms.map(roomLine).join("\n"));
      case "whois": return this.info(`${frame.nick}: ${frame.key || "no key"}${frame.claimed ? ", bound to it" : ""}`);
    }
  }

  // --- messages

  message(frame) {
    if (frame.seq <= this.after) return; // shown already
    this.after = frame.seq;
    this.add(messageRow(frame));
  }

  add(row) {
    this.rows.push(row);
    this.view.rows(this, [row]);
    this.forget();
  }

  // Rows below the place where somebody reads are kept, up to a limit.
  forget() {
    const over = this.rows.length - KEPT;
    if (over < PAGE) return;
    const count = this.rows.length > MOST_KEPT ? over : Math.min(over, this.view.firstShown(this));
    if (!count) return;
    this.rows.splice(0, count);
    this.base = Math.max(0, this.base - count);
    this.view.forgotten(this, count);
  }

  info(text) {
    this.add({ kind: "info", text, time: Date.now() / 1000 });
  }

  gap(frame) {
    const count = frame.to - frame.from + 1;
    const isNewLog = frame.why === "lost" && frame.from <= 1;
    if (frame.why !== "lost") this.after = Math.max(this.after, frame.to);
    if (isNewLog) this.info("The server began a new log");
    else if (count > 0) this.info(`${count} ${count === 1 ? "message" : "messages"} missing: ${MISSING[frame.why] || frame.why}`);
    if (!isNewLog) return;
    this.base = this.rows.length;
    this.askOlder(); // what was said in it while we were away
  }

  redacted(frame) {
    const at = [];
    this.rows.forEach((row, place) => frame.seqs.includes(row.seq) && at.push(place));
    for (const one of at) Object.assign(this.rows[one], { kind: "info", nick: "", text: "(redacted)" });
    this.view.changedRows(this, at);
  }

  get oldest() {
    const row = this.rows.find((one) => one.seq);
    return row ? row.seq : this.after + 1;
  }

  askOlder() {
    const isCatchingUp = this.after < this.last; // what was asked for on entering is still coming
    if (this.asking || !this.isOn || isCatchingUp || this.oldest <= this.first) return;
    this.asking = this.connection.send({ type: "history", before: this.oldest, limit: Math.min(PAGE, this.limits.page) });
  }

  page(frame) {
    this.asking = false;
    const rows = frame.entries.filter((one) => one.seq < this.oldest).map(messageRow);
    if (!frame.more) this.first = this.oldest;
    const isNew = this.base > 0 && this.oldest > this.after;
    this.rows.splice(this.base, 0, ...rows);
    if (isNew) this.view.unread(this, rows);
    if (this.base) this.view.redraw(this);
    else this.view.older(this, rows.length);
  }

  // --- saying

  unsent() {
    return memory.data.unsent.filter((one) => one.room === this.name);
  }

  // Return whether it is under way, or waits for the connection.
  say(text, action) {
    const frame = { type: "say", text, id: hex(8), ...(action ? { action: true } : {}) };
    const why = this.isStopped ? `Not connected: ${this.why}` : this.objection(frame);
    if (why) return this.refuse(why);
    memory.data.unsent.push({ room: this.name, frame });
    memory.save();
    if (this.isOn) this.connection.send(frame);
    this.view.changed(this);
    return true;
  }

  whisper(to, text) {
    if (!this.isOn) return this.refuse("Not connected: a private message is not stored for later");
    const frame = { type: "whisper", to, text, id: hex(8) };
    const why = this.objection(frame);
    if (why) return this.refuse(why);
    this.whispers.set(frame.id, frame);
    return this.connection.send(frame);
  }

  // Why the server would not take it; a line that is too long would end the connection, each time anew.
  objection(frame) {
    const { limits } = this;
    if (!limits) return "";
    const size = utf8(frame.text).length;
    if (size > limits.text) return `a message has at most ${limits.text} bytes, this one has ${size}`;
    return utf8(JSON.stringify(frame)).length > limits.line ? "there are too many control characters in it" : "";
  }

  refuse(why) {
    this.info(why);
    return false;
  }

  settled(id) {
    const at = memory.data.unsent.findIndex((one) => one.room === this.name && one.frame.id === id);
    if (at < 0) return null;
    const [one] = memory.data.unsent.splice(at, 1);
    memory.save();
    return one.frame;
  }

  acknowledged(frame) {
    const { to, text } = this.whispers.get(frame.id) || {};
    if (this.whispers.delete(frame.id)) this.add({ kind: "whisper", nick: `${this.nick} → ${to}`, text, time: frame.time, own: true });
    if (this.settled(frame.id)) this.view.changed(this);
  }

  failed(frame) {
    const lost = this.whispers.get(frame.id) || (frame.id && this.settled(frame.id));
    this.whispers.delete(frame.id);
    this.asking = false;
    this.fail(lost ? `Not sent (${frame.text}):\n${lost.text}` : frame.text);
    if (lost) this.view.giveBack(this, lost);
    this.view.changed(this);
  }

  fail(text) {
    this.add({ kind: "failed", text, time: Date.now() / 1000 });
  }

  whispered(frame) {
    this.lastFrom = frame.from;
    this.add({ kind: "whisper", nick: frame.from, text: frame.text, time: frame.time });
  }

  clear() {
    this.rows = [];
    this.base = 0;
    this.first = this.cleared = this.after + 1;
  }

  // --- people

  came(frame, did) {
    if (did === "joined") this.people.join(frame);
    else this.people.leave(frame);
    const shown = frame.nicks.slice(0, 5).join(", ");
    const more = frame.nicks.length > 5 ? ` and ${frame.nicks.length - 5} more` : "";
    if (!frame.nicks.includes(this.nick)) this.info(`${shown}${more} ${did}`);
    this.view.changed(this);
  }

  rename(frame) {
    this.people.rename(frame);
    if (this.lastFrom === frame.old) this.lastFrom = frame.new;
    const isOurs = frame.old === this.nick;
    if (isOurs) this.nick = frame.new;
    this.info(`${frame.old} is now ${frame.new}`);
    this.view.changed(this);
    if (isOurs) this.view.renamed(this);
  }

  roster(frame) {
    this.people.reset(frame.members.map((one) => one.nick), frame.count);
    this.view.changed(this);
  }
}

function messageRow(frame) {
  if (frame.redacted) return { kind: "info", seq: frame.seq, text: "(redacted)", time: frame.time };
  return { kind: frame.action ? "action" : "say", seq: frame.seq, nick: frame.nick, text: frame.text, time: frame.time };
}

function roomLine({ name, members, topic }) {
  return `${name}: ${members} here${topic ? `, ${topic}` : ""}`;
}
