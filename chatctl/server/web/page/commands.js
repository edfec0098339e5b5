"use strict";
// What can be typed: text, and commands that start with a slash, as in chatctl join.

const COMMANDS = {
  help: ["", "show this list"],
  me: ["TEXT", "say what you are doing: /me waves"],
  msg: ["NICK TEXT", "send a message to one member only; it is not stored"],
  r: ["TEXT", "answer the last private message of this room"],
  who: ["", "who is here"],
  whois: ["NICK", "whether a name is bound to a key, and to which one"],
  nick: ["NAME", "change your nickname to NAME"],
  topic: ["", "show the topic of the room"],
  rooms: ["", "list the rooms of the server"],
  join: ["ROOM", "open another room"],
  leave: ["", "leave this room; as /part"],
  clear: ["", "clear the screen"],
};

const ALIASES = { part: "leave", names: "who" };

// Return false if the line is to stay where it was typed.
function carryOut(app, room, line) {
  if (!line.startsWith("/")) return room.say(line);
  if (line.startsWith("//")) return room.say(line.slice(1));
  const [, verb, rest] = /^\/(\S*)\s?(.*)$/s.exec(line);
  const name = ALIASES[verb.toLowerCase()] || verb.toLowerCase();
  if (!Object.hasOwn(COMMANDS, name)) return room.refuse(`There is no command /${verb}: /help lists them (//${verb} sends it as text)`);
  const [usage] = COMMANDS[name];
  const [, to, text] = /^(\S*)\s*(.*)$/s.exec(rest.trim());
  if ((usage && !to) || (name === "msg" && !text)) return room.refuse(`Usage: /${name} ${usage}`);
  switch (name) {
    case "help": return room.info(Object.entries(COMMANDS).map(([one, [how, what]]) => `${`/${one} ${how}`.trim()}: ${what}`).join("\n"));
    case "me": return room.say(rest, true);
    case "msg": return room.whisper(to, text);
    case "r": return room.lastFrom ? room.whisper(room.lastFrom, rest.trim()) : room.refuse("Nobody has sent you a private message here");
    case "topic": return room.info(room.topic || "This room has no topic");
    case "rooms": return ask(room, { type: "rooms" });
    case "who": return room.info(`${room.people.count} here: ${[...room.people.names].join(", ")}`);
    case "whois": return ask(room, { type: "whois", nick: to });
    case "nick": return ask(room, { type: "nick", nick: rest.trim() });
    case "join": return app.join(to);
    case "leave": return app.leave(room);
    case "clear": return app.clear(room);
  }
}

function ask(room, frame) {
  return (room.isOn && room.connection.send(frame)) || room.refuse("Not connected: try again later");
}
