import { Ajv, type ValidateFunction } from "ajv";
import type { Exchange } from "../https-service.ts";
import { type Correction, corrections } from "./corrections.ts";
import type { DescribedOperation, Description, Schema } from "./description.ts";
import { readDiscovery, readOpenApi, readSwagger } from "./read-descriptions.ts";
import { type Vendor, vendorData } from "./vendor-data.ts";

export type CheckExchange = (exchange: Exchange) => readonly string[];

const readers: Record<Vendor, (document: any) => Description> = {
  azure: readSwagger,
  google: readDiscovery,
  conjur: readOpenApi,
};

const isTime = (text: string): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text);
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function createAjv(description: Description, coerceTypes: boolean): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: false, coerceTypes });
  for (const name of ["int32", "int64", "unixtime", "base64url", "uri"]) ajv.addFormat(name, true);
  ajv.addFormat("byte", base64);
  ajv.addFormat("date-time", isTime);
  ajv.addFormat("google-datetime", isTime);
  ajv.addFormat("google-duration", /^-?\d+(\.\d{1,9})?s$/);
  ajv.addFormat("google-fieldmask", /^[A-Za-z.]+(,[A-Za-z.]+)*$/);
  ajv.addSchema({ schemas: description.schemas }, "vendor");
  return ajv;
}

/** Points references at the schema that holds the named ones. */
const anchored = (schema: Schema): Schema => JSON.parse(JSON.stringify(schema).replaceAll('"#/schemas/', '"vendor#/schemas/'));

/** Checks exchanges against a description, both ways. Problems name the operation and the place, never a value. */
function createCheck(description: Description): CheckExchange {
  const ajvs = { json: createAjv(description, false), text: createAjv(description, true) };
  const compiled = new Map<Schema, ValidateFunction>();
  const explain = (schema: Schema, value: unknown, kind: "json" | "text"): string | undefined => {
    let validate = compiled.get(schema);
    if (validate === undefined) {
      validate = ajvs[kind].compile(anchored(schema));
      compiled.set(schema, validate);
    }
    if (validate(value)) return undefined;
    const [error] = validate.errors ?? [];
    const extra = error?.params.additionalProperty;
    return `${error?.instancePath || "the whole"} ${error?.message}${extra ? ` (${extra})` : ""}`;
  };
  const explainText = (schema: Schema, text: string): string | undefined => {
    if (explain(schema, text, "text") === undefined) return undefined;
    return "does not fit its schema";
  };

  const patterns = description.operations.map((operation) => ({
    operation,
    pattern: new RegExp(`^${operation.template.replace(/[.+$]/g, "\\$&").replace(/\{[^}]+\}/g, "([^/]+?)")}$`),
    names: [...operation.template.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name ?? ""),
  }));

  const find = (method: string, path: string) =>
    patterns
      .filter(({ operation, pattern }) => operation.method === method && pattern.test(path))
      .sort((a, b) => a.names.length - b.names.length || b.operation.template.length - a.operation.template.length)[0];

  const checkBody = (where: string, contents: Record<string, Schema>, type: string, body: Buffer, problems: string[]): void => {
    const media = type.split(";")[0]?.trim().toLowerCase() ?? "";
    const schema = contents[media];
    if (schema === undefined) {
      problems.push(`${where}: ${media || "no content type"} is not among ${Object.keys(contents).join(", ") || "none"}`);
      return;
    }
    let value: unknown = body.toString();
    if (media === "application/json") {
      try {
        value = JSON.parse(body.toString());
      } catch {
        problems.push(`${where}: no JSON`);
        return;
      }
    } else if (media === "application/x-www-form-urlencoded") {
      value = Object.fromEntries(new URLSearchParams(body.toString()));
    }
    const reason = explain(schema, value, "json");
    if (reason !== undefined) problems.push(`${where}: ${reason}`);
  };

  const checkRequest = (
    operation: DescribedOperation,
    values: Map<string, string>,
    { request }: Exchange,
    problems: string[],
  ): void => {
    for (const name of request.query.keys()) {
      if (!operation.parameters.some((parameter) => parameter.in === "query" && parameter.name === name)) {
        problems.push(`query parameter ${name} is not described`);
      }
    }
    for (const { name, in: place, required, schema } of operation.parameters) {
      const sent = { path: values.get(name), query: request.query.get(name), header: request.headers[name.toLowerCase()] }[place];
      if (sent === undefined || sent === null) {
        if (required) problems.push(`${place} parameter ${name} is missing`);
      } else {
        const reason = explainText(schema, String(sent));
        if (reason !== undefined) problems.push(`${place} parameter ${name} ${reason}`);
      }
    }
    if (request.body.length === 0) {
      if (operation.body?.required) problems.push("the request has no body");
    } else if (operation.body === undefined) {
      problems.push("the request has a body");
    } else {
      checkBody("the request", operation.body.contents, request.headers["content-type"] ?? "", request.body, problems);
    }
  };

  const checkAnswer = (operation: DescribedOperation, { answer }: Exchange, problems: string[]): void => {
    if (answer === undefined) return;
    const described = operation.answers[answer.status] ?? operation.answers.default;
    const body = Buffer.from(answer.body ?? "");
    if (described === undefined) problems.push(`the status ${answer.status} is not described`);
    else if (described.contents === undefined) return;
    else if (body.length === 0 && Object.keys(described.contents).length === 0) return;
    else checkBody(`the answer ${answer.status}`, described.contents, answer.headers?.["content-type"] ?? "", body, problems);
  };

  return (exchange) => {
    const { method, path } = exchange.request;
    const found = find(method, path);
    if (found === undefined) return ["the description has no such operation"];
    const texts = found.pattern.exec(path)?.slice(1) ?? [];
    const values = new Map(found.names.map((name, index) => [name, decodeURIComponent(texts[index] ?? "")]));
    const problems: string[] = [];
    checkRequest(found.operation, values, exchange, problems);
    checkAnswer(found.operation, exchange, problems);
    return problems.map((problem) => `not as described (${found.operation.name}): ${problem}`);
  };
}

/** A vendor's description with the given corrections made, as a check. */
export function buildCheck(
  vendor: Vendor,
  document: unknown,
  chosen: readonly Correction[] = corrections[vendor],
): CheckExchange {
  const description = readers[vendor](document);
  for (const { correct } of chosen) correct(description);
  return createCheck(description);
}

const checks = new Map<Vendor, CheckExchange | undefined>();

/** The check for a vendor; undefined where its description is not at hand. */
export function checkExchange(vendor: Vendor): CheckExchange | undefined {
  if (!checks.has(vendor)) {
    const data = vendorData(vendor);
    checks.set(vendor, "missing" in data ? undefined : buildCheck(vendor, data.document));
  }
  return checks.get(vendor);
}
