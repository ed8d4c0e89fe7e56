import { json, type ServiceAnswer } from "../https-service.ts";

/** Canonical codes that Secret Manager answers with: number over gRPC, and HTTP status. */
const codes = {
  INVALID_ARGUMENT: [3, 400],
  NOT_FOUND: [5, 404],
  ALREADY_EXISTS: [6, 409],
  PERMISSION_DENIED: [7, 403],
  RESOURCE_EXHAUSTED: [8, 429],
  FAILED_PRECONDITION: [9, 400],
  ABORTED: [10, 409],
  UNIMPLEMENTED: [12, 501],
  INTERNAL: [13, 500],
  UNAVAILABLE: [14, 503],
  DEADLINE_EXCEEDED: [4, 504],
  UNAUTHENTICATED: [16, 401],
  CANCELLED: [1, 499],
} as const;

export type GoogleStatus = keyof typeof codes;

/** An error as both transports write it. */
export class GoogleError extends Error {
  readonly status: GoogleStatus;
  readonly grpcCode: number;
  readonly httpStatus: number;
  readonly #reason: string | undefined;

  constructor(status: GoogleStatus, message: string, reason?: string) {
    super(message);
    this.status = status;
    [this.grpcCode, this.httpStatus] = codes[status];
    this.#reason = reason;
  }

  answer(): ServiceAnswer {
    const details = this.#reason && [
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: this.#reason, domain: "googleapis.com" },
    ];
    return json(this.httpStatus, {
      error: { code: this.httpStatus, message: this.message, status: this.status, ...(details && { details }) },
    });
  }
}

/** The status that stands for an HTTP status, for faults. */
export function statusForHttp(httpStatus: number): GoogleStatus {
  if (httpStatus === 409) return "ABORTED";
  const found = Object.entries(codes).find(([, [, http]]) => http === httpStatus);
  return (found?.[0] ?? "INTERNAL") as GoogleStatus;
}
