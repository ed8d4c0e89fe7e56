// The least that a program can do: Node's own client, kept connections, one function.
const agents = {};

export function request({ plain = false, port, method = "GET", path, headers = {}, body }) {
  const { Agent, request: send } = process.getBuiltinModule(plain ? "node:http" : "node:https");
  agents[plain] ??= new Agent(plain ? { keepAlive: true } : { keepAlive: true, ca: process.env.COLD_CA });
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const options = { agent: agents[plain], host: "127.0.0.1", port, method, path, headers: { ...headers, ...length } };
    const sent = send(options, async (response) => {
      try {
        let text = "";
        for await (const chunk of response.setEncoding("utf8")) text += chunk;
        resolve({ status: response.statusCode, json: text === "" ? undefined : JSON.parse(text) });
      } catch (error) {
        reject(error);
      }
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
