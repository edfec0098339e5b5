"use strict";
// Beside the messages: the rooms, what is unread in each, and who is here. On a telephone it is folded away.

const MOST_PEOPLE = 500; // whose names are listed

const side = {
  get isUnfolded() {
    return $("side").classList.contains("open");
  },

  unfold(isOpen) {
    $("side").classList.toggle("open", isOpen);
    $("show-side").setAttribute("aria-expanded", String(isOpen));
  },

  showRooms(rooms, current, choose) {
    $("rooms").replaceChildren(...rooms.map((room) => roomItem(room, room === current, () => choose(room))));
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    document.title = unread ? `(${unread}) chatctl` : "chatctl";
    $("show-side").textContent = unread ? `Rooms, people (${unread})` : "Rooms, people";
  },

  showPeople({ names, count }) {
    $("people-title").textContent = `Here: ${count}`;
    $("people").replaceChildren(...[...names].sort().slice(0, MOST_PEOPLE).map((nick) => makeItem("bdi", nick)));
    if (count > MOST_PEOPLE) $("people").append(makeItem("span", `and ${count - MOST_PEOPLE} more`));
  },
};

function roomItem(room, isCurrent, choose) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(makeText("bdi", room.name));
  if (isCurrent) button.setAttribute("aria-current", "true");
  if (!room.isOn) button.className = "off";
  if (room.unread) {
    const spoken = makeText("span", ` ${room.unread} unread`);
    spoken.className = "unseen";
    const count = makeText("span", String(room.unread));
    count.className = "count";
    count.setAttribute("aria-hidden", "true");
    button.append(spoken, count);
  }
  button.onclick = choose;
  const item = document.createElement("li");
  item.append(button);
  return item;
}

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
