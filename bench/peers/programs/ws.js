'use strict';
/*
 * Topics by hand on `ws` and Redis, as one would write it for speed in Node and keep it in production.
 *
 *   a client says  {"subscribe": "orders"}   and is answered  {"subscribed": "orders"}
 *
 * - One Redis connection in subscriber mode for the process, and one SUBSCRIBE per topic that somebody here
 *   wants: Redis sends nothing that nobody reads. Messages are taken as buffers; nothing is decoded.
 * - A message is framed once, whatever the number of its readers, and the same bytes are written to each
 *   reader's socket: what `ws` would do again for each of them in `send()` costs more than the write.
 * - Started as `ws.js coalescing`, it gathers what Redis sent in one turn of the event loop and writes that at once to
 *   each reader of the topic: a second way, as few servers do it, and far cheaper when much is due.
 * - A reader with more than MAX_BUFFERED bytes unsent is cut off; one that answers no ping is too.
 *
 * PORT and REDIS_URL come from the environment; "listening" is printed when connections are taken.
 */
const http = require('http');
const { createClient } = require('redis');
const { Sender, WebSocketServer } = require('ws');

const COALESCING = process.argv[2] === 'coalescing';
const MAX_BUFFERED = 1 << 20;
const PING_MS = 20000;
const TEXT = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true };

const topics = new Map(); // name → { readers: Set of WebSocket, subscribed: Promise }
const redis = createClient({ url: process.env.REDIS_URL });
redis.on('error', (error) => console.error(error.message));

function write(readers, bytes) {
  for (const reader of readers) {
    const socket = reader._socket;
    if (socket.writableLength > MAX_BUFFERED) reader.terminate();
    else socket.write(bytes);
  }
}

const gathered = new Map(); // readers → frames of this turn

function flush() {
  for (const [readers, frames] of gathered) write(readers, frames.length === 1 ? frames[0] : Buffer.concat(frames));
  gathered.clear();
}

function gather(readers, frame) {
  if (gathered.size === 0) setImmediate(flush);
  const frames = gathered.get(readers);
  if (frames) frames.push(frame);
  else gathered.set(readers, [frame]);
}

const send = COALESCING ? gather : write;

function deliver(readers, message) {
  send(readers, Buffer.concat(Sender.frame(message, TEXT)));
}

function subscribe(reader, name) {
  let topic = topics.get(name);
  if (!topic) {
    const readers = new Set();
    topic = { readers, subscribed: redis.subscribe(name, (message) => deliver(readers, message), true) };
    topics.set(name, topic);
  }
  topic.readers.add(reader);
  reader.names.add(name);
  return topic.subscribed;
}

function leave(reader) {
  for (const name of reader.names) {
    const { readers } = topics.get(name);
    readers.delete(reader);
    if (readers.size === 0) {
      topics.delete(name);
      redis.unsubscribe(name);
    }
  }
}

const server = http.createServer((request, response) => response.writeHead(426).end());
const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 65536 });

sockets.on('connection', (reader) => {
  reader.names = new Set();
  reader.alive = true;
  reader.on('message', async (data) => {
    const name = JSON.parse(data).subscribe;
    await subscribe(reader, name);
    reader.send(JSON.stringify({ subscribed: name }));
  });
  reader.on('pong', () => { reader.alive = true; });
  reader.on('error', () => reader.terminate());
  reader.on('close', () => leave(reader));
});

setInterval(() => {
  for (const reader of sockets.clients) {
    if (!reader.alive) reader.terminate();
    reader.alive = false;
    reader.ping();
  }
}, PING_MS);

redis.connect().then(() => server.listen(
  { port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 },
  () => console.log('listening'),
));
