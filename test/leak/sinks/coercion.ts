import { stringify } from "node:querystring";
import { domainToASCII, pathToFileURL } from "node:url";
import { failure, type Sinks } from "../sink.ts";

const url = "http://127.0.0.1:1/";

/** What makes a string out of anything. */
export const coercion: Sinks = {
  "a template": (value) => `value: ${value}`,
  "String()": (value) => String(value),
  // biome-ignore lint/style/useTemplate: the operator is the sink.
  "+ with a string": (value) => "" + value,
  "+ with a number": (value) => String(1 + value),
  "toString called by hand": (value) => Object(value).toString(),
  "Object.prototype.toString": (value) => `${Object.prototype.toString.call(value)} ${value}`,
  "valueOf called by hand": (value) => String(Object(value).valueOf()),
  "the hints of Symbol.toPrimitive": (value) =>
    ["string", "number", "default"].map((hint) => String(Object(value)[Symbol.toPrimitive]?.(hint) ?? value)),
  "toLocaleString called by hand": (value) => Object(value).toLocaleString(),
  "an array's join": (value) => [[value], value].join("|"),
  "an array's toLocaleString": (value) => [value].toLocaleString(),
  "a property key": (value) => Object.keys({ [value]: 1 }).join(),
  "a symbol's description": (value) => String(Symbol(value).description),
  "Symbol.for": (value) => String(Symbol.keyFor(Symbol.for(value))),
  "String.raw": (value) => String.raw`\n${value}`,
  concat: (value) => "a".concat(value),
  replace: (value) => "a".replace("a", value),
  "JSON.stringify of a template": (value) => JSON.stringify({ authorization: `Bearer ${value}` }),
  encodeURIComponent: (value) => encodeURIComponent(value),
  escape: (value) => escape(value),
  URLSearchParams: (value) => new URLSearchParams({ value }).toString(),
  "URLSearchParams of the value itself": (value) => new URLSearchParams(value).toString(),
  "querystring.stringify": (value) => stringify({ value }),
  "a URL's query": (value) => new URL(`${url}?key=${value}`).href,
  "a URL's password": (value) => Object.assign(new URL(url), { username: "app", password: value }).href,
  domainToASCII: (value) => `${domainToASCII(value)} ${value}`,
  pathToFileURL: (value) => pathToFileURL(`/secrets/${value}`).href,
  Headers: (value) => failure(() => new Headers({ authorization: value })),
  "Headers with a scheme": (value) => failure(() => new Headers({ authorization: `Bearer ${value}` })),
  "FormData.append": (value) => {
    const form = new FormData();
    form.append("value", value);
    return JSON.stringify([...form]);
  },
  "a Request's body": (value) => new Request(url, { method: "POST", body: value }).bytes(),
  "a Response's body": (value) => new Response(value).bytes(),
  Blob: (value) => new Blob([value]).bytes(),
  TextEncoder: (value) => new TextEncoder().encode(value),
  btoa: (value) => failure(() => btoa(value)),
  "Buffer.from": (value) => failure(() => Buffer.from(value).toString("base64")),
  "Uint8Array.from": (value) => failure(() => Buffer.from(Uint8Array.from(value)).toString("hex")),
  "Array.from": (value) => failure(() => JSON.stringify(Array.from(value)).replaceAll('","', "")),
  "a typed array's set": (value) => {
    const target = new Uint8Array(256);
    target.set(Object(value));
    return [target, String(value)];
  },
  "an environment variable": (value) => {
    process.env.KEYHOLD_LEAK = value;
    const text = JSON.stringify(process.env);
    delete process.env.KEYHOLD_LEAK;
    return text;
  },
};
