// The stock npm EventSource through a proxy that cuts its connections after random bytes.
//     node eventsource_cut.mjs SERVER_PORT   ->   one line of JSON on stdout
import crypto from 'node:crypto';
import net from 'node:net';
import { EventSource } from 'eventsource';

const serverPort = Number(process.argv[2]);
let numCuts = 0;

const proxy = net.createServer((client) => {
  const upstream = net.connect(serverPort, '127.0.0.1');
  let left = 3000 + Math.floor(Math.random() * 30000);
  client.pipe(upstream);
  upstream.on('data', (data) => {
    if (data.length < left) {
      left -= data.length;
      client.write(data);
      return;
    }
    numCuts += 1;
    client.write(data.subarray(0, left));
    client.destroy();
    upstream.destroy();
  });
  upstream.on('end', () => client.end());
  upstream.on('error', () => client.destroy());
  client.on('error', () => upstream.destroy());
});
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));

const text = 'One two three four. Five six seven eight nine. Ten eleven. '.repeat(3);
const made = await fetch(`http://127.0.0.1:${serverPort}/v1/streams`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ gen_text: text, seed: 3, response_format: 'pcm' }),
}).then((answer) => answer.json());

const source = new EventSource(`http://127.0.0.1:${proxy.address().port}${made.stream_url}`);
const hash = crypto.createHash('sha256');
const indices = [];
let digest = '';

source.addEventListener('message', (event) => {
  const chunk = JSON.parse(event.data);
  indices.push(chunk.chunk_index);
  hash.update(Buffer.from(chunk.audio_chunk, 'base64'));
  if (chunk.is_final) digest = chunk.metadata.pcm_sha256;
});
// After the end the page "forgets" to close: the source reconnects once and must be told to stop.
source.addEventListener('error', (event) => {
  if (source.readyState !== EventSource.CLOSED) return;
  const isEqual = hash.digest('hex') === digest;
  console.log(JSON.stringify({ indices, isEqual, numCuts, code: event.code }));
  process.exit(0);
});
