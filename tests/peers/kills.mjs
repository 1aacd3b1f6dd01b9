// The Phoenix project's own client, as it comes from its package, told what to do by JSON lines on standard input;
// everything it notices is a JSON line on standard output.
import { createInterface } from "node:readline";
import { Socket } from "phoenix";
import { WebSocket } from "ws";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const quick = () => 50;
const [url] = process.argv.slice(2);

const socket = new Socket(url, {
  transport: WebSocket,
  params: { client_identifier: "phoenix-js" },
  heartbeatIntervalMs: 300,
  reconnectAfterMs: quick,
  rejoinAfterMs: quick,
  timeout: 5000,
});
let beats = 0;
socket.onOpen(() => say({ socket: "open" }));
socket.onClose((event) => say({ socket: "closed", code: event.code }));
socket.onMessage((message) => {
  if (message.topic === "phoenix" && beats++ < 2) {
    say({ heartbeat: message.payload.status, response: message.payload.response });
  }
});
socket.connect();

let channel = null;
const commands = {
  join({ topic = "killmails:lobby", payload }) {
    const made = socket.channel(topic, payload);
    made.onError(() => say({ channel: "error" }));
    made.onClose(() => say({ channel: "closed" }));
    made.on("killmail_update", (update) =>
      say({ kills: update.killmails.map((kill) => kill.killmail_id), preload: update.preload }),
    );
    made
      .join()
      .receive("ok", ({ subscription_id, ...response }) => say({ joined: response, id: subscription_id.length }))
      .receive("error", (response) => {
        say({ refused: response });
        made.leave();
      })
      .receive("timeout", () => say({ join: "timeout" }));
    channel = made;
  },
  push({ event, payload }) {
    channel
      .push(event, payload, 1000)
      .receive("ok", (response) => say({ answer: "ok", response }))
      .receive("error", (response) => say({ answer: "error", response }))
      .receive("timeout", () => say({ answer: "timeout" }));
  },
  leave() {
    channel.leave().receive("ok", () => say({ left: "ok" }));
  },
  end() {
    socket.disconnect(() => process.exit(0));
  },
};
createInterface({ input: process.stdin }).on("line", (line) => {
  const { command, ...given } = JSON.parse(line);
  commands[command](given);
});
