'use strict';
/*
 * Socket.IO with its Redis adapter: a room per topic.
 *
 *   a client emits  "subscribe", "orders"  and gets an acknowledgement once it is in the room
 *
 * WebSocket alone (no long polling first), and no compression, which is the default. Messages come from Redis, from
 * another process, as the adapter's emitter sends them; a broadcast to a room is encoded and framed once by Socket.IO.
 *
 * PORT and REDIS_URL come from the environment; "listening" is printed when connections are taken.
 */
const http = require('http');
const { createAdapter } = require('@socket.io/redis-adapter');
const { createClient } = require('redis');
const { Server } = require('socket.io');

const server = http.createServer();
const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();

Promise.all([publisher.connect(), subscriber.connect()]).then(() => {
  const io = new Server(server, {
    adapter: createAdapter(publisher, subscriber),
    httpCompression: false,
    perMessageDeflate: false,
    serveClient: false,
    transports: ['websocket'],
  });
  io.on('connection', (socket) => {
    socket.on('subscribe', (topic, acknowledge) => {
      socket.join(topic);
      acknowledge();
    });
    // The first request of each connection is kept otherwise: as Socket.IO's guide to memory says.
    socket.conn.request = null;
  });
  server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 }, () => console.log('listening'));
});
