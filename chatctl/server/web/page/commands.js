"use strict";
// What can be typed: text, and commands that start with a slash, as in chatctl join.

const COMMANDS = {
  help: ["", "show this list"],
  me: ["TEXT", "say what you are doing: /me waves"],
  msg: ["NICK TEXT", "send a message to one member only; it is not stored"],
  who: ["", "who is here"],
  whois: ["NICK", "whether a name is bound to a key, and to which one"],
  nick: ["NAME", "change your nickname to NAME"],
  join: ["ROOM", "open another room"],
  leave: ["", "leave this room"],
  clear: ["", "clear the screen"],
};

function carryOut(app, room, line) {
  if (!line.startsWith("/")) return room.say(line);
  if (line.startsWith("//")) return room.say(line.slice(1));
  const [, verb, rest] = /^\/(\S*)\s?(.*)$/s.exec(line);
  const name = verb.toLowerCase();
  if (!(name in COMMANDS)) return room.info(`There is no command /${verb}: /help lists them (//${verb} sends it as text)`);
  const [usage] = COMMANDS[name];
  const [, to, text] = /^(\S*)\s*(.*)$/s.exec(rest.trim());
  if ((usage && !to) || (name === "msg" && !text)) return room.info(`Usage: /${name} ${usage}`);
  switch (name) {
    case "help": return room.info(Object.entries(COMMANDS).map(([one, [how, what]]) => `${`/${one} ${how}`.trim()}: ${what}`).join("\n"));
    case "me": return room.say(rest, true);
    case "msg": return room.whisper(to, text);
    case "who": return room.info(`${room.count} here: ${[...room.people].join(", ")}`);
    case "whois": return ask(room, { type: "whois", nick: to });
    case "nick": return ask(room, { type: "nick", nick: rest.trim() });
    case "join": return app.join(to);
    case "leave": return app.leave(room);
    case "clear": return app.clear(room);
  }
}

function ask(room, frame) {
  if (!room.isOn || !room.connection.send(frame)) room.info("Not connected: try again later");
}
