import type { CallContext } from "@keyhold/core";

/** The verbs of Kubernetes' API that the provider uses; `watch` stands apart. */
export type Verb = "get" | "list" | "create" | "patch" | "delete";

/** One request to the API server. https://kubernetes.io/docs/reference/using-api/api-concepts/ */
export interface ApiRequest {
  readonly verb: Verb;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** In a patch, a list is one of RFC 6902, an object one of RFC 7386. */
  readonly body?: unknown;
  /** Asks for metadata without values: as `PartialObjectMetadata`. */
  readonly metadataOnly?: boolean;
  /** Whether the server may see it twice. Default: what only reads. */
  readonly repeatable?: boolean;
  /** Failures that are answers to this caller. */
  readonly answers?: readonly number[];
}

export interface ApiAnswer<Body> {
  readonly status: number;
  readonly body: Body;
  /** The server's clock, milliseconds since 1970. */
  readonly serverTimeAt?: number;
  readonly certificateExpiresAt?: number;
}

/** Sends what the API server is asked, signed in, and gives its answers, or throws a `SecretsError`. */
export interface Transport {
  call<Body>(request: ApiRequest, context: CallContext): Promise<ApiAnswer<Body>>;
  /** Resolves when the server has begun to answer. The deadline does not apply. `410 Gone` comes as an event. */
  watch(request: Pick<ApiRequest, "path" | "query" | "metadataOnly">, context: CallContext): Promise<AsyncIterable<WatchEvent>>;
  /** Where names without a namespace lie. */
  namespace(context: CallContext): Promise<string>;
  close(): void;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  readonly name?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly { readonly time?: string }[];
}

/** https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/ */
export interface ApiSecret {
  readonly metadata?: ObjectMeta;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ApiSecretList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly ApiSecret[];
}

/** What the API server says of a failure. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface ApiStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly metadata?: { readonly continue?: string };
  readonly details?: {
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly field?: string }[];
  };
}

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; readonly object: ApiSecret }
  | { readonly type: "ERROR"; readonly object: ApiStatus };
