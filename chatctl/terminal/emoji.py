"""The :names: of the emoji that are typed most, as other chat programs spell them."""

from __future__ import annotations

_TABLE = """
    +1 👍  -1 👎  100 💯  alarm 🚨  beer 🍺  bell 🔔  bug 🐛  bulb 💡  cake 🍰  check ✅  clap 👏  coffee ☕
    confused 😕  cry 😢  eyes 👀  facepalm 🤦  fire 🔥  gear ⚙️  grin 😁  heart ❤️  hourglass ⏳  hug 🤗
    joy 😂  key 🔑  laughing 😆  lock 🔒  mag 🔍  muscle 💪  ok 👌  package 📦  party 🥳  phone 📞  pin 📌
    pray 🙏  question ❓  rocket 🚀  sad 🙁  scream 😱  shrug 🤷  skull 💀  sleeping 😴  smile 😄  sob 😭
    sparkles ✨  stop 🛑  sun ☀️  sweat 😅  tada 🎉  think 🤔  thumbsdown 👎  thumbsup 👍  tool 🔧  unlock 🔓
    warning ⚠️  wave 👋  wink 😉  x ❌  zap ⚡
"""
_words = _TABLE.split()

EMOJI = dict(zip(_words[::2], _words[1::2], strict=True))
