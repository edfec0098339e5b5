"use strict";
// The messages on the screen: a window of at most 1,000 rows. It follows the newest one, unless somebody reads further up.

const MOST_ROWS = 1000;
const FLOOD = 20; // rows at once that a screen reader is not read
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

class LogView {
  constructor(element, button) {
    this.element = element;
    this.button = button;
    this.pending = [];
    this.waiting = [];
    element.addEventListener("scroll", () => this.scrolled());
    button.addEventListener("click", () => this.toEnd());
  }

  show(room) {
    this.room = room;
    this.pending = [];
    this.busy(true);
    this.element.replaceChildren(...room.rows.slice(-MOST_ROWS).map(makeRow));
    this.isCut = false; // rows at the end are left out
    this.addWaiting();
    this.toEnd();
  }

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < 40;
  }

  // One change of the page for all that comes within a frame; a hidden page has no frames.
  append(rows) {
    this.pending.push(...rows);
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = () => {
      this.scheduled = false;
      this.draw();
    };
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }

  draw() {
    const rows = this.pending.slice(-MOST_ROWS);
    this.pending = [];
    if (!rows.length || this.isCut) return this.offerEnd();
    const follows = this.isAtEnd;
    this.busy(rows.length > FLOOD);
    this.dropWaiting();
    this.element.append(...rows.map(makeRow));
    if (follows) this.dropFirst();
    else if (this.element.childElementCount > MOST_ROWS) this.dropLast();
    this.addWaiting();
    if (follows) this.toEnd();
    else this.offerEnd();
  }

  older(rows) {
    const before = this.element.scrollHeight - this.element.scrollTop;
    this.busy(true);
    this.element.prepend(...rows.map(makeRow));
    this.element.scrollTop = this.element.scrollHeight - before;
    this.dropLast();
    this.busy(false);
  }

  dropFirst() {
    while (this.element.childElementCount > MOST_ROWS) this.element.firstElementChild.remove();
  }

  dropLast() {
    while (this.element.childElementCount > MOST_ROWS) {
      this.element.lastElementChild.remove();
      this.isCut = true;
    }
  }

  // What we said and the server has not acknowledged stands behind all others.
  addWaiting() {
    if (this.isCut) return;
    this.waiting = this.room.unsent().map((one) => makeRow({ kind: "waiting", nick: this.room.nick || memory.data.nick, text: one.frame.text }));
    this.element.append(...this.waiting);
  }

  dropWaiting() {
    for (const row of this.waiting) row.remove();
    this.waiting = [];
  }

  changed() {
    const follows = this.isAtEnd;
    this.dropWaiting();
    this.addWaiting();
    if (follows) this.toEnd();
  }

  toEnd() {
    if (this.isCut) return this.show(this.room);
    this.element.scrollTop = this.element.scrollHeight;
    this.button.hidden = true;
    requestAnimationFrame(() => this.busy(false));
  }

  offerEnd() {
    this.button.hidden = this.isAtEnd && !this.isCut;
  }

  scrolled() {
    if (this.element.scrollTop < 200) this.room.askOlder();
    if (this.isAtEnd && this.isCut) this.show(this.room);
    this.offerEnd();
  }

  busy(isBusy) {
    this.element.setAttribute("aria-busy", String(isBusy));
  }
}

function makeRow(row) {
  const element = document.createElement("div");
  const own = row.own || (row.nick && row.nick === memory.data.nick);
  element.className = `row ${row.kind}${own ? " own" : ""}`;
  if (row.time) element.append(makeTime(row.time), " ");
  if (row.nick) {
    const nick = document.createElement("bdi");
    nick.className = "nick";
    nick.textContent = row.kind === "action" ? `* ${row.nick}` : row.nick;
    element.append(nick, " ");
  }
  const said = document.createElement("bdi");
  said.className = "said";
  said.append(...withLinks(row.text));
  element.append(said);
  if (row.kind === "waiting") element.append(" (not sent yet)");
  if (row.kind === "whisper") element.append(" (privately)");
  return element;
}

function makeTime(seconds) {
  const time = document.createElement("time");
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return time;
  time.dateTime = date.toISOString();
  const isToday = date.toDateString() === new Date().toDateString();
  time.textContent = isToday
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  return time;
}

function withLinks(text) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    if (!isAddress(match[0])) continue;
    const link = document.createElement("a");
    link.textContent = match[0];
    link.href = match[0];
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    parts.push(text.slice(at, match.index), link);
    at = match.index + match[0].length;
  }
  return [...parts, text.slice(at)];
}

function isAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
