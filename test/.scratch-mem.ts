import { startHttpFace } from "./support/http-face.ts";
import { spawn } from "node:child_process";
const face = await startHttpFace();
const N = Number(process.argv[2] ?? 5000);
globalThis.gc?.();
console.log("before", Math.round(process.memoryUsage().rss / 1e6));
const child = spawn(process.execPath, ["-e", `
const { WebSocket } = require("/work/main/node_modules/ws");
let ok = 0;
async function one() { await new Promise((res, rej) => { const s = new WebSocket(${JSON.stringify(face.url.replace("http", "ws"))} + "/graphql", "graphql-transport-ws");
 s.on("open", () => s.send(JSON.stringify({type:"connection_init",payload:{authorization:"Bearer ${face.apiKey}"}})));
 s.on("message", (d) => { const m = JSON.parse(d); if (m.type === "connection_ack") s.send(JSON.stringify({id:"1",type:"subscribe",payload:{query:"subscription { silence }"}})); if (m.type==="next") { ok++; res(); } });
 s.on("error", rej); s.on("close", (c) => console.log("closed", c)); }); }
(async () => { const t = performance.now(); for (let i = 0; i < ${N}; i += 100) await Promise.all(Array.from({length: 100}, one)); console.log("open", ok, Math.round(performance.now()-t), "ms"); })();
`], { stdio: ["ignore", "inherit", "inherit"] });
for (let i = 0; i < 6; i++) { await new Promise((r) => setTimeout(r, 5000)); globalThis.gc?.(); const m = process.memoryUsage(); console.log(i, "rss", Math.round(m.rss / 1e6), "heap", Math.round(m.heapUsed / 1e6), "hub", face.services.hub.size()); }
child.kill();
await new Promise((r) => setTimeout(r, 1500)); globalThis.gc?.(); console.log("after", Math.round(process.memoryUsage().heapUsed / 1e6), face.trace.slowSourceEnded);
await face.close();
