// The `eventsource` package as it comes, on one event stream; a JSON line for everything it notices.
// Arguments: the address, the bearer key, and the names of the events to listen for.
import { EventSource } from "eventsource";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const [url, key, ...types] = process.argv.slice(2);

const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${key}` } }),
});
source.onopen = () => say({ stream: "open" });
source.onerror = (event) => say({ stream: "error", code: event.code ?? null, state: source.readyState });
for (const type of ["message", ...types]) {
  source.addEventListener(type, (event) => say({ type: event.type, id: event.lastEventId, data: event.data }));
}
process.stdin.on("end", () => process.exit(0)).resume();
