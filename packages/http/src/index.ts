export { type HttpClient, type HttpClientOptions, httpClient, type StreamOptions } from "./http-client.ts";
export { type HttpErrorOptions, httpError } from "./http-error.ts";
export type { HttpRequest } from "./http-request.ts";
export type { HttpResponse } from "./http-response.ts";
export type { HttpStream } from "./http-stream.ts";
export { retryAfterMs } from "./retry-after.ts";
export type { TlsOptions } from "./tls-options.ts";
export { transportError } from "./transport-error.ts";
