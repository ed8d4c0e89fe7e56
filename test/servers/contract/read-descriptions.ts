import { type DescribedOperation, type DescribedParameter, type Description, type Schema, toSchema } from "./description.ts";

const methods = ["get", "put", "post", "patch", "delete"];

/** Follows `{ $ref: "#/a/b" }` within a document. */
function follow(document: any, entry: any): any {
  if (typeof entry?.$ref !== "string") return entry;
  const path = entry.$ref.split("/").slice(1);
  return path.reduce((at: any, key: string) => at[key], document);
}

const mapValues = <T, R>(record: Record<string, T> | undefined, change: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record ?? {}).map(([key, value]) => [key, change(value)]));

/** OpenAPI 3.0. */
export function readOpenApi(document: any): Description {
  const schema = (source: unknown): Schema => toSchema(source ?? {}, /^#\/components\/schemas\//);
  const contents = (content: any) => content && mapValues(content, (media: any) => schema(media.schema));
  const operations: DescribedOperation[] = [];
  for (const [template, item] of Object.entries<any>(document.paths)) {
    for (const method of methods) {
      const operation = item[method];
      if (operation === undefined) continue;
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((entry): DescribedParameter => {
        const parameter = follow(document, entry);
        return {
          name: parameter.name,
          in: parameter.in,
          required: parameter.required === true,
          schema: schema(parameter.schema),
        };
      });
      const body = follow(document, operation.requestBody);
      operations.push({
        name: operation.operationId,
        method: method.toUpperCase(),
        template,
        parameters,
        ...(body && { body: { required: body.required === true, contents: contents(body.content) } }),
        answers: mapValues<any, { contents?: Record<string, Schema> }>(operation.responses, (entry) => {
          const { content } = follow(document, entry);
          return content ? { contents: contents(content) } : {};
        }),
      });
    }
  }
  return { operations, schemas: mapValues(document.components.schemas, schema) };
}

/** Swagger 2.0. */
export function readSwagger(document: any): Description {
  const schema = (source: unknown): Schema => toSchema(source ?? {}, /^#\/definitions\//);
  const ofMedia = (source: unknown, medias: string[]) => Object.fromEntries(medias.map((media) => [media, schema(source)]));
  const operations: DescribedOperation[] = [];
  for (const [template, item] of Object.entries<any>(document.paths)) {
    for (const method of methods) {
      const operation = item[method];
      if (operation === undefined) continue;
      const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((entry) => follow(document, entry));
      const body = all.find((parameter) => parameter.in === "body");
      operations.push({
        name: operation.operationId,
        method: method.toUpperCase(),
        template,
        parameters: all
          .filter((parameter) => parameter !== body)
          .map(({ name, in: place, required, ...rest }) => ({
            name,
            in: place,
            required: required === true,
            schema: schema(rest),
          })),
        ...(body && { body: { required: body.required === true, contents: ofMedia(body.schema, document.consumes) } }),
        // Without a schema there is no body.
        answers: mapValues<any, { contents?: Record<string, Schema> }>(operation.responses, (answer) => ({
          contents: answer.schema ? ofMedia(answer.schema, document.produces) : {},
        })),
      });
    }
  }
  return { operations, schemas: mapValues(document.definitions, schema) };
}

/** Google's discovery format. */
export function readDiscovery(document: any): Description {
  const schema = (source: unknown): Schema => toSchema(source ?? {}, /^/);
  const parameter = (name: string, { location, required, repeated, ...rest }: any): DescribedParameter => ({
    name,
    in: location,
    required: required === true,
    schema: repeated ? {} : schema(rest),
  });
  const common = Object.entries<any>(document.parameters).map(([name, entry]) => parameter(name, entry));
  const operations: DescribedOperation[] = [];
  const walk = (node: any): void => {
    for (const resource of Object.values<any>(node.resources ?? {})) {
      for (const method of Object.values<any>(resource.methods ?? {})) {
        const own = Object.entries<any>(method.parameters ?? {}).filter(([, entry]) => entry.location !== "path");
        operations.push({
          name: method.id,
          method: method.httpMethod,
          template: `/${method.flatPath ?? method.path}`,
          parameters: [...common, ...own.map(([name, entry]) => parameter(name, entry))],
          ...(method.request && { body: { required: true, contents: { "application/json": schema(method.request) } } }),
          answers: { "200": { contents: { "application/json": schema(method.response) } } },
        });
      }
      walk(resource);
    }
  };
  walk(document);
  return { operations, schemas: mapValues(document.schemas, schema) };
}
