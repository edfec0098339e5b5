"use strict";
// One room: its messages, people, what is not sent yet, and how many are unread.

const HISTORY = 100;
const KEPT = 5000; // messages of a room in the page's memory
const PAGE = 200;

class Room {
  // `view` has: rows(room, rows), older(room, rows), changed(room), status(room), refused(room, error),
  // ended(room, bye), advise(text).
  constructor(name, view) {
    this.name = name;
    this.view = view;
    this.rows = []; // in the order in which they are shown
    this.people = new Set();
    this.count = 0;
    this.topic = "";
    this.unread = 0;
    this.epoch = null;
    this.after = 0;
    this.first = 1;
    this.status = "";
    this.isOn = false;
    this.asking = false;
  }

  start(password) {
    this.password = password;
    if (this.connection) this.connection.stop();
    this.connection = new Connection(this);
  }

  stop() {
    if (this.connection) this.connection.stop();
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
    if (this.epoch !== null) this.view.returned();
    if (this.epoch !== welcome.epoch) {
      this.after = this.epoch === null ? Math.max(0, welcome.last - HISTORY) : welcome.cut ?? welcome.last;
      this.epoch = welcome.epoch;
    }
    this.first = welcome.first;
    this.topic = welcome.topic || "";
    this.server = welcome.server;
    this.nick = welcome.nick;
    this.people = new Set(welcome.members);
    this.count = welcome.count;
    if (welcome.count > welcome.members.length) this.connection.send({ type: "who" });
    for (const one of this.unsent()) this.connection.send(one.frame);
    this.view.changed(this);
  }

  refused(error) {
    this.state("Not connected", false);
    this.view.refused(this, error);
  }

  ended(bye) {
    this.state(`Not connected: ${bye.why}`, false);
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
      case "whisper": return this.add({ kind: "whisper", nick: frame.from, text: frame.text, time: frame.time });
      case "join": return this.come(frame);
      case "leave": return this.go(frame);
      case "rename": return this.rename(frame);
      case "roster": return this.roster(frame);
      case "page": return this.page(frame);
      case "gap": return this.gap(frame);
      case "redacted": return this.redacted(frame);
      case "notice": return this.info(frame.by ? `${frame.text} (${frame.by})` : frame.text);
      case "room": this.topic = frame.topic || ""; return this.view.changed(this);
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
    if (this.rows.length > KEPT) this.rows.splice(0, this.rows.length - KEPT);
    this.view.rows(this, [row]);
  }

  info(text) {
    this.add({ kind: "info", text, time: Date.now() / 1000 });
  }

  gap(frame) {
    const count = frame.to - frame.from + 1;
    if (frame.why === "slow" || frame.why === "retention") this.after = Math.max(this.after, frame.to);
    if (count > 0) this.info(`${count} messages can't be shown (${frame.why})`);
  }

  redacted(frame) {
    for (const row of this.rows) {
      if (frame.seqs.includes(row.seq)) Object.assign(row, { kind: "info", nick: "", text: "(redacted)", changed: true });
    }
    this.view.redraw(this);
  }

  get oldest() {
    const row = this.rows.find((one) => one.seq);
    return row ? row.seq : this.after + 1;
  }

  askOlder() {
    if (this.asking || !this.isOn || this.oldest <= this.first) return;
    this.asking = this.connection.send({ type: "history", before: this.oldest, limit: PAGE });
  }

  page(frame) {
    this.asking = false;
    const rows = frame.entries.filter((one) => one.seq < this.oldest).map(messageRow);
    if (!frame.more) this.first = this.oldest;
    this.rows.unshift(...rows);
    this.view.older(this, rows);
  }

  // --- saying

  unsent() {
    return memory.data.unsent.filter((one) => one.room === this.name);
  }

  say(text, action) {
    const frame = { type: "say", text, id: hex(8), ...(action ? { action: true } : {}) };
    memory.data.unsent.push({ room: this.name, frame });
    memory.save();
    if (this.isOn) this.connection.send(frame);
    this.view.changed(this);
  }

  whisper(to, text) {
    if (!this.isOn) return this.info("Not connected: a private message is not stored for later");
    this.connection.send({ type: "whisper", to, text });
    this.add({ kind: "whisper", nick: `${this.nick} → ${to}`, text, time: Date.now() / 1000, own: true });
  }

  settled(id) {
    const at = memory.data.unsent.findIndex((one) => one.room === this.name && one.frame.id === id);
    if (at < 0) return null;
    const [one] = memory.data.unsent.splice(at, 1);
    memory.save();
    return one.frame;
  }

  acknowledged(frame) {
    if (this.settled(frame.id)) this.view.changed(this);
  }

  failed(frame) {
    const lost = frame.id ? this.settled(frame.id) : null;
    this.add({ kind: "failed", text: lost ? `Not sent (${frame.text}):\n${lost.text}` : frame.text, time: Date.now() / 1000 });
    this.view.changed(this);
  }

  // --- people

  come(frame) {
    for (const nick of frame.nicks) this.people.add(nick);
    this.presence(frame, "joined");
  }

  go(frame) {
    for (const nick of frame.nicks) this.people.delete(nick);
    this.presence(frame, "left");
  }

  presence(frame, did) {
    this.count = frame.count;
    const shown = frame.nicks.slice(0, 5).join(", ");
    const more = frame.nicks.length > 5 ? ` and ${frame.nicks.length - 5} more` : "";
    if (!frame.nicks.includes(this.nick)) this.info(`${shown}${more} ${did}`);
    this.view.changed(this);
  }

  rename(frame) {
    this.people.delete(frame.old);
    this.people.add(frame.new);
    if (frame.old === this.nick) {
      this.nick = memory.data.nick = frame.new;
      memory.save();
    }
    this.info(`${frame.old} is now ${frame.new}`);
    this.view.changed(this);
  }

  roster(frame) {
    this.people = new Set(frame.members.map((one) => one.nick));
    this.count = frame.count;
    this.view.changed(this);
  }
}

function messageRow(frame) {
  if (frame.redacted) return { kind: "info", seq: frame.seq, text: "(redacted)", time: frame.time };
  return { kind: frame.action ? "action" : "say", seq: frame.seq, nick: frame.nick, text: frame.text, time: frame.time };
}
