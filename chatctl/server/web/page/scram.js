"use strict";
// SCRAM-SHA-256 (RFC 5802, RFC 7677): the password is proved and never sent. A page sees no certificate to bind it to.

const MAX_ITERATIONS = 1000000;

class Scram {
  constructor(password) {
    this.password = saslprep(password);
    this.nonce = base64(crypto.getRandomValues(new Uint8Array(18)));
    this.clientFirst = `n=chatctl,r=${this.nonce}`;
  }

  // Browsers give cryptography to pages that came over TLS or from this machine alone.
  static get isPossible() {
    return Boolean(globalThis.crypto && crypto.subtle);
  }

  first() {
    return `n,,${this.clientFirst}`;
  }

  async final(serverFirst) {
    const parts = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([0-9]{1,7})$/.exec(serverFirst);
    if (!parts || !parts[1].startsWith(this.nonce) || parts[1] === this.nonce) throw new Error("this is no SCRAM");
    const iterations = Number(parts[3]);
    if (iterations < 4096 || iterations > MAX_ITERATIONS) throw new Error(`${iterations} rounds are too few or too many`);
    const salted = await derive(this.password, unbase64(parts[2]), iterations);
    const withoutProof = `c=biws,r=${parts[1]}`;
    const message = `${this.clientFirst},${serverFirst},${withoutProof}`;
    const clientKey = await hmac(salted, "Client Key");
    const stored = new Uint8Array(await crypto.subtle.digest("SHA-256", clientKey));
    const signature = await hmac(stored, message);
    this.serverSignature = base64(await hmac(await hmac(salted, "Server Key"), message));
    return `${withoutProof},p=${base64(clientKey.map((byte, at) => byte ^ signature[at]))}`;
  }

  // Who lets us in without knowing the password is not the server.
  isRight(serverFinal) {
    return this.serverSignature !== undefined && serverFinal === `v=${this.serverSignature}`;
  }
}

// RFC 4013: other spaces are spaces, some characters are nothing, and what is composed is what is not.
function saslprep(text) {
  return text
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, " ")
    .replace(/[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/g, "")
    .normalize("NFKC");
}

async function derive(password, salt, iterations) {
  const key = await crypto.subtle.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
}

async function hmac(key, text) {
  const how = { name: "HMAC", hash: "SHA-256" };
  const signer = await crypto.subtle.importKey("raw", key, how, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", signer, utf8(text)));
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

function unbase64(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}
